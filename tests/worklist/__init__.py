"""Tests of `followup.worklist`."""
