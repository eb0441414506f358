"""Tests of `followup.outbox`."""
