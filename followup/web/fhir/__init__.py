"""FHIR over HTTP: reading and searching."""
