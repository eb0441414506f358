"""Traces: what became of one message, step by step and across processes, for a collector."""
