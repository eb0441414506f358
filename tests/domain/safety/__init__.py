"""Tests of the safety rules: each has words or a protocol that breaks it."""

from __future__ import annotations
