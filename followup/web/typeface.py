"""Typeface of our PDFs: DejaVu Sans, which is shipped, and which letters it has."""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib.resources import as_file, files

from fpdf import FPDF
from fpdf.fonts import TTFFont

FONT = "DejaVu"
FACE, BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"
ALLOWED_CONTROLS = frozenset("\n\t")


def add_typeface(paper: FPDF) -> None:
    """Let a PDF be written in `FONT`, plain and bold."""
    for style, name in (("", FACE), ("B", BOLD)):
        with as_file(files("followup.web") / "fonts" / name) as path:
            paper.add_font(FONT, style, path)


def close_typeface(paper: FPDF) -> None:
    """Close the files of the typefaces, which the library leaves open."""
    for face in paper.fonts.values():
        if isinstance(face, TTFFont):
            face.ttfont.close()


def printable(text: str) -> str:
    """Return text in letters that the typeface has; any other is written out by its name."""
    return "".join(letter if _has(letter) else _spelt(letter) for letter in text)


def can_write(text: str) -> bool:
    """Say whether the typeface has every letter of a text."""
    return all(map(_has, text))


def _spelt(letter: str) -> str:
    return f"[{unicodedata.name(letter, f'U+{ord(letter):04X}').lower()}]"


def _has(letter: str) -> bool:
    return letter in ALLOWED_CONTROLS or ord(letter) in _letters()


@cache
def _letters() -> frozenset[int]:
    """Return the letters that both faces have."""
    paper = FPDF()
    found = []
    for name in (FACE, BOLD):
        with as_file(files("followup.web") / "fonts" / name) as path:
            paper.add_font(name, "", path)
        face = paper.fonts[name.lower()]
        assert isinstance(face, TTFFont)  # noqa: S101 - it was just added
        found.append(frozenset(face.cmap))
    close_typeface(paper)
    return found[0] & found[1]
