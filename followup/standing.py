"""Whether a message may go, read from the database at the last moment: at claim and at send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.domain.timeline import next_sending_moment
from followup.kit import Kit
from followup.store.models import Enrolment, Message, Objection, Patient, Switch


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

COLUMNS = (
    Message.id,
    Message.kind,
    Message.clinic,
    Message.protocol,
    Message.step,
    Message.occurrence,
    Message.template,
    Message.channel,
    Message.patient_id,
    Message.enrolment_id,
    Message.not_before,
    Message.not_after,
    Message.zone,
    Message.attempt_count,
    Message.address_sealed,
    Message.address_index,
    Enrolment.state.label("enrolment_state"),
    Patient.data_key,
    Patient.master_key_id,
    Patient.language,
    Patient.mobile_sealed,
    Patient.mobile_index,
    Patient.mobile_unusable,
    Patient.email_sealed,
    Patient.email_index,
    Patient.email_unusable,
    Patient.deceased_at,
    Patient.erased_at,
)


def load(session: Session, message_ids: Sequence[UUID], *conditions: Any) -> Sequence[Row[Any]]:
    """Return messages with all that decides whether and where they go, locked in a fixed order."""
    return session.execute(
        select(*COLUMNS)
        .outerjoin(Enrolment, Enrolment.id == Message.enrolment_id)
        .outerjoin(Patient, Patient.id == Message.patient_id)
        .where(Message.id.in_(message_ids), *conditions)
        .order_by(Message.id)
        .with_for_update(of=Message)
    ).all()


def judge(
    session: Session, kit: Kit, rows: Sequence[Row[Any]], *, now: datetime
) -> dict[UUID, Verdict]:
    """Return for each message whether it may go, with the reason where it may not."""
    bar = _Bar.read(session, rows)
    return {row.id: _judge_one(kit, bar, row, now=now) for row in rows}


def address_of(row: Row[Any]) -> tuple[bytes | None, bytes | None]:
    """Return where a message goes, sealed, and its index: the patient's, unless it has its own."""
    if row.address_sealed is not None:
        return row.address_sealed, row.address_index
    if row.channel == ChannelKind.SMS.value:
        return row.mobile_sealed, row.mobile_index
    return row.email_sealed, row.email_index


@dataclass(frozen=True, slots=True)
class _Bar:
    """The objections and kill switches in force that may concern these messages."""

    by_patient: frozenset[tuple[UUID, str | None]]
    by_address: frozenset[tuple[bytes, str | None]]
    switches: frozenset[tuple[str, str | None]]

    @classmethod
    def read(cls, session: Session, rows: Sequence[Row[Any]]) -> _Bar:
        patients = {row.patient_id for row in rows if row.patient_id is not None}
        addresses = {index for row in rows if (index := address_of(row)[1]) is not None}
        in_force = Objection.lifted_at.is_(None)
        by_patient = session.execute(
            select(Objection.patient_id, Objection.channel).where(
                in_force, Objection.patient_id.in_(patients)
            )
        )
        by_address = session.execute(
            select(Objection.contact_index, Objection.channel).where(
                in_force, Objection.contact_index.in_(addresses)
            )
        )
        switches = session.execute(
            select(Switch.scope, Switch.value).where(Switch.lifted_at.is_(None))
        )
        return cls(
            frozenset((row[0], row[1]) for row in by_patient),
            frozenset((row[0], row[1]) for row in by_address),
            frozenset((row[0], row[1]) for row in switches),
        )

    def objected(self, row: Row[Any], channel: str | None) -> bool:
        """Say whether there is an objection to this channel, or to everything (None)."""
        index = address_of(row)[1]
        return (row.patient_id, channel) in self.by_patient or (index, channel) in self.by_address

    def switched_off(self, row: Row[Any]) -> bool:
        return bool(self.switches) and not self.switches.isdisjoint(
            {
                ("all", None),
                ("clinic", row.clinic),
                ("protocol", row.protocol),
                ("step", row.step),
                ("channel", row.channel),
            }
        )


def _judge_one(kit: Kit, bar: _Bar, row: Row[Any], *, now: datetime) -> Verdict:
    stop = _person_bar(row) if row.kind == "advice" else None
    if stop is not None:
        return stop
    if now >= row.not_after:
        return Stop(State.EXPIRED, "window-over")
    if bar.switched_off(row):
        return Stop(State.HELD, "switch")
    if row.kind == "reply":
        # A patient who wrote is answered whatever the hour, also to confirm an objection.
        return Go()
    if bar.objected(row, None):
        return Stop(State.SUPPRESSED, "objection")
    if bar.objected(row, row.channel):
        return Stop(State.SUPPRESSED, "objection-to-channel")
    unusable = row.mobile_unusable if row.channel == ChannelKind.SMS.value else row.email_unusable
    if unusable:
        return Stop(State.SUPPRESSED, "address-unusable")
    if address_of(row)[0] is None:
        return Stop(State.SUPPRESSED, "no-address")
    return _in_hours(kit, row, now=now)


def _person_bar(row: Row[Any]) -> Stop | None:
    """Return why nothing more may go to this person on this enrolment."""
    if row.erased_at is not None or row.data_key is None:
        return Stop(State.CANCELLED, "erased")
    if row.deceased_at is not None:
        return Stop(State.CANCELLED, "patient-died")
    if row.enrolment_state == "withdrawn":
        return Stop(State.CANCELLED, "withdrawn")
    if row.enrolment_state == "paused":
        return Stop(State.HELD, "paused")
    return None


def _in_hours(kit: Kit, row: Row[Any], *, now: datetime) -> Verdict:
    """Let it wait for its window and for the sending hours; expire it if none comes in time."""
    clinic = kit.catalogue.clinics.get(row.clinic)
    if clinic is None:
        return Stop(State.HELD, "clinic-not-configured")
    earliest = max(now, row.not_before)
    moment = next_sending_moment(earliest, hours=clinic.sending_hours, zone=ZoneInfo(row.zone))
    if moment >= row.not_after:
        return Stop(State.EXPIRED, "no-sending-hour")
    return Go() if moment <= now else Wait(moment)
