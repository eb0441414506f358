"""Formats of the feeds that there are, by the name under which the inbox keeps their messages."""

from __future__ import annotations

from followup.intake.feed.formats import FeedFormat
from followup.intake.fhir import FEED as FHIR
from followup.intake.fhir.kept import FhirFormat
from followup.intake.hl7.kept import Hl7Format
from followup.intake.hl7.receive import FEED as HL7

FORMATS: dict[str, FeedFormat] = {HL7: Hl7Format(), FHIR: FhirFormat()}
