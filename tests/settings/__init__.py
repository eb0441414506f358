"""Tests of settings and logging."""

from __future__ import annotations
