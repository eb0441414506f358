"""What a fault run takes: processes, providers and patients, and the account at its end."""

from __future__ import annotations
