"""Terminal styles: the style of each colour, as rich names it, for the commands and the demo."""

from __future__ import annotations

from followup.wording.terms import Colour

TERMINAL_STYLES: dict[Colour, str] = {
    Colour.INFO: "default",
    Colour.PROGRESS: "cyan",
    Colour.NEUTRAL: "cyan",
    Colour.SUCCESS: "green",
    Colour.CAUTION: "yellow",
    Colour.UNSURE: "magenta",
    Colour.WARNING: "yellow",
    Colour.DANGER: "red",
    Colour.MUTED: "dim",
}
