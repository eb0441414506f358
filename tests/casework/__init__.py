"""Tests of `followup.casework`."""
