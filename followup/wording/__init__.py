"""Wording: one dictionary of labels and meanings for codes that people read."""
