"""Tests of `followup.releases`."""
