"""Pages about releases of words: who signed them, what changes, and signing."""
