"""Patient page: what stands on it, and what the patient may change there.

The page tells the advice by the calendar, whether or not its message went: a patient who has
stopped the texts still finds it here. It says nothing of who the patient is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.consent.objections import lift_objection
from followup.content.advice import Advice, Piece
from followup.content.phrases import is_phrase
from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.consent import ObjectionSource
from followup.domain.errors import InvalidInput, NotFound
from followup.domain.lifecycle import ONGOING_STATES, EnrolmentState, State
from followup.domain.needs import ReadingNeed
from followup.domain.outlook import Outlook
from followup.domain.reasons import Reason
from followup.enrolment.page_tokens import find_enrolment_by_token
from followup.enrolment.reading_needs import change_needs
from followup.enrolment.reschedule import plan_again
from followup.messages.opt_out import stop_messages
from followup.messages.outlook import outlooks
from followup.messages.rendering import occurrences_of
from followup.patients.records import needs_of, open_objections
from followup.store.audit_log import AuditContext, AuditEntry, record_event
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Objection, Patient

MOST_COMING = 4
UNSEEN = frozenset({Reason.ALREADY_PAST, Reason.RESCHEDULED})
"""Reasons of messages whose advice is not this patient's, or not at that time."""


@dataclass(frozen=True, slots=True)
class DatedAdvice:
    """A piece of advice, and the day on the patient's calendar that it is for."""

    at: datetime
    piece: Piece
    outlook: Outlook | None = None
    """What will become of its message, where that is not what was planned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatus:
    """Whether a channel reaches the patient: `stopped` by whom, None if it is on."""

    channel: ChannelKind
    stopped_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientPage:
    """All that the page shows. `standing` has the channels that the patient agreed to.

    `is_before` says that the procedure is still to come.
    """

    clinic: Clinic
    protocol: str
    wanted_language: str
    ended: bool
    is_before: bool
    today: Sequence[DatedAdvice]
    is_today: bool
    earlier: Sequence[DatedAdvice]
    coming: Sequence[DatedAdvice]
    standing: Sequence[ChannelStatus]
    needs: frozenset[ReadingNeed]
    index: bytes


def read_page(
    app: AppContext,
    advice: Advice,
    token: str,
    *,
    language: str | None = None,
    drafts: bool = False,
) -> PatientPage:
    """Return what a token shows, in `language` or the patient's; raise `NotFound` if nothing.

    `drafts` shows advice that nobody has approved in that language too.
    """
    with app.store.read() as session:
        enrolment = find_enrolment_by_token(session, app, token)
        patient = session.get_one(Patient, enrolment.patient_id)
        clinic = _clinic(app, enrolment)
        wanted = language or patient.language
        now = app.clock.now()
        rows = _rows(session, enrolment)
        foreseen = outlooks(session, rows, {patient.id: patient})
        dated = [
            DatedAdvice(row.due_at, piece, _outlook(row, foreseen))
            for row in rows
            # What was to be done before the procedure would only puzzle afterwards.
            if not row.not_after <= enrolment.procedure_at <= now
            and (
                piece := advice.piece(
                    row.template,
                    wanted=wanted,
                    clinic=clinic,
                    protocol=enrolment.protocol,
                    which=(row.occurrence, occurrences_of(app, row)),
                    drafts=drafts,
                )
            )
        ]
        sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
        assert sealer is not None  # noqa: S101 - `find_page` finds no page without a key
        past = [one for one in dated if one.at <= now]
        today = [one for one in past if _day(one.at, enrolment) == _day(now, enrolment)]
        latest = today or past[-1:]
        ended = enrolment.state not in ONGOING_STATES
        # What was told last still holds for one who had all of it.
        told = () if enrolment.state == EnrolmentState.WITHDRAWN else latest[::-1]
        return PatientPage(
            clinic=clinic,
            protocol=enrolment.protocol,
            wanted_language=patient.language,
            ended=ended,
            is_before=now < enrolment.procedure_at,
            today=_once(told),
            is_today=bool(today),
            earlier=_once(one for one in past[::-1] if one not in latest),
            coming=() if ended else _by_day(dated, enrolment, now=now)[:MOST_COMING],
            standing=_standing(session, enrolment, patient),
            needs=needs_of(patient.needs_sealed, sealer),
            index=enrolment.page_index or b"",
        )


def change_choice(app: AppContext, token: str, choice: str, *, languages: Sequence[str]) -> None:
    """Do what the patient chose; raise `NotFound` or `InvalidInput`.

    `choice` is one of `stop-sms`, `start-sms`, `stop-email`, `start-email`, `large`, `normal`,
    `easy-read`, or `language-` and one of `languages`.
    """

    def work(unit: UnitOfWork) -> None:
        enrolment = find_enrolment_by_token(unit.session, app, token, lock=True)
        patient = unit.session.get_one(Patient, enrolment.patient_id, with_for_update=True)
        verb, _, what = choice.partition("-")
        if choice in {"large", "normal", "easy-read"}:
            _change_reading(unit, enrolment, choice=choice)
        elif verb == "language" and what in languages:
            change_language(unit.session, unit.by, patient, what)
        elif verb in {"stop", "start"} and what in set(ChannelKind):
            _change_messages(unit, patient, ChannelKind(what), stop=verb == "stop")
        else:
            raise InvalidInput.of("do", "this is not one of the choices")

    app.transact(actors.PATIENT, work)


def _clinic(app: AppContext, enrolment: Enrolment) -> Clinic:
    clinic = app.catalogue.clinics.get(enrolment.clinic)
    if clinic is None:
        raise NotFound("this link opens no page")
    return clinic


def _day(at: datetime, enrolment: Enrolment) -> object:
    return at.astimezone(ZoneInfo(enrolment.zone)).date()


def _outlook(row: Message, foreseen: Mapping[UUID, Outlook]) -> Outlook | None:
    if row.state == State.CANCELLED and row.reason == Reason.OBJECTION:
        return Outlook(Reason.OBJECTION)
    return foreseen.get(row.id)


def _once(dated: Iterable[DatedAdvice]) -> list[DatedAdvice]:
    """Return each piece of advice once, as it was said first in this order."""
    found: dict[str, DatedAdvice] = {}
    for one in dated:
        found.setdefault(one.piece.heading, one)
    return list(found.values())


def _by_day(
    dated: Iterable[DatedAdvice], enrolment: Enrolment, *, now: datetime
) -> list[DatedAdvice]:
    """Return what is to come, a reminder that comes twice on one day once."""
    found: dict[tuple[object, str], DatedAdvice] = {}
    for one in dated:
        if one.at > now:
            found.setdefault((_day(one.at, enrolment), one.piece.heading), one)
    return list(found.values())


def _rows(session: Session, enrolment: Enrolment) -> list[Message]:
    """Return each piece of advice once, as it stands in the latest timeline that has it."""
    found: dict[tuple[str, int], Message] = {}
    for message in session.scalars(
        select(Message)
        .where(Message.enrolment_id == enrolment.id, Message.fallback_of.is_(None))
        .order_by(Message.generation, Message.due_at, Message.id)
    ):
        # What staff wrote about a call is no advice.
        if message.reason not in UNSEEN and not is_phrase(message.template):
            found[message.step, message.occurrence] = message
    return sorted(found.values(), key=lambda message: (message.due_at, message.id))


def _standing(session: Session, enrolment: Enrolment, patient: Patient) -> list[ChannelStatus]:
    addresses = {
        ChannelKind.SMS: patient.mobile_index,
        ChannelKind.EMAIL: patient.email_index,
    }
    in_force = open_objections(
        session,
        patient_ids=[patient.id],
        contact_indexes=[index for index in addresses.values() if index],
    )
    return [
        ChannelStatus(channel=channel, stopped_by=_stopped_by(in_force, channel))
        for channel in map(ChannelKind, enrolment.channels)
        if addresses[channel] is not None
    ]


def _stopped_by(in_force: Sequence[Objection], channel: ChannelKind) -> str | None:
    sources = [one.source for one in in_force if one.channel in {None, channel.value}]
    return (
        ObjectionSource.CARRIER if ObjectionSource.CARRIER in sources else next(iter(sources), None)
    )


def _change_messages(
    unit: UnitOfWork, patient: Patient, channel: ChannelKind, *, stop: bool
) -> None:
    if stop:
        stop_messages(unit, patient, channel=channel, source=ObjectionSource.LINK)
        return
    in_force = open_objections(unit.session, patient_ids=[patient.id], contact_indexes=[])
    to_all = any(objection.channel is None for objection in in_force)
    if not lift_objection(
        unit.session, unit.by, patient=patient, source=ObjectionSource.LINK, channel=channel
    ):
        return
    if to_all:
        # They stopped everything, and want this much of it again.
        for other in set(ChannelKind) - {channel}:
            stop_messages(unit, patient, channel=other, source=ObjectionSource.LINK)
    plan_again(unit, patient_id=patient.id)


def change_language(session: Session, by: AuditContext, patient: Patient, language: str) -> None:
    """Write in which language a patient reads."""
    if patient.language == language:
        return
    patient.language = language
    session.flush()
    record_event(session, by, _changed(patient, "language"))


def _change_reading(unit: UnitOfWork, enrolment: Enrolment, *, choice: str) -> None:
    patient = unit.session.get_one(Patient, enrolment.patient_id)
    sealer = unit.app.keyring.patient(patient.data_key, patient.master_key_id)
    assert sealer is not None  # noqa: S101 - `find_page` finds no page without a key
    before = needs_of(patient.needs_sealed, sealer)
    wanted = (
        before | {ReadingNeed.EASY_READ}
        if choice == "easy-read"
        else before ^ {ReadingNeed.LARGE_PRINT}
    )
    if choice != "easy-read" and (ReadingNeed.LARGE_PRINT in before) is (choice == "large"):
        return
    change_needs(unit, patient, wanted, enrolment_id=enrolment.id)


def _changed(patient: Patient, *fields: str) -> AuditEntry:
    return AuditEntry(
        action="patient.changed",
        clinic=patient.clinic,
        patient_id=patient.id,
        detail={"fields": list(fields)},
    )
