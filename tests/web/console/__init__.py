"""The console: what its pages show and do, and who may."""

from __future__ import annotations
