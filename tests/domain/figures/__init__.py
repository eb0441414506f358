"""Tests of the weekly figures' rules."""
