"""Programs that stand in for providers on loopback: faithful, and able to fail on purpose."""

from __future__ import annotations
