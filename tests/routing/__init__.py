"""Tests of `followup.routing`."""
