"""Tests of FHIR resources that hospitals send."""
