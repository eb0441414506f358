"""Confirming a mobile number by a test text: the patient reads its code out to staff.

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

from followup.domain.channel import ChannelKind
from followup.domain.clinic import Clinic
from followup.domain.confirmed import Confirmed, Way
from followup.domain.errors import InvalidInput
from followup.kit import Kit
from followup.singles import single_text
from followup.store import patients
from followup.store.audit_log import Deed, Entry, record
from followup.store.models import Attempt, Message, Patient
from followup.store.patients import address_index, open_objections
from followup.store.sealing import BlindIndexes, Sealer
from followup.store.staff_tables import NumberCheck
from followup.store.switches import covers_in_force, is_covered
from followup.store.types import new_id

KIND, TEMPLATE = "check", "number-check"

VALID = timedelta(minutes=10)
"""Real time: the patient is there, phone in hand."""
MOST_WRONG = 3
MOST_TEXTS = 3
"""For one form; a phone that gets none of them has no signal, or is another one."""
NUMBER_AN_HOUR = 6
"""Whoever asks, from whichever form: nobody's phone is to be flooded by way of us."""
KEPT = timedelta(days=1)

SEALED = ("address", "subject", "body", "html")
HIDDEN = "••••"


class Verdict(Enum):
    """What an entered code is: anything but `RIGHT` confirms nothing."""

    RIGHT = auto()
    WRONG = auto()
    SPENT = auto()
    EXPIRED = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the last test text of a form stands. `tries_left` and `texts_left` may be none.

    `expires_at` is real time.
    """

    message: Message
    expires_at: datetime
    tries_left: int
    texts_left: int
    confirmed: bool


def code_of(indexes: BlindIndexes, message_id: UUID) -> str:
    """Return the four digits that a test text carries."""
    number = int.from_bytes(indexes.of("number check", str(message_id)), "big")
    return f"{number % 10_000:04d}"


def send_test_text(
    kit: Kit, draft_id: UUID, *, clinic: Clinic, mobile: str, patient: Patient | None, actor: str
) -> None:
    """Plan a text with a code to this number (E.164), for the form of that draft.

    `patient` is the one whose number is corrected. Raises `InvalidInput` where no text may go.
    """
    index = address_index(kit.keyring.indexes, ChannelKind.SMS, mobile)

    def work(session: Session) -> None:
        deed = kit.deed(actor)
        _must_be_few(session, deed, draft_id, index)
        message = _message(kit, deed, clinic=clinic, mobile=mobile, index=index, patient=patient)
        _must_be_allowed(session, message)
        session.add(message)
        session.flush()
        session.add(_row(deed, draft_id, message))
        record(session, deed, _entry("number.tested", message))

    kit.store.transact(work)


def standing_of(session: Session, draft_id: UUID) -> Standing | None:
    """Return where the last test text of a form stands, or None if there was none."""
    row = _latest(session, draft_id)
    if row is None:
        return None
    sent = session.scalar(select(func.count()).where(NumberCheck.draft_id == draft_id)) or 0
    return Standing(
        message=session.get_one(Message, row.message_id),
        expires_at=row.expires_real_at,
        tries_left=max(MOST_WRONG - row.wrong, 0),
        texts_left=max(MOST_TEXTS - sent, 0),
        confirmed=row.confirmed_at is not None,
    )


def enter_code(kit: Kit, draft_id: UUID, code: str, *, actor: str) -> Verdict:
    """Try a code that was read out: that of the form's last text counts, and for minutes only."""
    digits = re.sub(r"\s", "", code)

    def work(session: Session) -> Verdict:
        deed = kit.deed(actor)
        row = _latest(session, draft_id, lock=True)
        if row is None:
            return Verdict.NONE
        if row.confirmed_at is not None:
            return Verdict.RIGHT
        if row.wrong >= MOST_WRONG:
            return Verdict.SPENT
        if deed.real_at >= row.expires_real_at:
            return Verdict.EXPIRED
        return _judge(session, kit, deed, row, digits)

    return kit.store.transact(work)


def confirmed_by_text(kit: Kit, draft_id: UUID, mobile: str) -> Confirmed | None:
    """Return how the form's number was confirmed, if its code was right and it is still that."""
    index = address_index(kit.keyring.indexes, ChannelKind.SMS, mobile)
    with kit.store.read() as session:
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
    return Confirmed(
        way=Way.TEST_TEXT, at=row.confirmed_at, by=row.confirmed_by, message_id=row.message_id
    )


def give_to(session: Session, kit: Kit, message_id: UUID, patient: Patient) -> None:
    """Put a test text among a patient's messages, sealed under their key as those are."""
    message = session.get_one(Message, message_id, with_for_update={"key_share": True})
    sealer = kit.keyring.patient(patient.data_key, patient.master_key_id)
    if message.patient_id is not None or sealer is None:
        return
    message.patient_id = patient.id
    _seal_anew(message, "messages", ("address",), kit.keyring.system, sealer)
    for attempt in session.scalars(select(Attempt).where(Attempt.message_id == message_id)):
        _seal_anew(attempt, "attempts", SEALED, kit.keyring.system, sealer)


def keep_confirmed(
    session: Session, kit: Kit, deed: Deed, patient: Patient, number: Confirmed | None
) -> None:
    """Note with a patient how their number was confirmed, and make the test text theirs."""
    if number is None:
        return
    patients.confirm_mobile(
        patient, way=number.way, at=number.at or deed.at, by=number.by or deed.actor
    )
    if number.message_id is not None:
        # The text refers to the patient.
        session.flush()
        give_to(session, kit, number.message_id, patient)


def said_of(number: Confirmed | None) -> dict[str, str]:
    """Return what the audit trail says of how a number was confirmed."""
    return {} if number is None else {"number": number.way.value}


def veiled(kit: Kit, message: Message, text: str) -> str:
    """Return the words of a message for staff: a code that is still good is the phone's alone.

    In practice mode there is no phone, and the code is shown.
    """
    practice = kit.channels[ChannelKind.SMS].provider == "sandbox"
    if message.kind != KIND or practice or kit.clock.now() >= message.not_after:
        return text
    return text.replace(code_of(kit.keyring.indexes, message.id), HIDDEN)


def _judge(session: Session, kit: Kit, deed: Deed, row: NumberCheck, digits: str) -> Verdict:
    message = session.get_one(Message, row.message_id)
    right = code_of(kit.keyring.indexes, message.id)
    if not hmac.compare_digest(digits.encode(), right.encode()):
        row.wrong += 1
        record(session, deed, _entry("number.code-wrong", message))
        return Verdict.WRONG if row.wrong < MOST_WRONG else Verdict.SPENT
    row.confirmed_at, row.confirmed_by = deed.at, deed.actor
    record(session, deed, _entry("number.confirmed", message))
    return Verdict.RIGHT


def _latest(session: Session, draft_id: UUID, *, lock: bool = False) -> NumberCheck | None:
    query = (
        select(NumberCheck)
        .where(NumberCheck.draft_id == draft_id)
        .order_by(NumberCheck.asked_real_at.desc(), NumberCheck.id.desc())
        .limit(1)
    )
    return session.scalar(query.with_for_update() if lock else query)


def _must_be_few(session: Session, deed: Deed, draft_id: UUID, index: bytes) -> None:
    session.execute(delete(NumberCheck).where(NumberCheck.asked_real_at < deed.real_at - KEPT))
    lately = NumberCheck.asked_real_at > deed.real_at - timedelta(hours=1)
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
    kit: Kit, deed: Deed, *, clinic: Clinic, mobile: str, index: bytes, patient: Patient | None
) -> Message:
    theirs = kit.keyring.patient(patient.data_key, patient.master_key_id) if patient else None
    return single_text(
        deed,
        kind=KIND,
        template=TEMPLATE,
        clinic=clinic,
        address=mobile,
        index=index,
        sealer=theirs or kit.keyring.system,
        owner=patient.id if patient and theirs else None,
        # Minutes of real time, also where a practice clinic's clock runs fast.
        not_after=kit.clock.after_real(VALID),
    )


def _row(deed: Deed, draft_id: UUID, message: Message) -> NumberCheck:
    return NumberCheck(
        id=new_id(deed.real_at),
        draft_id=draft_id,
        message_id=message.id,
        address_index=message.address_index,
        asked_real_at=deed.real_at,
        expires_real_at=deed.real_at + VALID,
        wrong=0,
    )


def _entry(action: str, message: Message) -> Entry:
    return Entry(
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
