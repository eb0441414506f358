"""Tests of `followup.wording`."""
