"""Tests of the messages and of what loads and renders them."""

from __future__ import annotations
