"""Encryption at rest: sealed columns, the keyring and its check."""
