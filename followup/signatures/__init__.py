"""Signatures of people over exact bytes: Ed25519 in minisign's file formats."""
