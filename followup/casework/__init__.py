"""Casework: what staff do about an item that needs a person."""
