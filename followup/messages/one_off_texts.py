"""One-off messages outside a timeline: an answer to a text, a test of a number, a correction.

They are rows of `messages`, so that they go out through the same dispatcher, are proved by the same
receipts and stand in the same balance as everything else.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update

from followup.context import UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.lifecycle import State
from followup.domain.message_kind import MessageKind
from followup.domain.protocols.protocol import Missed
from followup.store.audit_log import AuditContext
from followup.store.encryption.sealing import Sealer
from followup.store.engine.types import new_id
from followup.store.models.enrolments import Enrolment, Generation
from followup.store.models.messages import Message

RECEIPT_WAIT = timedelta(hours=4)
"""Without a receipt of advice beside the timeline by then, a person is asked to look."""


def one_off_text(
    by: AuditContext,
    *,
    kind: MessageKind,
    template: str,
    clinic: Clinic,
    address: str,
    index: bytes,
    sealer: Sealer,
    owner: UUID | None,
    not_after: datetime,
    due_at: datetime | None = None,
    words_of: str | None = None,
) -> Message:
    """Return a text to go at `due_at`, by default at once, still to be written.

    `sealer` is that of the patient `owner`, or the system's where it is nobody's; `words_of` names
    the protocol whose words it has.
    """
    due_at = due_at or by.at
    return Message(
        id=new_id(by.real_at),
        kind=kind.value,
        clinic=clinic.key,
        patient_id=owner,
        generation=0,
        words_of=words_of,
        step=template,
        occurrence=1,
        occurrences=1,
        template=template,
        channel=ChannelKind.SMS.value,
        # Before any advice: somebody is waiting.
        priority=0,
        missed=Missed.DROP.value,
        may_fall_back=False,
        superseded=False,
        receipt_wait=0,
        address_sealed=sealer.seal(address, column="messages.address"),
        address_index=index,
        due_at=due_at,
        not_before=due_at,
        not_after=not_after,
        zone=clinic.zone.key,
        state=State.PLANNED.value,
        state_since=by.at,
        state_since_real=by.real_at,
        claimable_at=due_at,
        attempt_count=0,
        created_at=by.at,
    )


def one_off_advice(
    by: AuditContext,
    enrolment: Enrolment,
    *,
    template: str,
    channel: ChannelKind,
    may_fall_back: bool,
    not_after: datetime,
    occurrence: int = 1,
) -> Message:
    """Return advice beside the timeline of an enrolment, to go at once, still to be written.

    It goes within sending hours, as all advice does. A person rings where it can't go in time.
    """
    return Message(
        id=new_id(by.real_at),
        kind=MessageKind.ADVICE.value,
        clinic=enrolment.clinic,
        patient_id=enrolment.patient_id,
        enrolment_id=enrolment.id,
        generation=enrolment.generation,
        protocol=enrolment.protocol,
        step=template,
        occurrence=occurrence,
        template=template,
        channel=channel.value,
        priority=1,
        missed=Missed.PERSON.value,
        may_fall_back=may_fall_back,
        superseded=False,
        receipt_wait=int(RECEIPT_WAIT.total_seconds()),
        due_at=by.at,
        not_before=by.at,
        not_after=not_after,
        zone=enrolment.zone,
        state=State.PLANNED.value,
        state_since=by.at,
        state_since_real=by.real_at,
        claimable_at=by.at,
        attempt_count=0,
        created_at=by.at,
    )


def plan_beside_timeline(unit: UnitOfWork, enrolment: Enrolment, message: Message) -> None:
    """Write advice beside the timeline of an enrolment that is locked."""
    unit.session.add(message)
    # The ledger of the generation counts all that was planned in it.
    unit.session.execute(
        update(Generation)
        .where(Generation.enrolment_id == enrolment.id, Generation.number == enrolment.generation)
        .values(planned=Generation.planned + 1)
    )
    unit.session.flush()
