"""Message page: as the patient saw it, its delivery, and sending it again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from starlette.responses import HTMLResponse, Response

from followup.casework.resend import Resend, check_resend, resend_message
from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.contact import mask_email, mask_mobile
from followup.domain.errors import Conflict, NotFound, TemplateError
from followup.messages.history import MessageHistory, find_message, history_of_message
from followup.messages.outlook import outlooks
from followup.messages.rendering import render_message
from followup.messages.verification_code import veiled
from followup.messages.view import YET_TO_GO, latest_attempts
from followup.releases.queries import facts_of
from followup.routing.accounts import way_words
from followup.store.audit_log import AuditEntry
from followup.store.encryption.sealing import Sealer
from followup.store.models.messages import Attempt, Message
from followup.store.models.patients import Patient
from followup.web.console.framework.csp import FRAMED_POLICY
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, SEE_PATIENTS, Pages

DONE_NOTICES = {"again": "This message is planned. It goes out when it is due."}
MASKS = {ChannelKind.SMS: mask_mobile, ChannelKind.EMAIL: mask_email}
LINK_PATTERN = re.compile(r"(<a\b[^>]*?)\shref=", re.IGNORECASE)
pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the patient saw, or will see. `html` is an e-mail's own page."""

    text: str
    subject: str | None
    html: str | None
    to: str | None
    segments: int | None
    was_sent: bool


@pages.get("/messages/{message}", may=SEE_PATIENTS)
def show(here: Here) -> Response:
    message = find(here)
    with here.app.store.read() as session:
        history = history_of_message(session, message)
        patient = history.patient
        people = {patient.id: patient} if patient else {}
        outlook = outlooks(session, [message], people).get(message.id)
        releases = facts_of(
            session, {each.release_id for each in history.attempts if each.release_id}
        )
    _record(here, message, "message.viewed")
    return here.page(
        "messages/message.html",
        history=history,
        message=message,
        outlook=outlook,
        releases=releases,
        seen=seen(here.app, message, patient, _counting(history)),
        person=here.person(patient),
        receipts=_by_attempt(history),
        versions={version.id: version for version in history.versions},
        zone=here.zone_of(message.clinic),
        clinic=here.app.catalogue.clinics.get(message.clinic),
        done=DONE_NOTICES.get(here.query("done")),
        way_words=partial(way_words, here.app, ChannelKind(message.channel)),
        ways=ways(here, message) if here.member.may(CHANGE_PATIENTS) else [],
    )


@pages.get("/messages/{message}/mail", may=SEE_PATIENTS)
def mail(here: Here) -> Response:
    """Answer with an e-mail as it was written, for the frame that shows it: nothing in it works."""
    message = find(here)
    with here.app.store.read() as session:
        patient = session.get(Patient, message.patient_id) if message.patient_id else None
        attempt = latest_attempts(session, [message.id]).get(message.id)
    shown = seen(here.app, message, patient, attempt)
    if shown is None or shown.html is None:
        raise NotFound("this message has no e-mail to show")
    headers = {"Content-Security-Policy": FRAMED_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(LINK_PATTERN.sub(r"\1 data-leads-to=", shown.html), headers=headers)


@pages.get("/messages/{message}/again", may=CHANGE_PATIENTS)
def ask_again(here: Here) -> Response:
    message = find(here)
    with here.app.store.read() as session:
        again = check_resend(session, here.app, message.id, channel=_channel(here.query("by")))
        patient = session.get(Patient, message.patient_id) if message.patient_id else None
    return here.page(
        "messages/again.html",
        message=message,
        again=again,
        words_now=_words_now(here.app, message, patient, again.channel),
        person=here.person(patient),
        zone=here.zone_of(message.clinic),
    )


@pages.post("/messages/{message}/again", may=CHANGE_PATIENTS)
def do_again(here: Here) -> Response:
    message = find(here)
    channel = _channel(here.form.text("by"))
    new = resend_message(here.app, message.id, channel=channel, actor=here.member.actor)
    return here.go(f"/messages/{new}?done=again")


def find(here: Here) -> Message:
    """Return the message of the address; raise `NotFound` for one of another clinic."""
    with here.app.store.read() as session:
        message = find_message(session, here.id("message"))
        of = message and message.patient_id
        patient = session.get(Patient, of) if of else None
    if message is None:
        raise NotFound("there is no such message")
    here.require_clinic(message.clinic)
    here.require_shown(patient)
    return message


def ways(here: Here, message: Message) -> list[Resend]:
    """Return by which channels a message could be sent again now."""
    found = []
    with here.app.store.read() as session:
        for channel in ChannelKind:
            try:
                found.append(check_resend(session, here.app, message.id, channel=channel))
            except Conflict:
                continue
    return found


def seen(
    app: AppContext, message: Message, patient: Patient | None, attempt: Attempt | None
) -> Seen | None:
    """Return what the patient saw, or will see; None where nothing went or can be read."""
    if attempt is not None:
        return _as_sent(app, message, patient, attempt)
    if message.state not in YET_TO_GO:
        return None
    try:
        words = render_message(app, message, language=patient.language if patient else None)
    except TemplateError:
        return None
    return Seen(
        text=veiled(app, message, words.text),
        subject=words.subject,
        html=words.html,
        to=None,
        segments=words.size.segments if words.size else None,
        was_sent=False,
    )


def _as_sent(
    app: AppContext, message: Message, patient: Patient | None, attempt: Attempt
) -> Seen | None:
    sealer = _sealer(app, patient)
    text = (
        sealer.open_if(attempt.body_sealed, column="attempts.body", row=attempt.id)
        if sealer
        else None
    )
    if sealer is None or text is None:
        return None
    to = sealer.open_if(attempt.address_sealed, column="attempts.address", row=attempt.id)
    return Seen(
        text=veiled(app, message, text),
        subject=sealer.open_if(attempt.subject_sealed, column="attempts.subject", row=attempt.id),
        html=sealer.open_if(attempt.html_sealed, column="attempts.html", row=attempt.id),
        to=MASKS[ChannelKind(message.channel)](to) if to else None,
        segments=attempt.segments,
        was_sent=True,
    )


def _sealer(app: AppContext, patient: Patient | None) -> Sealer | None:
    if patient is None:
        return app.keyring.system
    return app.keyring.patient(patient.data_key, patient.master_key_id)


def _counting(history: MessageHistory) -> Attempt | None:
    """Return the attempt whose words count: the last that was taken, else the last."""
    ranked = sorted(history.attempts, key=lambda one: (one.provider_id is not None, one.number))
    return ranked[-1] if ranked else None


def _by_attempt(history: MessageHistory) -> Mapping[UUID, Sequence[Any]]:
    found: dict[UUID, list[Any]] = {}
    for receipt in history.receipts:
        if receipt.attempt_id is not None:
            found.setdefault(receipt.attempt_id, []).append(receipt)
    return found


def _words_now(
    app: AppContext, message: Message, patient: Patient | None, channel: ChannelKind
) -> str | None:
    with app.store.read() as session:
        copy = session.get(Message, message.id)
        assert copy is not None  # noqa: S101 - it was found a moment ago
        copy.channel = channel.value
        try:
            return render_message(app, copy, language=patient.language if patient else None).text
        except TemplateError:
            return None


def _channel(text: str) -> ChannelKind | None:
    return ChannelKind(text) if text in set(ChannelKind) else None


def _record(here: Here, message: Message, action: str) -> None:
    here.record(
        AuditEntry(
            action=action,
            clinic=message.clinic,
            patient_id=message.patient_id,
            enrolment_id=message.enrolment_id,
            message_id=message.id,
        )
    )
