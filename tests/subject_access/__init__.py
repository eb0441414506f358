"""Tests of access to what is held on a person."""
