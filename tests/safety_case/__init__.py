"""The safety case, its hazards and the proof of their controls."""

from __future__ import annotations
