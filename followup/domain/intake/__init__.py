"""Intake: what a request, or a list of them, asks for, and how far it is."""

from __future__ import annotations
