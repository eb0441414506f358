"""A report as one page of HTML that needs no server: for a file, to read and to print."""

from __future__ import annotations

from jinja2 import Environment, StrictUndefined

from followup.data_files import data_folder
from followup.web.console.words.report_sheet import Sheet


def html_of(sheet: Sheet, *, title: str, note: str | None = None) -> str:
    """Return a sheet as a page; `note` stands in a box above all else."""
    source = (data_folder("templates") / "sheets" / "sheet.html").read_text(encoding="utf-8")
    sandbox = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    page = sandbox.from_string(source).render(sheet=sheet, title=title, note=note)
    return page.lstrip()
