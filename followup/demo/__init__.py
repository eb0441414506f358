"""A time-lapse of six weeks in the terminal: the embedded stack, with a clock that steps."""

from __future__ import annotations

from followup.demo.show import main

__all__ = ["main"]
