"""Tests of `followup.delivery`."""
