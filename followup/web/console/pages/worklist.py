"""Needs attention: items by patient, with what went wrong and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy.orm import Session
from starlette.responses import Response

from followup.casework.briefing import read_briefing
from followup.casework.duty import Duty, read_duty
from followup.casework.hand_over import may_reopen
from followup.casework.resend import Resend, check_resend
from followup.delivery.returned_mail_ledger import count_waiting
from followup.domain.channel import ChannelKind
from followup.domain.contact import mask_email, mask_mobile, mask_nhs_number, spoken_mobile
from followup.domain.errors import Conflict, NotFound
from followup.enrolment.same_person import find_alike
from followup.intake.feed.drafts import draft_tally
from followup.intake.feed.merge import twins_of
from followup.messages.view import message_views
from followup.patients.records import Person
from followup.store.audit_log import AuditEntry
from followup.store.encryption.columns import CALL_NOTE_COLUMN
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, SEE_PATIENTS, Pages
from followup.web.console.pages.worklist_items import Matter, find, matter_of
from followup.wording.duty import on_call_text, signed_in_text
from followup.wording.worklist import URGENCY_HEADINGS
from followup.worklist import items as worklist
from followup.worklist.looks import note_look
from followup.worklist.queries import WorklistItemView, belongs, next_item, views_of, waiting_items

DONE_NOTICES = {
    "texted": "The text is planned. The patient’s page shows when it has arrived.",
    "taken": "Assigned to you.",
    "rang": "The call is recorded.",
    "closed": "Closed.",
    "corrected": "The contact details were changed and the timeline updated.",
    "late": "The contact details were changed. It is too late to send this message: phone the "
    "patient and tell them what it says.",
    "unchanged": "The contact details were right already.",
    "same": "The follow-up continues under the record that was there. For a day, this can be "
    "undone on the patient’s page.",
    "two": "They are two people. The new follow-up goes ahead.",
    "mailed": "The message goes out by e-mail.",
    "handed-over": "Handed over. It stays open until they accept it.",
    "reopened": "Open again.",
}
VIEWS: Mapping[WorklistItemView, str] = {
    WorklistItemView.ALL: "All",
    WorklistItemView.MINE: "Assigned to you",
    WorklistItemView.FREE: "Unassigned",
    WorklistItemView.LATE: "Overdue",
}
pages = Pages()


@pages.get("/attention", may=SEE_PATIENTS)
def show(here: Here) -> Response:
    view = (
        WorklistItemView(here.query("view"))
        if here.query("view") in set(WorklistItemView)
        else WorklistItemView.ALL
    )
    actor, now, page = here.member.actor, here.app.clock.now(), here.page_number
    with here.app.store.read() as session:
        counts = views_of(session, _clinics(here), actor=actor, now=now)
        which = belongs(view, actor=actor, now=now)
        found = waiting_items(session, _clinics(here), which, page=page)
        returned = count_waiting(session, _clinics(here))
        drafts = draft_tally(session, _clinics(here))
        following = next_item(session, _clinics(here), after=UUID(int=0), actor=actor)
    matters = [matter_of(here, found, item) for item in found.items]
    here.record(AuditEntry(action="worklist.listed", detail={"shown": len(matters)}))
    return here.page(
        "attention/list.html",
        bands=_by_urgency(_by_patient(matters)),
        returned=returned,
        drafts=drafts,
        feeds=bool(here.app.catalogue.sites),
        nothing=not counts[WorklistItemView.ALL],
        views=[
            {"text": text, "count": counts[key], "href": _address(key), "current": key is view}
            for key, text in VIEWS.items()
        ],
        previous=_address(view, page - 1) if page > 1 else None,
        next=_address(view, page + 1) if found.more else None,
        done=DONE_NOTICES.get(here.query("done")),
        may_change=here.member.may(CHANGE_PATIENTS),
        undo=_to_undo(here),
        following=following if here.query("done") and here.query("item") else None,
    )


def _to_undo(here: Here) -> UUID | None:
    """Return the item that was closed just now, where that can still be taken back."""
    try:
        wanted = UUID(here.query("item"))
    except ValueError:
        return None
    with here.app.store.read() as session:
        item = session.get(WorklistItem, wanted)
    may_undo = item is not None and may_reopen(here.app, item, actor=here.member.actor)
    return wanted if may_undo else None


def _address(view: WorklistItemView, page: int = 1) -> str:
    pairs = {"view": view.value, "page": str(page) if page > 1 else ""}
    query = urlencode({name: value for name, value in pairs.items() if value})
    return f"/attention?{query}" if query else "/attention"


@pages.get("/attention/{item}", may=SEE_PATIENTS)
def look(here: Here) -> Response:
    matter = find(here)
    _looked(here, matter, "worklist.viewed")
    if here.member.may(CHANGE_PATIENTS) and matter.item.looked_at is None:
        with here.app.store.write() as session:
            note_look(session, matter.item.id, at=here.app.clock.now())
    return _page(here, matter)


@pages.post("/attention/{item}/reveal", may=SEE_PATIENTS)
def reveal(here: Here) -> Response:
    """Show the contact details in full, this once; the audit trail says who looked."""
    matter = find(here)
    _looked(here, matter, "patient.revealed")
    return _page(here, matter, revealed=True)


def _page(here: Here, matter: Matter, *, revealed: bool = False) -> Response:
    with here.app.store.read() as session:
        briefing = read_briefing(session, matter.item, now=here.app.clock.now())
        duty = read_duty(session, here.app, matter.item.clinic)
        told = [one for one in (briefing.answer, briefing.last_advice) if one is not None]
        views = {view.id: view for view in message_views(session, here.app, told)}
        following = next_item(
            session, _clinics(here), after=matter.item.id, actor=here.member.actor
        )
        note = _note(session, here, matter.item)
        by_mail = _by_mail(session, here, matter)
        alike = find_alike(session, matter.item)
    noted = [(one, _call_note(here, matter.patient, one.note_sealed)) for one in briefing.calls]
    return here.page(
        "attention/item.html",
        matter=matter,
        item=matter.item,
        revealed=revealed,
        contacts=_contacts(matter.person, revealed=revealed),
        calls=[each for each in noted if each[0].item_id == matter.item.id],
        earlier=[each for each in noted if each[0].item_id != matter.item.id],
        briefing=briefing,
        duty=_duty_words(duty),
        questions=here.questions_to_ask(briefing.enrolment.protocol) if briefing.enrolment else (),
        views=views,
        following=following,
        may_undo=may_reopen(here.app, matter.item, actor=here.member.actor),
        note=note,
        by_mail=by_mail,
        records=_records(here, matter, alike),
        twins=twins_of(matter.item),
        clinic=here.app.catalogue.clinics.get(matter.item.clinic),
        zone=here.zone_of(matter.item.clinic),
        done=DONE_NOTICES.get(here.query("done")),
        may_change=here.member.may(CHANGE_PATIENTS) and matter.item.state != "closed",
    )


def _duty_words(duty: Duty) -> list[str]:
    on_call = duty.on_call
    return [
        *([] if duty.is_open is None else [f"Office {'open' if duty.is_open else 'closed'}"]),
        signed_in_text([one.name for one in duty.signed_in]),
        on_call_text(on_call.sms, on_call.email, webhook=on_call.webhook is not None),
    ]


def _records(here: Here, matter: Matter, alike: Patient | None) -> list[dict[str, object]]:
    """Return the two records that may be one person's, the new one first."""
    listed = [("New record", matter.patient), ("Record that was there", alike)]
    found = []
    for title, patient in listed if alike else ():
        person = here.person(patient)
        if patient is not None and person is not None:
            number = mask_nhs_number(person.nhs_number) if person.nhs_number else None
            found.append({"title": title, "id": patient.id, "person": person, "nhs_number": number})
    return found


def _by_mail(session: Session, here: Here, matter: Matter) -> Resend | None:
    """Return what sending it by e-mail would come to; None where that is not to be had."""
    message = matter.message
    if message is None or message.channel == ChannelKind.EMAIL.value:
        return None
    try:
        return check_resend(session, here.app, message.id, channel=ChannelKind.EMAIL)
    except Conflict:
        return None


def _note(session: Session, here: Here, item: WorklistItem) -> str | None:
    if item.note_sealed is None:
        return None
    try:
        sealer = worklist.sealer_of(session, here.app, item)
    except NotFound:
        return None
    return sealer.open(item.note_sealed, column=worklist.NOTE_COLUMN)


def _call_note(here: Here, patient: Patient | None, sealed: bytes | None) -> str | None:
    if patient is None:
        return None
    sealer = here.app.keyring.patient(patient.data_key, patient.master_key_id)
    return sealer.open_if(sealed, column=CALL_NOTE_COLUMN) if sealer else None


def _contacts(person: Person | None, *, revealed: bool) -> dict[str, str | None]:
    if person is None:
        return {}
    if revealed:
        return {
            "mobile": person.mobile and spoken_mobile(person.mobile),
            "mobile_link": person.mobile,
            "email": person.email,
        }
    return {
        "mobile": mask_mobile(person.mobile) if person.mobile else None,
        "email": mask_email(person.email) if person.email else None,
    }


def _by_patient(matters: Sequence[Matter]) -> list[list[list[Matter]]]:
    """Return the items of each patient together, and of those the ones of a kind together.

    Both stand in the order of the most urgent in each.
    """
    groups: dict[UUID, dict[str, list[Matter]]] = {}
    for matter in matters:
        item = matter.item
        alike = item.kind if matter.said is None else str(item.id)
        by_kind = groups.setdefault(item.patient_id or item.id, {})
        by_kind.setdefault(alike, []).append(matter)
    return [list(by_kind.values()) for by_kind in groups.values()]


def _by_urgency(
    groups: Sequence[list[list[Matter]]],
) -> list[tuple[str, list[list[list[Matter]]]]]:
    """Return the patients under what the most urgent of their items is: the order of the list."""
    bands = groupby(groups, key=lambda group: group[0][0].item.urgency)
    return [(URGENCY_HEADINGS[urgency], list(found)) for urgency, found in bands]


def _clinics(here: Here) -> Sequence[str] | None:
    return None if here.member.clinics is None else here.clinics


def _looked(here: Here, matter: Matter, action: str) -> None:
    here.record(worklist.entry_of(matter.item, action))
