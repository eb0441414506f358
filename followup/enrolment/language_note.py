"""Language note: which steps lack approved words in the patient's language."""

from __future__ import annotations

from followup.content.handbook import ContentContext
from followup.content.languages import staff_name
from followup.domain.clinics.clinic import Clinic
from followup.domain.protocols.protocol import Protocol


def language_note(
    app: ContentContext, *, language: str, clinic: Clinic, protocol: Protocol
) -> str | None:
    """Return why some messages are not in a patient's language; None where all of them are."""
    first = clinic.languages[0]
    if language == first:
        return None
    held_back = [
        step.key
        for step in protocol.steps
        for channel in step.channels
        if app.content.language_for(
            step.template,
            wanted=language,
            channel=channel,
            clinic=clinic,
            protocol=protocol.key,
        )
        != language
    ]
    if not held_back:
        return None
    names = dict.fromkeys(held_back)
    which = "the messages" if len(names) == len(protocol.steps) else ", ".join(names)
    return (
        f"No clinician has approved the words in {staff_name(language)} yet: {which} will be in "
        f"{staff_name(first)} until then."
    )
