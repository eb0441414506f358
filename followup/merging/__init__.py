"""Merging of two patients' records by a person: shown first, and undone within a day."""
