"""Shared support for the tests: apps on databases, people, servers, processes."""
