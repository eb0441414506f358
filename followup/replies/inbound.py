"""Inbound texts: kept once, obeyed where they say stop or start, and put before a person.

Nobody watches the number that patients answer to, so each text that is not provably harmless, nor
a request that was met, opens a worklist item, and its sender is told the warning signs and whom to
ring. Fixed phrases raise how soon a person looks, and choose the advice
(`followup.domain.triage.triage`).

A text belongs to a patient where one alone has the number that it came from. Where several share it
(a couple, or one person at two clinics) nobody knows who wrote: every one of them is stopped or
started, and the item names them all. Where nobody has it, an objection is kept for the number
itself, and the item goes to the clinic whose number was written to, or to the first one.

A text may be found late (`followup.replies.missed_texts`). It then counts as of when it was
written, a person's time limit too, and it takes nothing back that was said since.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from threading import Lock
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from followup.consent.objections import (
    lift_objection,
    lift_objection_of_address,
    lodge_objection_of_address,
)
from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.auto_reply import CALLING_REPLY, FOR_SAFETY, STOP_INTENTS, choose
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.consent import ObjectionSource
from followup.domain.contact import parse_mobile
from followup.domain.errors import InvalidInput
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import ONGOING_STATES, EnrolmentState
from followup.domain.protocols.timeline import next_sending_moment
from followup.domain.reasons import Reason
from followup.domain.triage.check_in_answer import CheckInAnswer, check_in_answer
from followup.domain.triage.intent import ReplyIntent
from followup.domain.triage.triage import HARMLESS_CLASSES, REQUEST_CLASSES, WITH_CARE, Found, Known
from followup.enrolment.reschedule import plan_again
from followup.messages.opt_out import stop_messages
from followup.patients import records as patients
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.auto_reply import may_answer, write_answer
from followup.replies.check_in import open_check_in, record_check_in_answer
from followup.replies.sorting import prepare_triage, sort_text
from followup.replies.triage import known_of
from followup.store.audit_log import AuditContext, AuditEntry, record_event
from followup.store.encryption.sealing import Sealer
from followup.store.engine.types import new_id
from followup.store.engine.upsert import insert_new
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import InboundMessage
from followup.store.models.patients import Objection, Patient
from followup.tracing.spans import Field, Span, SpanRef, current_span
from followup.tracing.traces import new_span
from followup.worklist.items import NewItem, open_item

CHANNEL_PREFIX = re.compile(r"^(?:rcs|whatsapp|sms|tel):", re.IGNORECASE)
"""What providers put before the number of a sender who wrote by another channel."""
SOON_URGENCY = 3

CONVERSATION_LASTS = timedelta(hours=1)
"""Within so long of writing, an answer is part of a conversation, and goes by night as by day."""
WORTH_ANSWERING = timedelta(days=1)
"""For so long: later only advice on what to do now goes out, and a person has the rest."""
TOO_LATE = "too-late"
"""Why an answer was withheld, in the audit trail."""

MOST_KEPT = 10_000
"""Characters of a text that are kept: several times what the longest can hold."""

_IN_TURN = Lock()
"""SQLite lets one write at a time, and those that wait for it in no order: some would wait for ever
in a flood. So the texts of one process wait here."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenInbound:
    """What became of a text. `answer` is the template that its sender gets, if any.

    `answer_id` is the message in it, and `question` the one that the text answers.
    """

    inbound_id: UUID
    meaning: ReplyIntent
    classes: tuple[str, ...]
    repeated: bool
    answer: str | None
    answer_id: UUID | None = None
    question: UUID | None = None


class _Answer(NamedTuple):
    """The message that answers a text, and its template; of neither where nothing does."""

    template: str | None = None
    id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """A text as it is worked on.

    `of` are the patients who have the number, `clinic` is the one that answers, and `owner` the
    patient whose `sealer` it is, if one alone has the number.
    """

    id: UUID
    address: str
    index: bytes
    can_be_answered: bool
    words: str
    media_count: int
    opt_out_type: str | None
    meaning: ReplyIntent
    found: Found
    known: Known
    of: Sequence[Patient]
    clinic: Clinic | None
    sealer: Sealer
    owner: UUID | None
    question: UUID | None
    chosen: CheckInAnswer | None
    written_at: datetime
    written_real_at: datetime


def take_inbound(
    app: AppContext, inbound: InboundText, *, provider: str | None = None, answered: bool = False
) -> TakenInbound:
    """Take in one text, once however often the provider posts it. Never raises for what it says.

    Nothing is said to the sender of one that was `answered` before (and the database lost it).
    """
    provider = provider or app.channels[ChannelKind.SMS].provider
    inbound = replace(inbound, body=_sayable(inbound.body)[:MOST_KEPT])
    prepare_triage(app)
    began = app.traces.time()
    with _IN_TURN if app.store.is_sqlite else nullcontext():
        taken = app.transact(
            actors.PATIENT,
            lambda unit: _take(unit, inbound, provider=provider, answered=answered),
        )
    log.info(
        "inbound.taken",
        inbound_id=str(taken.inbound_id),
        meaning=taken.meaning.value,
        repeated=taken.repeated,
        answer=taken.answer,
    )
    if began:
        trace_reply(app, taken, began=began)
    return taken


def trace_reply(app: AppContext, taken: TakenInbound, *, began: int) -> None:
    """Tell of a text, in the trace of its answer if it has one, and in that of what it answers."""
    ended, request = app.traces.time(), current_span()
    at = SpanRef(taken.answer_id or taken.inbound_id, new_span())
    fields = {Field.INBOUND: taken.inbound_id}
    links = (request,) if request else ()
    app.traces.keep(
        Span(name="take reply", at=at, began=began, ended=ended, fields=fields, links=links)
    )
    if taken.question is not None:
        there = SpanRef(taken.question, new_span())
        links = (at,) if app.traces.covers(at.trace) else ()
        app.traces.keep(
            Span(name="reply", at=there, began=began, ended=ended, fields=fields, links=links)
        )


def _take(unit: UnitOfWork, inbound: InboundText, *, provider: str, answered: bool) -> TakenInbound:
    session, by = unit.session, unit.by
    text = _read(unit, inbound)
    if not _keep(session, text, inbound.provider_id, provider=provider):
        return _taken_before(session, inbound.provider_id, provider=provider)
    if text.question is not None and text.chosen is not None:
        record_check_in_answer(
            unit,
            message_id=text.question,
            answer=text.chosen,
            inbound_id=text.id,
            at=text.written_at,
        )
        calling = CALLING_REPLY if text.chosen is CheckInAnswer.CALL and not answered else None
        thanks = _answer(session, by, text, calling)
        _record(session, by, text, thanks.template, late=_late(text, calling, by=by))
        return _taken(text, thanks)
    overtaken = _is_overtaken(session, text, by=by)
    changed = 0 if overtaken else _obey(unit, text)
    # A request to start where nothing was stopped is a text like any other: it may mean anything.
    starts = text.meaning is ReplyIntent.START and (changed or text.opt_out_type == "START")
    if starts:
        for patient in text.of:
            plan_again(unit, patient_id=patient.id)
    wanted = None if answered else _choose(text, changed=changed, starts=bool(starts))
    late = _late(text, wanted, by=by)
    if overtaken or not _needs_nobody(text, starts=bool(starts)):
        _ask_a_person(unit, text, starts=bool(starts), late=late)
    answer = _answer(session, by, text, wanted)
    _record(session, by, text, answer.template, late=late)
    return _taken(text, answer)


def _taken(text: _Text, answer: _Answer) -> TakenInbound:
    return TakenInbound(
        inbound_id=text.id,
        meaning=text.meaning,
        classes=_classes(text),
        repeated=False,
        answer=answer.template,
        answer_id=answer.id,
        question=text.question,
    )


def _read(unit: UnitOfWork, inbound: InboundText) -> _Text:
    address, is_mobile = _address(inbound.from_)
    index = patients.address_index(unit.app.keyring.indexes, ChannelKind.SMS, address)
    _one_at_a_time(unit.session, unit.app, index)
    words = inbound.body
    written_at, written_real_at = _written(unit, inbound)
    of = patients.find_by_address(
        unit.session, unit.app.keyring.indexes, ChannelKind.SMS, address, lock=True
    )
    sealer, owner = _sealer(unit.app, of)
    chosen = check_in_answer(words) if not inbound.media_count else None
    asked = open_check_in(unit.session, of, now=written_at)
    known = known_of(unit.session, of, written_at, asked=asked is not None)
    found = sort_text(unit.app, words, known=known, opt_out_type=inbound.opt_out_type)
    question = asked if chosen else None
    return _Text(
        id=new_id(unit.by.real_at),
        address=address,
        index=index,
        # Whoever holds the phone of a patient who died is not to be written to by a machine.
        can_be_answered=is_mobile and (not of or any(one.deceased_at is None for one in of)),
        words=words,
        media_count=min(inbound.media_count, 99),
        opt_out_type=inbound.opt_out_type,
        meaning=ReplyIntent.ANSWER if question else found.meaning,
        found=found,
        known=known,
        of=of,
        clinic=_clinic(unit.app, of, to=CHANNEL_PREFIX.sub("", inbound.to)),
        sealer=sealer,
        owner=owner,
        question=question,
        chosen=chosen,
        written_at=written_at,
        written_real_at=written_real_at,
    )


def _written(unit: UnitOfWork, inbound: InboundText) -> tuple[datetime, datetime]:
    """Return when a text was written, in service time and in real time: never later than now."""
    by, written = unit.by, inbound.written_at
    if written is None or written >= by.real_at:
        return by.at, by.real_at
    return min(unit.app.clock.after_real(written - by.real_at), by.at), written


def _address(sender: str) -> tuple[str, bool]:
    """Return the sender's number in E.164, and whether it is one that can be texted back.

    A text that came by another channel (`rcs:`, `whatsapp:`) is that number's all the same.
    Short codes and names are machines, and a landline would read an answer out: what came from
    those is kept as it came.
    """
    written = CHANNEL_PREFIX.sub("", _sayable(sender).strip())[:120]
    try:
        return parse_mobile(written), True
    except InvalidInput:
        return written, False


def _sayable(text: str) -> str:
    """Return the text without half characters, which can't be written as UTF-8."""
    return text.encode("utf-8", "replace").decode()


def _clinic(app: AppContext, of: Sequence[Patient], *, to: str) -> Clinic | None:
    """Return the clinic whose number was written to, else that of the patients, else the first."""
    clinics = app.catalogue.clinics
    named = [clinic for clinic in clinics.values() if clinic.sms_sender and clinic.sms_sender == to]
    others = [clinics[one.clinic] for one in of if one.clinic in clinics]
    if not of:
        others = [clinics[key] for key in sorted(clinics)]
    return next(iter([*named, *others]), None)


def _one_at_a_time(session: Session, app: AppContext, index: bytes) -> None:
    """Let texts of one number be taken in turn: else two at once would both be answered."""
    if not app.store.is_sqlite:
        key = int.from_bytes(index[:8], "big", signed=True)
        session.execute(select(func.pg_advisory_xact_lock(key)))


def _sealer(app: AppContext, of: Sequence[Patient]) -> tuple[Sealer, UUID | None]:
    """Return what seals a text, and whose it is: the patient's, or nobody's and so the system's."""
    if len(of) == 1:
        sealer = app.keyring.patient(of[0].data_key, of[0].master_key_id)
        if sealer is not None:
            return sealer, of[0].id
    return app.keyring.system, None


def _keep(session: Session, text: _Text, provider_id: str, *, provider: str) -> bool:
    """Keep the text sealed; return False if it is there already."""
    row = {
        "id": text.id,
        "provider": provider,
        "provider_id": provider_id,
        "clinic": text.clinic.key if text.clinic else None,
        "patient_id": text.owner,
        "address_index": text.index,
        "address_sealed": text.sealer.seal(
            text.address, column="inbound_messages.address", row=text.id
        ),
        "body_sealed": text.sealer.seal(text.words, column="inbound_messages.body", row=text.id),
        "media_count": text.media_count,
        "meaning": text.meaning.value,
        "classes": [*_classes(text)],
        "sorted_by": text.found.version[:80],
        "received_at": text.written_at,
        "received_real_at": text.written_real_at,
    }
    return insert_new(session, InboundMessage, row)


def _taken_before(session: Session, provider_id: str, *, provider: str) -> TakenInbound:
    row = session.execute(
        select(InboundMessage.id, InboundMessage.meaning, InboundMessage.classes).where(
            InboundMessage.provider == provider, InboundMessage.provider_id == provider_id
        )
    ).one()
    return TakenInbound(
        inbound_id=row.id,
        meaning=ReplyIntent(row.meaning),
        classes=tuple(row.classes),
        repeated=True,
        answer=None,
    )


def _classes(text: _Text) -> tuple[str, ...]:
    return tuple(each.value for each in text.found.classes)


def _is_overtaken(session: Session, text: _Text, *, by: AuditContext) -> bool:
    """Say whether the sender, or staff for them, has said otherwise since a text was written."""
    if text.written_at >= by.at or text.meaning not in STOP_INTENTS | {ReplyIntent.START}:
        return False
    theirs = or_(
        Objection.patient_id.in_([patient.id for patient in text.of]),
        Objection.contact_index == text.index,
    )
    if text.meaning is ReplyIntent.START:
        since = select(Objection.id).where(
            theirs, Objection.lifted_at.is_(None), Objection.lodged_at > text.written_at
        )
        return session.scalar(since.limit(1)) is not None
    lifted = select(Objection.id).where(theirs, Objection.lifted_at > text.written_at)
    started = select(InboundMessage.id).where(
        InboundMessage.address_index == text.index,
        InboundMessage.meaning == ReplyIntent.START.value,
        InboundMessage.received_at > text.written_at,
    )
    return any(session.scalar(query.limit(1)) is not None for query in (lifted, started))


def _obey(unit: UnitOfWork, text: _Text) -> int:
    """Lodge or lift the objections that the text asks for; return how many that changed."""
    session, by = unit.session, unit.by
    index, at = text.index, text.written_at
    if text.meaning in STOP_INTENTS:
        if not text.of:
            return lodge_objection_of_address(
                session, by, contact_index=index, source=ObjectionSource.SMS, at=at
            )
        return sum(
            stop_messages(unit, patient, channel=None, source=ObjectionSource.SMS, at=at)
            for patient in text.of
        )
    if text.meaning is ReplyIntent.START:
        # Those about e-mail alone stay: this was a text.
        sms = ChannelKind.SMS
        lifted = lift_objection_of_address(
            session, by, contact_index=index, source=ObjectionSource.SMS, channel=sms, at=at
        )
        return lifted + sum(
            lift_objection(
                session, by, patient=patient, source=ObjectionSource.SMS, channel=sms, at=at
            )
            for patient in text.of
        )
    return 0


def _needs_nobody(text: _Text, *, starts: bool) -> bool:
    """Say whether nothing is left to do: a patient's request carried out, or all of it harmless.

    Who an unknown sender is who wants no more messages, a person finds out. So it is with a patient
    whose data is restricted, as nothing else reaches them.
    """
    if any(patient.restricted_at for patient in text.of):
        return False
    if (text.meaning is ReplyIntent.STOP or starts) and text.of:
        return text.found.urgency is None
    return text.found.is_harmless and not text.media_count


def _ask_a_person(
    unit: UnitOfWork, text: _Text, *, starts: bool, late: Mapping[str, object]
) -> None:
    """Open an item at every clinic whose patient may have written."""
    if not text.of and text.clinic is not None:
        open_item(unit, _task(unit.session, text, text.clinic.key, starts=starts, late=late))
    by_clinic = attrgetter("clinic")
    for clinic, group in groupby(sorted(text.of, key=by_clinic), key=by_clinic):
        task = _task(unit.session, text, clinic, of=tuple(group), starts=starts, late=late)
        open_item(unit, task)


def _task(
    session: Session,
    text: _Text,
    clinic: str,
    *,
    of: Sequence[Patient] = (),
    starts: bool,
    late: Mapping[str, object],
) -> NewItem:
    more: dict[str, object] = {"classes": [*_classes(text)], **late}
    if text.media_count:
        more["media"] = text.media_count
    if len(text.of) > 1:
        more["shared_by"] = [str(patient.id) for patient in of]
    patient = of[0] if len(of) == 1 else None
    return NewItem(
        subject=f"reply:{text.id}:{clinic}",
        kind=ItemKind.RESTART if starts else ItemKind.REPLY,
        clinic=clinic,
        # Nobody is enrolled with this number: a person finds out who wants to be.
        cause=Reason.STARTED_AGAIN if starts else _cause(text),
        urgency=SOON_URGENCY
        if text.meaning is ReplyIntent.STOP
        else text.found.urgency or WITH_CARE,
        patient_id=patient.id if patient else None,
        enrolment_id=_enrolment_of(session, patient) if patient else None,
        inbound_id=text.id,
        more=more,
        since=text.written_at,
    )


def _cause(text: _Text) -> str:
    """Return the gravest thing that the text is about, or else what it asks for."""
    gravest = text.found.gravest
    if gravest in REQUEST_CLASSES | HARMLESS_CLASSES:
        return text.meaning.value
    return gravest.value


def _enrolment_of(session: Session, patient: Patient) -> UUID | None:
    """Return the enrolment that a text is most likely about.

    One that goes on before one that has finished, and that before one that was withdrawn.
    """
    return session.scalar(
        select(Enrolment.id)
        .where(Enrolment.patient_id == patient.id)
        .order_by(
            Enrolment.state.not_in(ONGOING_STATES),
            Enrolment.state == EnrolmentState.WITHDRAWN.value,
            Enrolment.procedure_at.desc(),
        )
        .limit(1)
    )


def _choose(text: _Text, *, changed: int, starts: bool) -> str | None:
    """Return the template of the answer, or None where none is wanted."""
    return choose(
        text.found,
        text.known,
        changed=bool(changed),
        starts=starts,
        by_carrier=text.opt_out_type == "STOP",
    )


def _answer(session: Session, by: AuditContext, text: _Text, template: str | None) -> _Answer:
    if template is None or text.clinic is None or not text.can_be_answered:
        return _Answer()
    if _is_past_answering(text, template, by=by):
        return _Answer()
    due_at = by.at
    if template not in FOR_SAFETY and by.at - text.written_at > CONVERSATION_LASTS:
        hours, zone = text.clinic.sending_hours, text.clinic.zone
        due_at = next_sending_moment(by.at, hours=hours, zone=zone)
    if not may_answer(session, template, index=text.index, now=by.at):
        return _Answer()
    answer_id = write_answer(
        session,
        by,
        template=template,
        clinic=text.clinic,
        address=text.address,
        index=text.index,
        sealer=text.sealer,
        owner=text.owner,
        protocol=text.known.protocol,
        due_at=due_at,
    )
    session.execute(
        update(InboundMessage).where(InboundMessage.id == text.id).values(answer_id=answer_id)
    )
    return _Answer(template, answer_id)


def _is_past_answering(text: _Text, template: str | None, *, by: AuditContext) -> bool:
    """Say whether a text is too old for this answer: advice on what to do now is never too late."""
    if template is None or template in FOR_SAFETY:
        return False
    return by.at - text.written_at > WORTH_ANSWERING


def _late(text: _Text, wanted: str | None, *, by: AuditContext) -> dict[str, object]:
    """Return how long a text was on its way, and why it is not answered by the template `wanted`.

    Empty where it was taken as it was written.
    """
    minutes = (by.at - text.written_at) // timedelta(minutes=1)
    late: dict[str, object] = {"minutes_late": minutes} if minutes else {}
    return late | {"withheld": TOO_LATE} if _is_past_answering(text, wanted, by=by) else late


def _record(
    session: Session,
    by: AuditContext,
    text: _Text,
    answer: str | None,
    *,
    late: Mapping[str, object],
) -> None:
    record_event(
        session,
        by,
        AuditEntry(
            action="inbound.taken",
            clinic=text.clinic.key if text.clinic else None,
            patient_id=text.owner,
            detail={
                "inbound": str(text.id),
                "meaning": text.meaning.value,
                "classes": [*_classes(text)],
                "sorted_by": text.found.version,
                "patients": len(text.of),
                "answer": answer,
                **late,
            },
        ),
    )
