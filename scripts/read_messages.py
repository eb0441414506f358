"""Prints every message for reading through: `python -m scripts.read_messages --help`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from followup.catalogue.load import load_catalogue
from followup.content.layers import load_content, words_of
from followup.domain.channel import ChannelKind
from followup.domain.errors import ConfigurationError
from scripts.read_through import read_through_text


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the messages of each clinic; return 1, with the reason, where there is a fault."""
    parser = ArgumentParser(
        prog="python -m scripts.read_messages",
        description="Print every message as each clinic would send it, with the id of its version.",
    )
    parser.add_argument(
        "--config-dir", type=Path, help="protocols and clinics, if not those shipped"
    )
    parser.add_argument("--channel", choices=[*ChannelKind], help="texts or e-mails alone")
    asked = parser.parse_args(arguments)
    channels = list(ChannelKind) if asked.channel is None else [ChannelKind(asked.channel)]
    try:
        catalogue = load_catalogue(asked.config_dir)
        content = load_content(
            words_of(asked.config_dir), protocols=catalogue.protocols, clinics=catalogue.clinics
        )
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for clinic in catalogue.clinics.values():
        protocols = catalogue.protocols.values()
        page = read_through_text(content, clinic=clinic, protocols=protocols, channels=channels)
        sys.stdout.write(f"{clinic.name}\n\n{page}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
