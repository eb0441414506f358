"""Tests of the likeness of people, and of how names are written."""

from __future__ import annotations
