"""Tests of `followup.monitoring`."""
