"""The command line, called as a shell calls it."""

from __future__ import annotations
