"""Tests of `followup.catalogue`."""
