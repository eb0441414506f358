"""Patients and what they are sent: enrolled, looked after, reported on."""

from __future__ import annotations
