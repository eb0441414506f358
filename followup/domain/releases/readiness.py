"""Readiness: what must be settled before a protocol's messages may go to patients at a clinic."""

from __future__ import annotations

from collections.abc import Iterator

from followup.domain.clinics.clinic import Clinic
from followup.domain.protocols.protocol import Protocol
from followup.domain.reasons import Reason


def unready(protocol: Protocol, clinic: Clinic, *, on_call: bool) -> Iterator[tuple[Reason, str]]:
    """Yield why nothing of it may go to patients, each with what to do, and who can.

    `on_call` says whether somebody is told when a patient's red flag is not taken in time.
    """
    if protocol.example:
        sentence = (
            f"protocol {protocol.key} is an example: the clinic's lead for it replaces its source, "
            'steps and words by those of the clinic\'s own leaflet, and takes "example" out of its '
            "file"
        )
        yield Reason.EXAMPLE_PROTOCOL, sentence
    if clinic.unconfirmed:
        sentence = (
            f"nobody confirmed {', '.join(clinic.unconfirmed)} of clinic {clinic.key}: its manager "
            'does, corrects the file, and shortens its list "unconfirmed"'
        )
        yield Reason.CLINIC_UNCONFIRMED, sentence
    promises = clinic.two_way or any(step.reply_within for step in protocol.steps)
    if promises and not on_call:
        sentence = (
            f"patients of {clinic.key} are told that somebody rings them about a warning sign, and "
            "nobody is on call: the operator sets FOLLOWUP_ON_CALL_MOBILE, FOLLOWUP_ON_CALL_EMAIL "
            "or FOLLOWUP_ON_CALL_WEBHOOK"
        )
        yield Reason.NOBODY_ON_CALL, sentence
