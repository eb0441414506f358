"""Tests of `followup.merging`."""
