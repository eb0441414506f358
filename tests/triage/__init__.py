"""Replies that are labelled by hand, and what the shipped phrases make of them."""

from __future__ import annotations

from pathlib import Path

from scripts.train_second_net import TABLES

REPLIES = Path(__file__).with_name("replies.csv")
HELD_OUT = Path(__file__).with_name("held-out.csv")

PRACTICE = Path(__file__).with_name("practice.csv")
"""Replies in many voices, on which the phrases were tuned: they say nothing about others."""

GRAVE_LABELS = TABLES["grave"][0]
"""Labels of replies that a person should see at once, by night too."""
