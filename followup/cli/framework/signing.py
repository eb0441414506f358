"""Signing at a terminal: the key file, and the passphrase that opens it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from followup.catalogue.signers import file_name
from followup.cli.framework.boundary import WrongUse
from followup.domain.errors import ConfigurationError, NotFound
from followup.signatures.minisign import SigningKey
from followup.signatures.secret_key import unlocked

KeyFile = Annotated[
    Path,
    typer.Option(
        "--key", metavar="FILE", help="Your secret key file, as followup keys sign new made it."
    ),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Read the passphrase from the first line of a file; - is the input."
    ),
]


def signing_key(file: Path, passphrase_file: Path | None) -> SigningKey:
    """Return the unlocked key of a file; the passphrase is asked for where no file has it."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"the key {file} can't be read: {error}") from error
    return unlocked(text, passphrase(passphrase_file, twice=False))


def passphrase(file: Path | None, *, twice: bool) -> str:
    """Return a passphrase from a file, or typed unseen at a terminal."""
    if file is not None:
        try:
            text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise NotFound(f"the passphrase can't be read from {file}: {error}") from error
        return text.splitlines()[0] if text else ""
    if not sys.stdin.isatty():
        raise WrongUse("there is no terminal to type the passphrase at: use --passphrase-file")
    typed: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True)
    return typed


def usual_key_file(name: str) -> Path:
    """Return where a person's secret key lies if they don't say otherwise."""
    return Path.home() / ".minisign" / f"{file_name(name)}.key"


def own_folder(folder: Path | None) -> Path:
    """Return the clinic's configuration; what is shipped can hold nobody's key."""
    if folder is None:
        message = (
            "FOLLOWUP_CONFIG_DIR is unset: copy config/ to a folder of the clinic's own, put it "
            "under version control, and set FOLLOWUP_CONFIG_DIR to it"
        )
        raise ConfigurationError(message)
    return folder
