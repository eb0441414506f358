"""Text rules: SMS size and plain language."""
