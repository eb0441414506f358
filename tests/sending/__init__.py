"""Tests of `followup.sending`."""
