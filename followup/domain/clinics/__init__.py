"""Clinics: sending hours, office hours, and the files that state them."""
