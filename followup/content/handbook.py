"""What needs no database: protocols, clinics, words and the clock, with little to import."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from followup.catalogue.load import Catalogue, load_catalogue
from followup.clock import Clock
from followup.content.layers import load_content, words_of
from followup.content.library import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentContext:
    """What checking and previewing an enrolment take: no database, no keys, no provider.

    `public_url` is where patients reach their own pages: None where they can't, as on a machine
    that is not on the internet, so that no text holds a link that leads nowhere.
    """

    clock: Clock
    catalogue: Catalogue
    content: Content
    public_url: str | None = field(default=None, kw_only=True)


def read_handbook(
    config_dir: Path | None, *, clock: Clock, public_url: str | None = None
) -> ContentContext:
    """Return the shipped files with those of a clinic's own folder, where it has one."""
    catalogue = load_catalogue(config_dir)
    content = load_content(
        words_of(config_dir), protocols=catalogue.protocols, clinics=catalogue.clinics
    )
    return ContentContext(clock=clock, catalogue=catalogue, content=content, public_url=public_url)
