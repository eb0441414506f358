"""Merging of two records of one person: which facts count, and what is double."""
