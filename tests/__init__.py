"""Tests, laid out as the code they speak of."""

from __future__ import annotations
