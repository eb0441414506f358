"""Labelled replies, and how the phrases do on them."""
