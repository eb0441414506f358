"""Mobile-number verification by a test text: the patient reads its code out to staff.

The text is a row of `messages`, so it goes by the same dispatcher, pace, kill switches and
objections as any other, whichever process sends it. Its code is kept nowhere: it is a keyed hash of
the message's id, so that the worker which writes the text and the page which checks the code agree.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.errors import InvalidInput
from followup.domain.kill_switch import is_covered
from followup.domain.message_kind import MessageKind
from followup.domain.number_confirmation import ConfirmationMethod, NumberConfirmation
from followup.messages.kill_switch_queries import covers_in_force
from followup.messages.one_off_texts import one_off_text
from followup.messages.verification_code import code_of
from followup.patients import records as patients
from followup.patients.records import address_index, open_objections
from followup.store.audit_log import AuditContext, AuditEntry, record_event
from followup.store.encryption.sealing import Sealer
from followup.store.engine.types import new_id
from followup.store.models.messages import Attempt, Message
from followup.store.models.patients import Patient
from followup.store.models.staff import NumberCheck

TEMPLATE = "number-check"

CODE_LIFETIME = timedelta(minutes=10)
"""Real time: the patient is there, phone in hand."""
MOST_WRONG = 3
MOST_TEXTS = 3
"""For one form; a phone that gets none of them has no signal, or is another one."""
NUMBER_AN_HOUR = 6
"""Whoever asks, from whichever form: nobody's phone is to be flooded by way of us."""
CHECK_RETENTION = timedelta(days=1)

SEALED_COLUMNS = ("address", "subject", "body", "html", "words_salt")


class VerificationResult(Enum):
    """What an entered code is: anything but `RIGHT` confirms nothing."""

    RIGHT = auto()
    WRONG = auto()
    SPENT = auto()
    EXPIRED = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationStatus:
    """Where the last test text of a form stands. `tries_left` and `texts_left` may be none.

    `expires_at` is real time.
    """

    message: Message
    expires_at: datetime
    tries_left: int
    texts_left: int
    confirmed: bool


def send_test_text(
    app: AppContext,
    draft_id: UUID,
    *,
    clinic: Clinic,
    mobile: str,
    patient: Patient | None,
    actor: str,
) -> None:
    """Plan a text with a code to this number (E.164), for the form of that draft.

    `patient` is the one whose number is corrected. Raises `InvalidInput` where no text may go.
    """
    index = address_index(app.keyring.indexes, ChannelKind.SMS, mobile)

    def work(unit: UnitOfWork) -> None:
        _must_be_few(unit.session, unit.by, draft_id, index)
        message = _message(app, unit.by, clinic=clinic, mobile=mobile, index=index, patient=patient)
        _must_be_allowed(unit.session, message)
        unit.session.add(message)
        unit.session.flush()
        unit.session.add(_row(unit.by, draft_id, message))
        record_event(unit.session, unit.by, _entry("number.tested", message))

    app.transact(actor, work)


def verification_status(session: Session, draft_id: UUID) -> VerificationStatus | None:
    """Return where the last test text of a form stands, or None if there was none."""
    row = _latest(session, draft_id)
    if row is None:
        return None
    sent = session.scalar(select(func.count()).where(NumberCheck.draft_id == draft_id)) or 0
    return VerificationStatus(
        message=session.get_one(Message, row.message_id),
        expires_at=row.expires_real_at,
        tries_left=max(MOST_WRONG - row.wrong, 0),
        texts_left=max(MOST_TEXTS - sent, 0),
        confirmed=row.confirmed_at is not None,
    )


def enter_code(app: AppContext, draft_id: UUID, code: str, *, actor: str) -> VerificationResult:
    """Try a code that was read out: that of the form's last text counts, and for minutes only."""
    digits = re.sub(r"\s", "", code)

    def work(unit: UnitOfWork) -> VerificationResult:
        row = _latest(unit.session, draft_id, lock=True)
        if row is None:
            return VerificationResult.NONE
        if row.confirmed_at is not None:
            return VerificationResult.RIGHT
        if row.wrong >= MOST_WRONG:
            return VerificationResult.SPENT
        if unit.by.real_at >= row.expires_real_at:
            return VerificationResult.EXPIRED
        return _judge(unit, row, digits)

    return app.transact(actor, work)


def confirmed_by_text(app: AppContext, draft_id: UUID, mobile: str) -> NumberConfirmation | None:
    """Return how the form's number was confirmed, if its code was right and it is still that."""
    index = address_index(app.keyring.indexes, ChannelKind.SMS, mobile)
    with app.store.read() as session:
        row = session.scalar(
            select(NumberCheck)
            .where(
                NumberCheck.draft_id == draft_id,
                NumberCheck.address_index == index,
                NumberCheck.confirmed_at.is_not(None),
            )
            .limit(1)
        )
    if row is None:
        return None
    return NumberConfirmation(
        way=ConfirmationMethod.TEST_TEXT,
        at=row.confirmed_at,
        by=row.confirmed_by,
        message_id=row.message_id,
    )


def give_number_check_to(
    session: Session, app: AppContext, message_id: UUID, patient: Patient
) -> None:
    """Put a test text among a patient's messages, sealed under their key as those are."""
    message = session.get_one(Message, message_id, with_for_update={"key_share": True})
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    if message.patient_id is not None or sealer is None:
        return
    message.patient_id = patient.id
    _seal_anew(message, "messages", ("address",), app.keyring.system, sealer)
    for attempt in session.scalars(select(Attempt).where(Attempt.message_id == message_id)):
        _seal_anew(attempt, "attempts", SEALED_COLUMNS, app.keyring.system, sealer)


def keep_confirmed(unit: UnitOfWork, patient: Patient, number: NumberConfirmation | None) -> None:
    """Note with a patient how their number was confirmed, and make the test text theirs."""
    if number is None:
        return
    patients.confirm_mobile(
        patient, way=number.way, at=number.at or unit.by.at, by=number.by or unit.by.actor
    )
    if number.message_id is not None:
        # The text refers to the patient.
        unit.session.flush()
        give_number_check_to(unit.session, unit.app, number.message_id, patient)


def verification_note(number: NumberConfirmation | None) -> dict[str, str]:
    """Return what the audit trail says of how a number was confirmed."""
    return {} if number is None else {"number": number.way.value}


def _judge(unit: UnitOfWork, row: NumberCheck, digits: str) -> VerificationResult:
    message = unit.session.get_one(Message, row.message_id)
    right = code_of(unit.app.keyring.indexes, message.id)
    if not hmac.compare_digest(digits.encode(), right.encode()):
        row.wrong += 1
        record_event(unit.session, unit.by, _entry("number.code-wrong", message))
        return VerificationResult.WRONG if row.wrong < MOST_WRONG else VerificationResult.SPENT
    row.confirmed_at, row.confirmed_by = unit.by.at, unit.by.actor
    record_event(unit.session, unit.by, _entry("number.confirmed", message))
    return VerificationResult.RIGHT


def _latest(session: Session, draft_id: UUID, *, lock: bool = False) -> NumberCheck | None:
    query = (
        select(NumberCheck)
        .where(NumberCheck.draft_id == draft_id)
        .order_by(NumberCheck.asked_real_at.desc(), NumberCheck.id.desc())
        .limit(1)
    )
    return session.scalar(query.with_for_update() if lock else query)


def _must_be_few(session: Session, by: AuditContext, draft_id: UUID, index: bytes) -> None:
    session.execute(
        delete(NumberCheck).where(NumberCheck.asked_real_at < by.real_at - CHECK_RETENTION)
    )
    lately = NumberCheck.asked_real_at > by.real_at - timedelta(hours=1)
    count = select(func.count()).select_from(NumberCheck)
    of_form = session.scalar(count.where(NumberCheck.draft_id == draft_id)) or 0
    of_number = session.scalar(count.where(NumberCheck.address_index == index, lately)) or 0
    if of_form >= MOST_TEXTS or of_number >= NUMBER_AN_HOUR:
        raise _refused("Enough test texts went to this number: type it again instead")


def _must_be_allowed(session: Session, message: Message) -> None:
    """Say at once what the dispatcher would find: staff and patient are waiting."""
    objections = open_objections(
        session,
        patient_ids=[message.patient_id] if message.patient_id else [],
        contact_indexes=[message.address_index] if message.address_index else [],
    )
    if any(one.channel in {None, ChannelKind.SMS.value} for one in objections):
        raise _refused("Whoever has this number wants no texts: type it again instead")
    if is_covered(covers_in_force(session), message):
        raise _refused("Sending is stopped at the moment: type the number again instead")


def _refused(told: str) -> InvalidInput:
    return InvalidInput.of("mobile", told)


def _message(
    app: AppContext,
    by: AuditContext,
    *,
    clinic: Clinic,
    mobile: str,
    index: bytes,
    patient: Patient | None,
) -> Message:
    theirs = app.keyring.patient(patient.data_key, patient.master_key_id) if patient else None
    return one_off_text(
        by,
        kind=MessageKind.CHECK,
        template=TEMPLATE,
        clinic=clinic,
        address=mobile,
        index=index,
        sealer=theirs or app.keyring.system,
        owner=patient.id if patient and theirs else None,
        # Minutes of real time, also where a practice clinic's clock runs fast.
        not_after=app.clock.after_real(CODE_LIFETIME),
    )


def _row(by: AuditContext, draft_id: UUID, message: Message) -> NumberCheck:
    return NumberCheck(
        id=new_id(by.real_at),
        draft_id=draft_id,
        message_id=message.id,
        address_index=message.address_index,
        asked_real_at=by.real_at,
        expires_real_at=by.real_at + CODE_LIFETIME,
        wrong=0,
    )


def _entry(action: str, message: Message) -> AuditEntry:
    return AuditEntry(
        action=action,
        clinic=message.clinic,
        patient_id=message.patient_id,
        message_id=message.id,
    )


def _seal_anew(
    row: Message | Attempt, table: str, names: tuple[str, ...], before: Sealer, after: Sealer
) -> None:
    place = row.id if isinstance(row, Attempt) else None
    for name in names:
        column = f"{table}.{name}"
        text = before.open_if(getattr(row, f"{name}_sealed"), column=column, row=place)
        setattr(row, f"{name}_sealed", after.seal_if(text, column=column, row=place))
