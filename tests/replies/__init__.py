"""Tests of `followup.replies`."""
