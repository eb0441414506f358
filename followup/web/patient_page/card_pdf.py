"""Card to hand over as a PDF: A4 or A5, in ordinary or large print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Literal

import segno
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from followup.web.patient_page.card import CardSheet
from followup.web.typeface import FONT, add_typeface, close_typeface

RED, GREY, INK = (179, 38, 30), (66, 85, 99), (33, 43, 50)
QR_SIDE = 34.0
"""Millimetres: a phone reads it from where one holds a card."""
WHEN = 0.42
"""How much of the width the time of a message has."""
QUIET = 4
"""Modules of white around a QR code (ISO/IEC 18004)."""


class Paper(StrEnum):
    """Sizes of paper."""

    A4 = "a4"
    A5 = "a5"


POINTS = {(Paper.A4, False): 11.0, (Paper.A5, False): 9.0}
LARGE_POINTS = 18.0
"""Large print, as the RNIB asks for it."""
SIZES = {Paper.A4: (210.0, 297.0), Paper.A5: (148.0, 210.0)}
"""Width and height in millimetres (ISO 216)."""
MARGINS = {Paper.A4: 16.0, Paper.A5: 10.0}


class _Card(FPDF):
    """A card that is being written, from the right where its language is."""

    def __init__(self, sheet: CardSheet, *, paper: Paper, large: bool) -> None:
        super().__init__(format=SIZES[paper])
        self.points = POINTS.get((paper, large), LARGE_POINTS)
        self.is_rtl = sheet.direction == "rtl"
        self.side = MARGINS[paper]
        self.set_margin(self.side)
        self.set_auto_page_break(auto=True, margin=self.side)
        add_typeface(self)
        if self.is_rtl:
            # Letters that join are joined, and lines begin at the right.
            self.set_text_shaping(use_shaping_engine=True, direction="rtl")
        self.set_title(sheet.title)
        self.set_lang("en-GB" if sheet.language == "en" else sheet.language)

    def say(
        self,
        text: str,
        *,
        size: float = 1,
        bold: bool = False,
        colour: tuple[int, int, int] = INK,
        gap: float = 0.3,
        width: float = 0,
    ) -> None:
        """Write a paragraph; `size` and `gap` are times the size of the print."""
        self.set_font(FONT, "B" if bold else "", self.points * size)
        self.set_text_color(*colour)
        align: Literal["R", "L"] = "R" if self.is_rtl else "L"
        self.multi_cell(
            width, self.height(size), text, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        self.ln(self.height(gap))

    def head(self, text: str, *, colour: tuple[int, int, int] = INK) -> None:
        """Write a heading, with a rule over it; never at the foot of a page."""
        if self.will_page_break(5 * self.height(1)):
            self.add_page()
        self.ln(self.height(0.4))
        self.set_draw_color(*colour)
        self.set_line_width(0.8)
        self.line_across()
        self.ln(self.height(0.3))
        self.say(text, size=1.25, bold=True, colour=colour)

    def keep_together(self, rows: Sequence[tuple[str, str]]) -> None:
        """Begin a page where a heading and these rows do not fit on this one, but do on a whole."""
        width = (self.w - self.l_margin - self.r_margin) * (1 - WHEN)
        self.set_font(FONT, "", self.points)
        lines = sum(1.25 + self.get_string_width(what) // width for _, what in rows)
        needed = self.height(1) * (lines + 3)
        if self.will_page_break(needed) and needed < self.eph:
            self.add_page()

    def row(self, when: str, what: str) -> None:
        """Write a time, and what comes then beside it."""
        if self.will_page_break(3 * self.height(1)):
            self.add_page()
        top, width = self.get_y(), self.w - self.l_margin - self.r_margin
        first, rest = width * WHEN, width * (1 - WHEN)
        self.set_x(self.l_margin + (rest if self.is_rtl else 0))
        self.say(when, bold=True, gap=0, width=first)
        bottom = self.get_y()
        self.set_xy(self.l_margin + (0 if self.is_rtl else first), top)
        self.say(what, gap=0, width=rest)
        self.set_y(max(bottom, self.get_y()) + self.height(0.25))

    def line_across(self) -> None:
        """Draw a rule from margin to margin."""
        self.line(self.l_margin, self.get_y(), self.w - self.r_margin, self.get_y())

    def height(self, size: float) -> float:
        """Return the height of a line of print, in millimetres."""
        return self.points * size * 0.47


def card_pdf(sheet: CardSheet, *, paper: Paper, large: bool, made_at: datetime) -> bytes:
    """Return a card as a PDF; its letters must be such as `can_write` says yes of."""
    card = _Card(sheet, paper=paper, large=large)
    card.set_creation_date(made_at)
    card.add_page()
    card.say(f"{sheet.clinic}  ({sheet.initials})", bold=True, colour=GREY)
    card.say(sheet.title, size=1.7, bold=True)
    card.say(sheet.procedure)
    _help(card, sheet)
    if sheet.page_url:
        _own_page(card, sheet, sheet.page_url)
    rows = [(each.when, f"{each.what} ({each.how})") for each in sheet.lines]
    card.keep_together(rows)
    card.head(sheet.messages)
    for when, what in rows:
        card.row(when, what)
    for note in sheet.notes:
        card.say(note)
    card.head(sheet.stop)
    for told in sheet.stopping:
        card.say(told)
    try:
        return bytes(card.output())
    finally:
        close_typeface(card)


def _help(card: _Card, sheet: CardSheet) -> None:
    card.head(sheet.urgent, colour=RED)
    for is_item, text in sheet.paragraphs:
        card.say(f"\N{BULLET} {text}" if is_item else text)
    for number, when in sheet.numbers:
        card.say(f"{number} ({when})" if when else number, bold=True)
    for told in sheet.help:
        card.say(told)


def _own_page(card: _Card, sheet: CardSheet, url: str) -> None:
    if card.will_page_break(QR_SIDE + 4 * card.height(1)):
        card.add_page()
    card.head(sheet.own_page)
    top, page = card.get_y(), card.page
    left, right = card.l_margin, card.r_margin
    _qr(card, url, x=card.w - right - QR_SIDE if card.is_rtl else left, y=top)
    # The words stand beside it.
    if card.is_rtl:
        card.set_right_margin(right + QR_SIDE + 4)
    else:
        card.set_left_margin(left + QR_SIDE + 4)
    card.set_y(top)
    for told in sheet.page:
        card.say(told)
    card.set_left_margin(left)
    card.set_right_margin(right)
    if card.page == page:
        card.set_y(max(card.get_y(), top + QR_SIDE))


def _qr(card: _Card, url: str, *, x: float, y: float) -> None:
    rows = [list(row) for row in segno.make(url, micro=False, error="m").matrix_iter(border=QUIET)]
    side = QR_SIDE / len(rows)
    card.set_fill_color(0, 0, 0)
    for down, row in enumerate(rows):
        for across, width in _dark_runs(row):
            card.rect(x + across * side, y + down * side, width * side, side, style="F")


def _dark_runs(row: list[int]) -> Iterator[tuple[int, int]]:
    """Yield where dark modules stand side by side, and how many: no hairlines between them."""
    place = 0
    for is_dark, modules in groupby(row, key=bool):
        length = len(list(modules))
        if is_dark:
            yield place, length
        place += length
