"""Tests of `followup.staff`."""
