"""Actors that are no person of the team: whom the audit log names where the service acts.

People and other systems are told apart by how their names begin: `web:`, `cli:`, `api:`.
"""

from __future__ import annotations

DISPATCHER = "dispatcher"
WORKER = "worker"
SWEEPER = "sweeper"
"""The periodic jobs."""
RECONCILER = "reconciler"
"""Who asks a provider what became of a message."""
PROVIDER = "provider"
PATIENT = "patient"
FEED = "feed"
"""A hospital's system, by its messages."""
OUTBOX = "outbox"
"""Who tells other systems of events."""
DEMO = "demo"
