"""The command line: `followup …`."""

from __future__ import annotations

from followup.cli.boundary import main

__all__ = ["main"]
