"""The command line: `followup …`."""

from __future__ import annotations

from followup.cli.framework.boundary import main

__all__ = ["main"]
