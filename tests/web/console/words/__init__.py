"""Words and protocols: changed by one person, signed by two."""

from __future__ import annotations
