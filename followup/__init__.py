"""Brings the right piece of aftercare advice to the right patient at the right hour."""

from __future__ import annotations
