"""Worklist items as staff read them: whose, what went wrong, the patient's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from followup.domain.errors import NotFound
from followup.patients.records import Person
from followup.replies.sorting import sort_text
from followup.store.models.messages import InboundMessage, Message
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from followup.web.console.framework.request import Here
from followup.worklist.queries import WaitingItems, one_item


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """One item as people read it.

    `others` are what it gathered besides `message`; `said` are the patient's own words, of which
    `phrases` say what they may be about.
    """

    item: WorklistItem
    patient: Patient | None
    person: Person | None
    shared_by: Sequence[tuple[UUID, str]]
    message: Message | None
    others: Sequence[Message]
    said: str | None
    phrases: Sequence[str]
    late: bool
    is_mine: bool


def find(here: Here) -> Matter:
    """Return the item of the address; raise `NotFound` for one of another clinic."""
    with here.app.store.read() as session:
        found = one_item(session, here.id("item"))
    if found is None:
        raise NotFound("there is no such item")
    here.require_clinic(found.items[0].clinic)
    matter = matter_of(here, found, found.items[0])
    here.require_shown(matter.patient)
    return matter


def with_patient(here: Here) -> Matter:
    matter = find(here)
    if matter.person is None:
        raise NotFound("this belongs to nobody who is known")
    return matter


def matter_of(here: Here, found: WaitingItems, item: WorklistItem) -> Matter:
    patient = found.patients.get(item.patient_id or UUID(int=0))
    text = found.texts.get(item.inbound_id or UUID(int=0))
    said = _said(here, text, patient) if text else None
    return Matter(
        item=item,
        patient=patient,
        person=here.person(patient),
        shared_by=[
            (UUID(each), _name(here, found.patients.get(UUID(each))))
            for each in item.detail.get("shared_by", ())
        ],
        message=found.messages.get(item.message_id or UUID(int=0)),
        others=[it for it in found.gathered.get(item.id, ()) if it.id != item.message_id],
        said=said,
        phrases=sort_text(here.app, said).phrases if said else (),
        late=item.state != "closed" and item.due_at <= here.app.clock.now(),
        is_mine=item.owner == here.member.actor,
    )


def _name(here: Here, patient: Patient | None) -> str:
    person = here.person(patient)
    return (person.name or "Without a name") if person else "Erased"


def _said(here: Here, text: InboundMessage, patient: Patient | None) -> str | None:
    sealer = here.app.keyring.system
    if text.patient_id is not None:
        if patient is None or patient.id != text.patient_id or not here.may_show(patient):
            return None
        found = here.app.keyring.patient(patient.data_key, patient.master_key_id)
        if found is None:
            return None
        sealer = found
    return sealer.open_if(text.body_sealed, column="inbound_messages.body", row=text.id)
