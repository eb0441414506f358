"""Tests of `followup.fhir`."""
