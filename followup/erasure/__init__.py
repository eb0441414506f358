"""Erasure of a patient's data: proposed by one, decided by another, never undone by a backup."""
