"""FHIR R4 (4.0.1): patients and messages as resources, searches, and refusals."""

from __future__ import annotations

BASE = "/fhir/R4"
"""The path below which the resources are."""
VERSION = "4.0.1"
CONTENT_TYPE = "application/fhir+json"
