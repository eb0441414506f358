"""Celery's side of followup: thin tasks that take identifiers and call use cases."""

from __future__ import annotations

from tasks.app import app

__all__ = ["app"]
