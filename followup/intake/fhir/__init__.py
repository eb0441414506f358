"""FHIR R4 that hospitals send: read strictly, applied as a feed's events, answered as FHIR does."""

from __future__ import annotations

FEED = "fhir"
TAKEN = ("Patient", "Procedure", "Appointment")
"""What is taken in; people come first, for the others are theirs."""
