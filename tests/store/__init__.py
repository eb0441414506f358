"""Tests of the store, on both databases."""

from __future__ import annotations
