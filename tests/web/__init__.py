"""The web process, reached as the world reaches it: over HTTP on loopback."""

from __future__ import annotations
