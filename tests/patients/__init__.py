"""Tests of `followup.patients`."""
