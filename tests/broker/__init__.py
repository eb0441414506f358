"""Tests of the broker's address, and of clients that find the master by it."""
