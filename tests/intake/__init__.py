"""What comes in from other programs and from files."""

from __future__ import annotations
