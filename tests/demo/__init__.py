"""Tests of `followup.demo`."""
