"""Replies: inbound texts, triage, automatic replies and check-in questions."""
