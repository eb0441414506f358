"""Routing: which provider account and sender a message goes by, and failover."""
