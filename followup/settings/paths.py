"""Paths of an installation, and which addresses never leave this machine."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from followup.data_files import CHECKOUT
from followup.domain.errors import ConfigurationError

ROOT = CHECKOUT
PORT_FILE = "port"
"""In the data folder, while `followup run --port` goes on: other commands print addresses too."""


def is_checkout() -> bool:
    """Say whether this code runs from a checkout rather than from an installed package."""
    return (ROOT / "pyproject.toml").is_file()


def env_files() -> tuple[Path, ...]:
    """Return the .env files that count, the weightiest last: the working folder's."""
    checkout = (ROOT / ".env",) if is_checkout() else ()
    try:
        return (*checkout, Path.cwd() / ".env")
    except FileNotFoundError:
        # The working folder was deleted under this process.
        return checkout


def default_data_dir() -> Path:
    """Return `var` of a checkout, else the user's data folder (XDG Base Directory Specification).

    An account without a home folder, such as that of a container, gets the one for services.
    """
    if is_checkout():
        return ROOT / "var"
    configured = Path(os.environ.get("XDG_DATA_HOME", ""))
    if configured.is_absolute():
        return configured / "followup"
    try:
        return Path.home() / ".local" / "share" / "followup"
    except RuntimeError:
        return Path("/var/lib/followup")


def make_data_dir(data_dir: Path) -> None:
    """Make the data folder, for this account alone, unless it is there."""
    try:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        data_dir.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the data folder {data_dir} can't be made ({error.strerror}); "
            "set FOLLOWUP_DATA_DIR to a folder that this account may write to"
        ) from error


def note_port(data_dir: Path, port: int | None) -> None:
    """Note where a run listens that was given a port of its own; None forgets it."""
    file = data_dir / PORT_FILE
    if port is None:
        file.unlink(missing_ok=True)
    else:
        file.write_text(f"{port}\n", encoding="utf-8")


def noted_port(data_dir: Path) -> int | None:
    """Return the port that was given to the run on this data, for the addresses of its pages."""
    try:
        return int((data_dir / PORT_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def is_loopback(url: str) -> bool:
    """Say whether an address can only be this machine, without asking any name server."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def reachable(public_url: str) -> str | None:
    """Return the address where patients can open it, and safely: by https, not on this machine."""
    if not public_url.startswith("https:") or is_loopback(public_url):
        return None
    return public_url.rstrip("/")
