"""Patients: records with sealed columns, search and history."""
