"""Tests of `followup.audit`."""
