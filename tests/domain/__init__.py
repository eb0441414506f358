"""Tests of the pure core."""

from __future__ import annotations
