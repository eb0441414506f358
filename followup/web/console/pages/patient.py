"""Patient page for staff: who, what they got and will get, and actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session
from starlette.responses import Response

from followup.consent.in_force import objection_to_enrolment
from followup.domain.channel import ChannelKind
from followup.domain.contact import mask_email, mask_mobile, mask_nhs_number
from followup.domain.errors import NotFound
from followup.domain.lifecycle import ONGOING_STATES
from followup.domain.merging.undo import UNDO_WITHIN
from followup.erasure.requests import waiting_request
from followup.merging.queries import merges_of, reason_of
from followup.messages.view import message_views
from followup.patients import history
from followup.patients import records as patients
from followup.store.audit_log import AuditEntry
from followup.store.encryption.columns import CALL_NOTE_COLUMN
from followup.store.encryption.sealing import Sealer
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import InboundMessage
from followup.store.models.patients import Patient
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, SEE_PATIENTS, Pages
from followup.wording.audit_verbs import PATIENT_ACTION_LABELS
from followup.wording.calls import call_text
from followup.wording.channels import ADDRESS_NAMES, covered_text
from followup.wording.formats import moment
from followup.wording.objections import objection_text
from followup.wording.patients import field_text

DONE_NOTICES = {
    "erasure-proposed": "Proposed. Nothing is erased until somebody else decides.",
    "enrolled": "The patient is enrolled. Below is what they will get.",
    "paused": "The follow-up is paused. Nothing goes out until you resume it.",
    "resumed": "The follow-up is resumed.",
    "ended": "The follow-up has ended. Nothing more goes out.",
    "moved": "Timeline updated.",
    "answers": "The answers were changed. What is not sent yet is planned again.",
    "same-answers": "The answers were the same already.",
    "corrected": "The contact details were changed. What is still useful will be sent.",
    "unchanged": "The contact details were right already.",
    "stopped": "Messages stopped.",
    "started": "Messages restarted. What is not yet too late will be sent.",
    "called": "The call is recorded.",
    "needs": "The language and reading needs are kept.",
    "page-new": "The patient’s page has a new link. Messages from now on carry it.",
    "page-off": "The link to the patient’s page is switched off.",
    "merged": "The two records are one now. It can be undone for 24 hours.",
    "unmerged": "The merge is undone: these are two records again.",
    "restricted": "Restricted. Nothing is sent but answers, and only auditors see the data.",
    "restriction-lifted": "The restriction is lifted. What is not yet too late will be sent.",
    "texted": "The text is planned. The timeline below shows when it has arrived.",
    "again": "The message will be sent again.",
}
ORDER_AT_ONE_MOMENT = ("action", "text", "call", "message")
pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something in a patient's line: a message, a text from them, a call, or a decision.

    `view` is a message's; the others have their `words`, and who did it.
    """

    at: datetime
    kind: str
    view: object = None
    heading: str = ""
    words: str | None = None
    who: str | None = None


@pages.get("/patients/{patient}", may=SEE_PATIENTS)
def show(here: Here) -> Response:
    patient = find(here)
    record_look(here, patient, "patient.viewed")
    return page(here, patient)


@pages.post("/patients/{patient}/reveal", may=SEE_PATIENTS)
def reveal(here: Here) -> Response:
    """Show the contact details in full, this once; the audit trail says who looked."""
    patient = find(here)
    record_look(here, patient, "patient.revealed")
    return page(here, patient, revealed=True)


def find(here: Here, name: str = "patient") -> Patient:
    """Return the patient of the address; raise `NotFound` for one of another clinic."""
    with here.app.store.read() as session:
        patient = history.find_patient(session, here.id(name))
    if patient is None:
        raise NotFound("there is no such patient")
    here.require_clinic(patient.clinic)
    here.require_shown(patient)
    return patient


def find_enrolment(here: Here) -> Enrolment:
    """Return the enrolment of the address; raise `NotFound` for one of another clinic."""
    with here.app.store.read() as session:
        enrolment = session.get(Enrolment, here.id("enrolment"))
        if enrolment is None:
            raise NotFound("there is no such enrolment")
        patient = session.get(Patient, enrolment.patient_id)
    here.require_clinic(enrolment.clinic)
    here.require_shown(patient)
    return enrolment


def page(here: Here, patient: Patient, *, revealed: bool = False) -> Response:
    """Return the page of a patient."""
    person = here.person(patient)
    zone = here.zone_of(patient.clinic)
    with here.app.store.read() as session:
        enrolments = history.enrolments_of(session, patient.id)
        facts: dict[str, Any] = {
            "enrolments": enrolments,
            "objections": history.objections_of(session, patient),
            "items": history.items_of(session, patient.id),
            "lines": lines_of(session, here, patient),
            "erasure": waiting_request(session, patient.id),
            "merges": [
                (one, reason_of(session, here.app, one), one.merged_at + UNDO_WITHIN)
                for one in merges_of(session, patient.id)
            ],
        }
        done = DONE_NOTICES.get(here.query("done"))
        if here.query("done") == "enrolled":
            done = _enrolled(session, here, enrolments) or done
    return here.page(
        "patients/patient.html",
        patient=patient,
        hand_over=_just_enrolled(here, enrolments),
        person=person,
        contacts=_contacts(person, revealed=revealed) if person else {},
        revealed=revealed,
        zone=zone,
        now=here.app.clock.now(),
        done=done,
        may_change=here.member.may(CHANGE_PATIENTS),
        **facts,
    )


def _just_enrolled(here: Here, enrolments: Sequence[Enrolment]) -> UUID | None:
    """Return the enrolment that was made just now, where something is still to come of it."""
    named = here.query("enrolment") if here.query("done") == "enrolled" else ""
    ongoing = [one.id for one in enrolments if one.state in ONGOING_STATES]
    return next((each for each in ongoing if str(each) == named), None)


def _enrolled(session: Session, here: Here, enrolments: Sequence[Enrolment]) -> str | None:
    """Return what whoever has enrolled is told where the patient wants no messages."""
    named = here.query("enrolment")
    enrolment = next((one for one in enrolments if str(one.id) == named), None)
    objection = objection_to_enrolment(session, enrolment) if enrolment else None
    if enrolment is None or objection is None:
        return None
    told = objection_text(objection, here.zone_of(enrolment.clinic))
    return f"The patient is enrolled. {told} An item asks staff to speak to them."


def lines_of(session: Session, here: Here, patient: Patient) -> list[Line]:
    """Return everything that happened and will happen, in one line."""
    sealer = here.app.keyring.patient(patient.data_key, patient.master_key_id)
    rows = history.messages_of(session, patient.id)
    texts = history.texts_of(session, patient)
    # An answer stands after the text that it answers, whatever clocks said when each.
    asked = {text.answer_id: text.received_at for text in texts if text.answer_id}
    lines = [
        Line(
            at=max(filter(None, (row.sent_at or row.due_at, asked.get(row.id)))),
            kind="message",
            view=view,
            heading=here.title_of_message(row),
        )
        for row, view in zip(rows, message_views(session, here.app, rows), strict=True)
    ]
    lines += [
        Line(
            at=text.received_at,
            kind="text",
            heading="The patient wrote",
            words=_opened(text, sealer or here.app.keyring.system),
        )
        for text in texts
    ]
    lines += [
        Line(
            at=call.at,
            kind="call",
            heading=call_text(call.outcome),
            words=sealer.open_if(call.note_sealed, column=CALL_NOTE_COLUMN) if sealer else None,
            who=call.made_by,
        )
        for call in history.calls_of(session, patient.id)
    ]
    lines += [
        Line(
            at=event.at,
            kind="action",
            heading=_heading(event, here),
            who=event.actor,
        )
        for event in history.actions_of(session, patient.id)
    ]
    # What was done or written comes before the messages that it made, at the same moment.
    return sorted(lines, key=lambda line: (line.at, ORDER_AT_ONE_MOMENT.index(line.kind)))


def _opened(text: InboundMessage, sealer: Sealer) -> str | None:
    # A text of a number that several share belongs to none of them, and its words neither.
    if text.patient_id is None:
        return None
    return sealer.open_if(text.body_sealed, column="inbound_messages.body", row=text.id)


def _heading(event: AuditEvent, here: Here) -> str:
    label, about = PATIENT_ACTION_LABELS[event.action], _about(event, here)
    return f"{label}: {about}" if about else label


def _about(event: AuditEvent, here: Here) -> str:
    """Return what an action was about, where its label does not say it all."""
    detail: Mapping[str, Any] = event.detail or {}
    about = ""
    match event.action:
        case "enrolment.created":
            about = here.protocol_name(detail.get("protocol"))
        case "enrolment.rescheduled" if detail["from"] != detail["to"]:
            at = datetime.fromisoformat(detail["to"])
            about = f"procedure on {moment(at, here.zone_of(event.clinic))}"
        case "patient.changed" | "enrolment.corrected":
            about = ", ".join(map(field_text, detail.get("fields", ())))
        case "patient.address-unusable":
            about = ADDRESS_NAMES[ChannelKind(detail["channel"])]
        case "objection.lodged" | "objection.lifted":
            channel = detail.get("channel")
            about = covered_text(channel) if channel in set(ChannelKind) else ""
    return about


def _contacts(person: patients.Person, *, revealed: bool) -> dict[str, str | None]:
    values = {"nhs_number": person.nhs_number, "mobile": person.mobile, "email": person.email}
    if revealed:
        return values
    masks = {"nhs_number": mask_nhs_number, "mobile": mask_mobile, "email": mask_email}
    return {name: masks[name](value) if value else None for name, value in values.items()}


def record_look(here: Here, patient: Patient, action: str) -> None:
    """Write into the audit trail that the member of staff looked at a patient."""
    here.record(AuditEntry(action=action, clinic=patient.clinic, patient_id=patient.id))
