"""Likeness of people: what may be one person's name, birthday and telephone, and what is not."""
