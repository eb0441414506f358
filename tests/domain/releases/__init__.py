"""Tests of `followup.domain.releases`."""
