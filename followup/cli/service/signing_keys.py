"""`followup keys sign`: the keys by which people sign words."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from followup.catalogue.signers import add_signer, load_signers, revoke_signer
from followup.cli.framework.boundary import Command, Group, WrongUse
from followup.cli.framework.options import AsJson
from followup.cli.framework.registry import new_app
from followup.cli.framework.screen import Column, note, say, say_lines, table
from followup.cli.framework.signing import (
    PassphraseFile,
    own_folder,
    passphrase,
    usual_key_file,
)
from followup.clock import parse_clock
from followup.domain.errors import Conflict
from followup.domain.releases.signer import Signer, SigningRole
from followup.settings.settings import Settings, load_settings
from followup.signatures.secret_key import locked, new_signing_key

USUAL_YEARS = 2
YEAR = timedelta(days=365)
MOST_YEARS = 5

HELP = """Make, list and revoke the keys by which people sign words.

Each person makes a key of their own, on a computer of their own where they can. The secret half
stays with them, under a passphrase; the public half goes into signers/ of FOLLOWUP_CONFIG_DIR,
which belongs under version control.
"""

Name = Annotated[str, typer.Argument(metavar="NAME", help="The person, as reports name them.")]

group = new_app(cls=Group, no_args_is_help=True, help=HELP)


@group.command(cls=Command)
def new(
    name: Name,
    *,
    role: Annotated[list[SigningRole], typer.Option(help="What they may do; may be repeated.")],
    years: Annotated[
        int, typer.Option(min=1, max=MOST_YEARS, help="How long the key counts.")
    ] = USUAL_YEARS,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The secret key file; else ~/.minisign/NAME.key"),
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make a key for a person: the secret file for them, the public one for the clinic."""
    settings = load_settings()
    folder, file = own_folder(settings.config_dir), to or usual_key_file(name)
    if file.exists():
        raise Conflict(f"{file} is there already: name another with --to, or move it away")
    key, now = new_signing_key(), _now(settings)
    text = locked(key, passphrase(passphrase_file, twice=True))
    signer = Signer(
        name=" ".join(name.split()),
        roles=frozenset(role),
        public_key=key.public,
        valid_from=now,
        valid_until=now + years * YEAR,
    )
    public = add_signer(folder, signer)
    _write_secret(file, text)
    say(f"Secret key: {file}")
    say(f"Public key: {public}")
    say(f"Key {key.public.name} counts until {signer.valid_until:%Y-%m-%d}.")
    note(
        "Keep the secret file and its passphrase to yourself; commit the public file once somebody "
        "who knows the person has checked it."
    )


def _write_secret(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(text)


@group.command(name="list", cls=Command)
def list_keys(*, as_json: AsJson = False) -> None:
    """List who may sign, as what, and until when. JSON is one object a line."""
    settings = load_settings()
    signers, now = load_signers(settings.config_dir), _now(settings)
    if as_json:
        say_lines(_as_json(signer) for signer in signers)
        return
    if not signers:
        say("Nobody may sign yet. Make a key with: followup keys sign new NAME --role author")
        return
    columns = [Column(each) for each in ("Name", "May", "Key", "From", "Until", "Counts")]
    table(columns, (_row(signer, now) for signer in signers))


@group.command(cls=Command)
def revoke(
    name: Name,
    *,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DAY", help="Since when it does not count, as 2026-11-29: the day of the theft."
        ),
    ] = None,
) -> None:
    """Say that a person's key counts no more: what it signed since then is not sent.

    Without --since that is from now on, and what it signed before stays approved.
    """
    settings = load_settings()
    at = _now(settings) if since is None else _day(since)
    file, signer = revoke_signer(own_folder(settings.config_dir), name, since=at)
    say(f"The key of {signer.name} is revoked since {at:%Y-%m-%d %H:%M} UTC, in {file}.")


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise WrongUse("--since: write a day as in 2026-11-29") from None


def _now(settings: Settings) -> datetime:
    return parse_clock(settings.clock).now().replace(microsecond=0)


def _row(signer: Signer, now: datetime) -> list[str]:
    counts = all(signer.refusal(role, now) is None for role in signer.roles)
    return [
        signer.name,
        ", ".join(sorted(signer.roles)),
        signer.public_key.name,
        f"{signer.valid_from:%Y-%m-%d}",
        f"{signer.valid_until:%Y-%m-%d}",
        "yes" if counts else "no",
    ]


def _as_json(signer: Signer) -> dict[str, object]:
    return {
        "name": signer.name,
        "roles": sorted(signer.roles),
        "key": signer.public_key.name,
        "public_key": signer.public_key.line,
        "from": signer.valid_from.isoformat(),
        "until": signer.valid_until.isoformat(),
        "revoked": signer.revoked.isoformat() if signer.revoked else None,
    }
