"""Tests of the weekly figures."""
