"""Send eligibility check: reads, at claim and at send, what decides whether messages may go.

The rule itself is `followup.domain.eligibility`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session, aliased

from followup.consent.in_force import objections_against
from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.eligibility import (
    Candidate,
    Circumstances,
    LastRestore,
    Verdict,
    judge_message,
)
from followup.domain.lifecycle import EnrolmentState, State
from followup.domain.message_kind import MessageKind
from followup.domain.reasons import Reason
from followup.messages.kill_switch_queries import covers_in_force
from followup.releases.gate import Clearance, Concerned, gate_of
from followup.store.engine.bulk import is_among
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.operations import Restore
from followup.store.models.patients import Patient


class SendRow(NamedTuple):
    """A message with its enrolment and patient: all that decides whether and where it goes.

    The fields are in the order of `ELIGIBILITY_COLUMNS`. Those of a patient and an enrolment are
    None of a single text that is nobody's.
    """

    id: UUID
    kind: str
    clinic: str
    protocol: str | None
    words_of: str | None
    step: str
    occurrence: int
    occurrences: int | None
    template: str
    channel: str
    answer_wait: int | None
    patient_id: UUID | None
    enrolment_id: UUID | None
    not_before: datetime
    not_after: datetime
    due_at: datetime
    zone: str
    state: str
    created_at: datetime
    restore_id: int | None
    attempt_count: int
    let_go: bool
    address_sealed: bytes | None
    address_index: bytes | None
    enrolment_state: str | None
    page_token_sealed: bytes | None
    data_key: bytes | None
    master_key_id: str | None
    language: str | None
    needs_sealed: bytes | None
    mobile_sealed: bytes | None
    mobile_index: bytes | None
    mobile_unusable: str | None
    email_sealed: bytes | None
    email_index: bytes | None
    email_unusable: str | None
    deceased_at: datetime | None
    erased_at: datetime | None
    restricted_at: datetime | None
    last_restore: int | None
    restored_at: datetime | None


GoesOnIn = aliased(Enrolment)

ELIGIBILITY_COLUMNS = (
    Message.id,
    Message.kind,
    Message.clinic,
    Message.protocol,
    Message.words_of,
    Message.step,
    Message.occurrence,
    Message.occurrences,
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
    # Of one that goes on in another, what is still under way is judged by that one.
    func.coalesce(GoesOnIn.state, Enrolment.state).label("enrolment_state"),
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
    Patient.restricted_at,
    # No row of it is without a time here: nothing starts on a backup that nobody restored.
    select(func.max(Restore.id)).scalar_subquery().label("last_restore"),
    select(func.max(Restore.restored_at)).scalar_subquery().label("restored_at"),
)


def load_for_sending(session: Session, message_ids: Sequence[UUID]) -> list[SendRow]:
    """Return messages with all that decides whether and where they go, locked in a fixed order."""
    session.flush()
    return [*map(SendRow._make, session.connection().execute(_LOCKED, {"ids": message_ids}))]


def load_leased_for_sending(
    session: Session, message_ids: Sequence[UUID], *, token: UUID, now: datetime
) -> list[SendRow]:
    """Return what `load_for_sending` does, of those claimed under this lease, unless it is over.

    `now` is real time.
    """
    given = {"ids": message_ids, "token": token, "now": now}
    session.flush()
    return [*map(SendRow._make, session.connection().execute(_LOCKED_LEASED, given))]


_LOCKED = (
    select(*ELIGIBILITY_COLUMNS)
    .outerjoin(Enrolment, Enrolment.id == Message.enrolment_id)
    .outerjoin(GoesOnIn, GoesOnIn.id == Enrolment.merged_into)
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
    session: Session, app: AppContext, rows: Sequence[SendRow], *, now: datetime
) -> dict[UUID, Verdict]:
    """Return for each message whether it may go, with the reason where it may not."""
    cleared = clearances_of(session, app, rows)
    candidates = {row.id: _candidate(row, words=cleared[row.id].reason) for row in rows}
    circumstances = Circumstances(
        now=now,
        objections=objections_against(
            session,
            patient_ids={one.patient_id for one in candidates.values() if one.patient_id},
            addresses={one.address_index for one in candidates.values() if one.address_index},
        ),
        switches=covers_in_force(session),
        hours={key: clinic.sending_hours for key, clinic in app.catalogue.clinics.items()},
        restore=_last_restore(rows),
    )
    return {id_: judge_message(one, circumstances) for id_, one in candidates.items()}


def clearances_of(
    session: Session, app: AppContext, rows: Sequence[SendRow]
) -> dict[UUID, Clearance]:
    """Return for each message by which release its words may go out, or why they may not."""
    concerned = {row.id: concerned_by(row) for row in rows}
    found = gate_of(app).clearances(session, app, set(concerned.values()))
    return {id_: found[one] for id_, one in concerned.items()}


def concerned_by(row: SendRow) -> Concerned:
    """Return what of a message decides which words it has."""
    return Concerned(row.kind, row.clinic, row.protocol or row.words_of, row.template)


def address_of(row: SendRow) -> tuple[bytes | None, bytes | None]:
    """Return where a message goes, sealed, and its index: the patient's, unless it has its own."""
    if row.address_sealed is not None:
        return row.address_sealed, row.address_index
    if row.channel == ChannelKind.SMS.value:
        return row.mobile_sealed, row.mobile_index
    return row.email_sealed, row.email_index


def _candidate(row: SendRow, *, words: Reason | None) -> Candidate:
    channel = ChannelKind(row.channel)
    sealed, index = address_of(row)
    unusable = row.mobile_unusable if channel is ChannelKind.SMS else row.email_unusable
    return Candidate(
        kind=MessageKind(row.kind),
        clinic=row.clinic,
        protocol=row.protocol,
        step=row.step,
        channel=channel,
        created_at=row.created_at,
        due_at=row.due_at,
        not_before=row.not_before,
        not_after=row.not_after,
        zone=row.zone,
        patient_id=row.patient_id,
        is_erased=row.erased_at is not None or row.data_key is None,
        is_deceased=row.deceased_at is not None,
        is_restricted=row.restricted_at is not None,
        enrolment_state=EnrolmentState(row.enrolment_state) if row.enrolment_state else None,
        has_address=sealed is not None,
        address_index=index,
        address_unusable=bool(unusable),
        restore_id=row.restore_id,
        words=words,
    )


def _last_restore(rows: Sequence[SendRow]) -> LastRestore | None:
    """Return the last restore, which every row tells of alike."""
    if not rows or rows[0].last_restore is None or rows[0].restored_at is None:
        return None
    return LastRestore(rows[0].last_restore, rows[0].restored_at)
