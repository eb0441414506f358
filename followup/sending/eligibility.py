"""Send eligibility: whether a message may go, read at the last moment, at claim and at send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.domain.protocols.timeline import next_sending_moment
from followup.domain.reasons import RESTORED
from followup.messages.kill_switch_queries import Cover, covers_in_force, is_covered
from followup.messages.verification_code import KIND as NUMBER_CHECK
from followup.store.engine.bulk import is_among
from followup.store.engine.types import AnyRow
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.operations import Restore
from followup.store.models.patients import Objection, Patient


@dataclass(frozen=True, slots=True)
class Go:
    """It may be sent now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """It may be sent, but not before then."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Stop:
    """It may not be sent: the state that it goes to, and why."""

    to: State
    reason: str


Verdict = Go | Wait | Stop

AT_ONCE = timedelta(days=1)

COLUMNS = (
    Message.id,
    Message.kind,
    Message.clinic,
    Message.protocol,
    Message.step,
    Message.occurrence,
    Message.template,
    Message.channel,
    Message.answer_wait,
    Message.patient_id,
    Message.enrolment_id,
    Message.not_before,
    Message.not_after,
    Message.due_at,
    Message.zone,
    Message.state,
    Message.created_at,
    Message.restore_id,
    Message.attempt_count,
    Message.let_go,
    Message.address_sealed,
    Message.address_index,
    Enrolment.state.label("enrolment_state"),
    Enrolment.page_token_sealed,
    Patient.data_key,
    Patient.master_key_id,
    Patient.language,
    Patient.needs_sealed,
    Patient.mobile_sealed,
    Patient.mobile_index,
    Patient.mobile_unusable,
    Patient.email_sealed,
    Patient.email_index,
    Patient.email_unusable,
    Patient.deceased_at,
    Patient.erased_at,
    # No row of it is without a time here: nothing starts on a backup that nobody restored.
    select(func.max(Restore.id)).scalar_subquery().label("last_restore"),
    select(func.max(Restore.restored_at)).scalar_subquery().label("restored_at"),
)


def load_for_sending(session: Session, message_ids: Sequence[UUID]) -> Sequence[AnyRow]:
    """Return messages with all that decides whether and where they go, locked in a fixed order."""
    session.flush()
    return session.connection().execute(_LOCKED, {"ids": message_ids}).all()


def load_leased_for_sending(
    session: Session, message_ids: Sequence[UUID], *, token: UUID, now: datetime
) -> Sequence[AnyRow]:
    """Return what `load` does of those that are claimed under this lease, unless it is over.

    `now` is real time.
    """
    given = {"ids": message_ids, "token": token, "now": now}
    session.flush()
    return session.connection().execute(_LOCKED_LEASED, given).all()


_LOCKED = (
    select(*COLUMNS)
    .outerjoin(Enrolment, Enrolment.id == Message.enrolment_id)
    .outerjoin(Patient, Patient.id == Message.patient_id)
    .where(is_among(Message.id, bindparam("ids")))
    .order_by(Message.id)
    .with_for_update(of=Message, key_share=True)
)

_LOCKED_LEASED = _LOCKED.where(
    Message.state == State.CLAIMED.value,
    Message.lease_token == bindparam("token"),
    Message.lease_until > bindparam("now"),
)


def check_eligibility(
    session: Session, app: AppContext, rows: Sequence[AnyRow], *, now: datetime
) -> dict[UUID, Verdict]:
    """Return for each message whether it may go, with the reason where it may not."""
    bar = _Bar.read(session, rows)
    return {row.id: _judge_one(app, bar, row, now=now) for row in rows}


def address_of(row: AnyRow) -> tuple[bytes | None, bytes | None]:
    """Return where a message goes, sealed, and its index: the patient's, unless it has its own."""
    if row.address_sealed is not None:
        return row.address_sealed, row.address_index
    if row.channel == ChannelKind.SMS.value:
        return row.mobile_sealed, row.mobile_index
    return row.email_sealed, row.email_index


@dataclass(frozen=True, slots=True)
class _Bar:
    """The objections and kill switches in force that may concern these messages."""

    of_patients: frozenset[tuple[UUID | None, str | None]]
    of_addresses: frozenset[tuple[bytes | None, str | None]]
    switches: frozenset[Cover]

    @classmethod
    def read(cls, session: Session, rows: Sequence[AnyRow]) -> _Bar:
        concerned = {
            "patients": {row.patient_id for row in rows if row.patient_id is not None},
            "addresses": {index for row in rows if (index := address_of(row)[1]) is not None},
        }
        objections = session.connection().execute(_OBJECTIONS, concerned).all()
        return cls(
            frozenset((row.patient_id, row.channel) for row in objections if row.patient_id),
            frozenset((row.contact_index, row.channel) for row in objections if row.contact_index),
            covers_in_force(session),
        )

    def objected(self, row: AnyRow, channel: str | None) -> bool:
        """Say whether there is an objection to this channel, or to everything (None)."""
        index = address_of(row)[1]
        of_patient = (row.patient_id, channel) in self.of_patients
        return of_patient or (index, channel) in self.of_addresses


_OBJECTIONS = select(Objection.patient_id, Objection.contact_index, Objection.channel).where(
    Objection.lifted_at.is_(None),
    or_(
        is_among(Objection.patient_id, bindparam("patients")),
        is_among(Objection.contact_index, bindparam("addresses")),
    ),
)


def _judge_one(app: AppContext, bar: _Bar, row: AnyRow, *, now: datetime) -> Verdict:
    stop = _ended(row) or _in_doubt(row) or _shut(bar, row, now=now) or _unreachable(bar, row)
    if stop is not None:
        return stop
    # A patient who wrote is answered whatever the hour.
    # So is one who is there and reads out the code of a test text.
    return _in_hours(app, row, now=now) if row.kind == "advice" else Go()


def _ended(row: AnyRow) -> Stop | None:
    """Return why nothing more may go to this person on this enrolment; answers still may.

    A test text before the enrolment is nobody's yet.
    """
    if row.kind == "reply" or row.patient_id is None:
        return None
    if row.erased_at is not None or row.data_key is None:
        return Stop(State.CANCELLED, "erased")
    if row.deceased_at is not None:
        return Stop(State.CANCELLED, "patient-died")
    if row.enrolment_state == "withdrawn":
        return Stop(State.CANCELLED, "withdrawn")
    if row.enrolment_state == "paused":
        return Stop(State.HELD, "paused")
    return None


def _in_doubt(row: AnyRow) -> Stop | None:
    """Return why the provider must be asked first: a backup was restored, and it may have gone.

    That is what fell due before the restore, and what would have if it had not been made anew
    since: for a patient who was enrolled or moved again because the backup knew nothing of it.
    """
    if row.last_restore is None or row.restore_id == row.last_restore or row.restored_at is None:
        return None
    # Staff are still waiting for it, or it is over.
    if row.kind == NUMBER_CHECK:
        return None
    if address_of(row)[0] is None:
        return None
    if row.created_at < row.restored_at:
        missed = row.due_at <= row.restored_at
    else:
        # Due at once, or at the next sending hour: its target may have been before the restore.
        missed = row.not_before < row.restored_at and row.due_at < row.created_at + AT_ONCE
    return Stop(State.UNKNOWN, RESTORED) if missed else None


def _shut(bar: _Bar, row: AnyRow, *, now: datetime) -> Stop | None:
    """Return why this message may not go now, whoever it is for."""
    if now >= row.not_after:
        return Stop(State.EXPIRED, "window-over")
    return Stop(State.HELD, "switch") if is_covered(bar.switches, row) else None


def _unreachable(bar: _Bar, row: AnyRow) -> Stop | None:
    """Return why this message may not go to its address, or has none."""
    # Also the answer that confirms an objection goes.
    if row.kind != "reply":
        if bar.objected(row, None):
            return Stop(State.SUPPRESSED, "objection")
        if bar.objected(row, row.channel):
            return Stop(State.SUPPRESSED, "objection-to-channel")
    sms = row.channel == ChannelKind.SMS.value
    # A number that is being tested has not failed yet.
    if row.kind == "advice" and (row.mobile_unusable if sms else row.email_unusable):
        return Stop(State.SUPPRESSED, "address-unusable")
    return Stop(State.SUPPRESSED, "no-address") if address_of(row)[0] is None else None


def _in_hours(app: AppContext, row: AnyRow, *, now: datetime) -> Verdict:
    """Let it wait for its window and for the sending hours; expire it if none comes in time."""
    clinic = app.catalogue.clinics.get(row.clinic)
    if clinic is None:
        return Stop(State.HELD, "clinic-not-configured")
    earliest = max(now, row.not_before)
    moment = next_sending_moment(earliest, hours=clinic.sending_hours, zone=ZoneInfo(row.zone))
    if moment >= row.not_after:
        return Stop(State.EXPIRED, "no-sending-hour")
    return Go() if moment <= now else Wait(moment)
