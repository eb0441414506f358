"""Tests of `followup.cli.words`."""
