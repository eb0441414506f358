"""The catalogue: protocols, clinics, triage and bank holidays, loaded from files."""
