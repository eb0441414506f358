"""Objections in force, as whoever enrols is told of them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from followup.domain.enrolment_objection import EnrolmentObjection
from followup.wording.channels import covered_text
from followup.wording.formats import moment


def objection_text(objection: EnrolmentObjection, zone: ZoneInfo) -> str:
    """Return what becomes of an enrolment; `zone` is the clinic's.

    `The patient wants no messages since Mon 19 Oct 2026, 2:30pm; nothing will be sent.`
    """
    covered = covered_text(objection.channel)
    unsent = "nothing" if objection.covers_all else f"no {covered}"
    since = moment(objection.since, zone)
    return f"The patient wants no {covered} since {since}; {unsent} will be sent."
