"""Protocols: steps, timing and the dated timeline."""
