"""Fixtures of these tests: the certificates that the tests of the providers use."""

from __future__ import annotations

from tests.providers.conftest import tls_files

__all__ = ["tls_files"]
