"""Members of staff: their accounts, how they sign in, and how long that lasts."""

from __future__ import annotations
