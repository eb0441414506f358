"""Releases of words: what two people sign, by which keys, and what may be sent on the strength."""
