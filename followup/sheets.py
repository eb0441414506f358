"""Sheets: reports as sections and entries, and as one page of HTML that needs no server."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import Environment, StrictUndefined

from followup.data_files import data_folder

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened: when, what, the facts about it, and exact words."""

    when: str
    what: str
    facts: Facts = ()
    words: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and what stands under it; `empty` is said where that is nothing."""

    heading: str
    entries: tuple[Entry, ...]
    empty: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The whole report. `verdict` says whether the trail is as it was written."""

    facts: Facts
    verdict: str
    is_broken: bool
    sections: tuple[Section, ...]


def html_of(sheet: Sheet, *, title: str, note: str | None = None) -> str:
    """Return a sheet as a page; `note` stands in a box above all else."""
    source = (data_folder("templates") / "sheets" / "sheet.html").read_text(encoding="utf-8")
    sandbox = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    page = sandbox.from_string(source).render(sheet=sheet, title=title, note=note)
    return page.lstrip()
