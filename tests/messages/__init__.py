"""Tests of `followup.messages`."""
