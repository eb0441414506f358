"""Tests of traces: their ids, what a span may hold, and one trace through the real processes."""
