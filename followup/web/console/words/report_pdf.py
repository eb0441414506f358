"""Audit report as a PDF, with fonts of its own."""

from __future__ import annotations

from datetime import datetime

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from followup.sheets import Entry, Facts, Section, Sheet
from followup.web.typeface import FONT, add_typeface, close_typeface, printable

MARGIN, KEY, LINE = 18.0, 50.0, 5.0
GREY, INK = (76, 98, 114), (33, 43, 50)


class _Paper(FPDF):
    """A4 pages, each with its number and what it is part of."""

    def __init__(self, *, title: str, foot: str, made_at: datetime) -> None:
        super().__init__(format="A4")
        self._foot = foot
        self.set_margin(MARGIN)
        self.set_auto_page_break(auto=True, margin=MARGIN + 6)
        add_typeface(self)
        self.set_title(title)
        self.set_lang("en-GB")
        self.set_creation_date(made_at)
        self.alias_nb_pages()

    def footer(self) -> None:
        self.set_y(-MARGIN)
        self.say(f"{self._foot}. Page {self.page_no()} of {{nb}}", size=8, colour=GREY)

    def say(
        self,
        text: str,
        *,
        size: float = 10,
        bold: bool = False,
        colour: tuple[int, int, int] = INK,
        indent: float = 0,
    ) -> None:
        """Write a paragraph."""
        self.set_font(FONT, "B" if bold else "", size)
        self.set_text_color(*colour)
        self.set_x(MARGIN + indent)
        height = LINE * size / 10
        self.multi_cell(0, height, printable(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def tell(self, facts: Facts, *, indent: float = 0) -> None:
        """Write names and values in two columns."""
        for key, value in facts:
            if self.will_page_break(2 * LINE):
                self.add_page()
            self.set_font(FONT, "", 9)
            self.set_text_color(*GREY)
            self.set_x(MARGIN + indent)
            top, page = self.get_y(), self.page_no()
            self.multi_cell(
                KEY - 2, LINE, printable(key), align="L", new_x=XPos.RIGHT, new_y=YPos.NEXT
            )
            bottom = self.get_y()
            self.set_xy(MARGIN + indent + KEY, top)
            self.set_text_color(*INK)
            self.multi_cell(
                0, LINE, printable(value), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
            )
            if self.page_no() == page:
                self.set_y(max(self.get_y(), bottom))


def pdf_of(sheet: Sheet, *, title: str, foot: str, made_at: datetime) -> bytes:
    """Return the sheet as a PDF; `foot` stands at the end of each page."""
    paper = _Paper(title=title, foot=foot, made_at=made_at)
    paper.add_page()
    paper.say(title, size=20, bold=True)
    paper.ln(3)
    paper.tell(sheet.facts)
    if sheet.verdict:
        paper.ln(3)
        paper.say("Proof of the audit trail", size=11, bold=True)
        paper.say(sheet.verdict, bold=sheet.is_broken)
    for section in sheet.sections:
        _section(paper, section)
    try:
        return bytes(paper.output())
    finally:
        close_typeface(paper)


def _section(paper: _Paper, section: Section) -> None:
    if paper.will_page_break(8 * LINE):
        paper.add_page()
    paper.ln(6)
    paper.say(section.heading, size=14, bold=True)
    paper.ln(1)
    if not section.entries:
        paper.say(section.empty)
    for entry in section.entries:
        _entry(paper, entry)


def _entry(paper: _Paper, entry: Entry) -> None:
    if entry.facts or entry.words:
        if paper.will_page_break(5 * LINE):
            paper.add_page()
        paper.ln(2)
        paper.say(f"{entry.when}: {entry.what}", bold=True)
    else:
        paper.tell(((entry.when, entry.what),))
    if entry.words:
        paper.say(entry.words, size=9.5, indent=6)
    paper.tell(entry.facts)
