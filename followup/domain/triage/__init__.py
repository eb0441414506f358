"""Triage of replies: what a text that came in is about."""
