"""The shapes in which enrolments come in from other programs and from files."""

from __future__ import annotations
