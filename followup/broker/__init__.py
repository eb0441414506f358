"""The broker's address, and clients of the Redis behind it."""
