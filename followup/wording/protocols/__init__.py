"""Protocols in words: when a step is due, who gets it, and what one version changes of another."""
