"""CSV cells: what spreadsheets do to them, undone where that is certain, and told where not."""

from __future__ import annotations

import re

AS_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
GUARD = re.compile(r"['’‘](?=[\d+=@(-])")
"""The apostrophe that keeps a spreadsheet from reckoning; names such as ’t Hooft keep theirs."""
INVISIBLE = " \t\r\n\v\f\u00a0\u200b\u200e\u200f\u202a\u202c\u2060\u2066\u2069\ufeff"
"""Spaces, and the marks of direction that address books put around numbers."""
IN_BRACKETS = re.compile(r"^\((\+\d+)\)", re.ASCII)
PARTED = re.compile(r"(?<=\d)[./](?=\d)", re.ASCII)
WHOLE = re.compile(r"(\d+)\.0+", re.ASCII)
SHORTENED = re.compile(r"\d(?:[.,]\d+)?E\+?\d+", re.IGNORECASE | re.ASCII)
FAILED = re.compile(r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!)", re.IGNORECASE)
NARROW = re.compile("#{3,}")

ALMOST_DIGITS = re.compile(r"(?=(?:\D*\d){4})[\dOoIl+ ()./:-]+", re.ASCII)
"""Digits, and letters that were typed for some of them."""
LETTER = re.compile("[OoIl]")
LETTERS = str.maketrans("OoIl", "0011")
LOST = "\N{REPLACEMENT CHARACTER}"
AROUND = " \t;,.'\""
ADDRESS = re.compile(r"(?:[^<>]*<)?(?:mailto:)?([^<>\s]+?)(?:\?\w+=[^<>]*)?>?", re.IGNORECASE)
DIGITS = frozenset({"mobile", "nhs_number", "reference"})
"""Fields that may be digits alone, which spreadsheets take for numbers."""


def clean(cell: str) -> str:
    """Return what a cell says, without what a spreadsheet or an address book put around it."""
    text = cell.strip(INVISIBLE)
    if text.startswith("=") and (match := AS_FORMULA.fullmatch(text)):
        text = match[1].replace('""', '"').strip(INVISIBLE)
    return GUARD.sub("", text, count=1) if GUARD.match(text) else text


def as_digits(cell: str) -> str:
    """Return a cell of digits as they were before a spreadsheet took it for a number."""
    match = WHOLE.fullmatch(cell)
    return match[1] if match else cell


def as_typed(cell: str) -> str:
    """Return a number, date or time with the noughts and ones for which letters were typed."""
    if LETTER.search(cell) and ALMOST_DIGITS.fullmatch(cell):
        return cell.translate(LETTERS)
    return cell


def as_mobile(cell: str) -> str:
    """Return a number without the brackets about its country, as in (+44) 7700 900123."""
    return IN_BRACKETS.sub(r"\1", cell.strip(AROUND), count=1)


def as_nhs_number(cell: str) -> str:
    """Return a number without the points or strokes that part its groups."""
    return PARTED.sub("", cell.strip(AROUND))


def as_address(cell: str) -> str:
    """Return an e-mail address without the name or the link that mail programs put about it."""
    match = ADDRESS.fullmatch(cell.strip(AROUND))
    return match[1] if match else cell


def cell_fault(field: str, cell: str) -> str | None:
    """Return what a spreadsheet did to a cell that can't be undone."""
    if cell.startswith("#"):
        if NARROW.fullmatch(cell):
            return "the column was too narrow to show this: widen it, and save the file again"
        if FAILED.fullmatch(cell):
            return "a formula failed here: enter what it should say"
    if LOST in cell:
        return "a letter was lost as this file was saved: enter it again, and save as CSV UTF-8"
    if field in DIGITS and SHORTENED.fullmatch(cell):
        return (
            "a spreadsheet cut this number short: give the column the format Text, and enter the "
            "number again"
        )
    return None
