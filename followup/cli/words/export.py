"""`followup words export`: the shipped words, as a clinic's own to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from followup.catalogue.load import load_catalogue
from followup.cli.framework.screen import say
from followup.content.export import shipped_words, write_words
from followup.content.layers import words_of
from followup.domain.errors import ConfigurationError
from followup.settings.settings import load_settings


def export(
    *,
    to: Annotated[
        Path | None,
        typer.Option(help="The folder; left out, words in FOLLOWUP_CONFIG_DIR."),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="All that one protocol's messages are made of, as words of its own."),
    ] = None,
    language: Annotated[str | None, typer.Option(help="Words in one language alone.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files that are there and differ.")
    ] = False,
) -> None:
    """Copy the shipped words out, to start from.

    Keep the files that you change, and delete the others: what is not there is as shipped.
    """
    settings = load_settings()
    folder = to or words_of(settings.config_dir)
    if folder is None:
        raise ConfigurationError("Say where to write the words: with --to, or FOLLOWUP_CONFIG_DIR.")
    catalogue = load_catalogue(settings.config_dir)
    found = shipped_words(catalogue.protocols, protocol=protocol, language=language)
    written = write_words(found, folder, force=force)
    say(
        f"{written} files written to {folder}. Keep those that you change, and delete the others: "
        "what is not there is as shipped."
    )
