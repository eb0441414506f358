"""Who may come in, and as what."""

from __future__ import annotations
