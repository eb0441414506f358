"""Tests of `followup.signatures`."""
