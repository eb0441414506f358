"""Channels, against real servers on loopback that answer, and fail, as providers do."""

from __future__ import annotations
