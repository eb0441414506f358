"""Tests of `followup.recovery`."""
