"""Replies that are labelled by hand, and what the shipped phrases make of them."""

from __future__ import annotations

from pathlib import Path

REPLIES = Path(__file__).with_name("replies.csv")
HELD_OUT = Path(__file__).with_name("held-out.csv")

PRACTICE = Path(__file__).with_name("practice.csv")
"""Replies in many voices, on which the phrases were tuned: they say nothing about others."""
