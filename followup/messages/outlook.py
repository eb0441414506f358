"""Outlook of messages: reads what is known of their patients, and asks the rule.

The rule is `followup.domain.outlook`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from followup.consent.in_force import addresses_of, objections_against
from followup.domain.channel import ChannelKind
from followup.domain.eligibility import Candidate, Objections, lasting_obstacle
from followup.domain.lifecycle import UNSENT_STATES, EnrolmentState
from followup.domain.message_kind import MessageKind
from followup.domain.outlook import Outlook, foresee
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient

GoesOnIn = aliased(Enrolment)


@dataclass(frozen=True, slots=True)
class _FollowUp:
    """An enrolment, and the state that its messages are judged by.

    Of one that goes on in another, that one's: two records of the patient were merged.
    """

    enrolment: Enrolment
    state: EnrolmentState


def outlooks(
    session: Session, messages: Iterable[Message], patients: Mapping[UUID, Patient]
) -> dict[UUID, Outlook]:
    """Return what will become of those that will not go as they are planned: two queries."""
    concerned = [
        message
        for message in messages
        if message.kind == MessageKind.ADVICE
        and message.state in UNSENT_STATES
        and message.patient_id in patients
    ]
    if not concerned:
        return {}
    people = [patients[message.patient_id] for message in concerned if message.patient_id]
    return _outlooks(session, concerned, patients, objections_to(session, people))


def outlooks_after(
    session: Session, patient: Patient, *, stopped: ChannelKind | None
) -> Sequence[tuple[Message, Outlook]]:
    """Return what would become of a patient's advice if they objected to this, and only that.

    What will not arrive, or not by that channel, before such an objection is left out.
    """
    advice = unsent_advice(session, patient.id)
    people = {patient.id: patient}
    now = objections_to(session, [patient])
    wanted = (patient.id, None if stopped is None else stopped.value)
    then = Objections(now.of_patients | {wanted}, now.of_addresses)
    before = _outlooks(session, advice, people, now)
    after = _outlooks(session, advice, people, then)
    return [
        (message, after[message.id])
        for message in advice
        if message.id in after and after[message.id] != before.get(message.id)
    ]


def unsent_advice(session: Session, patient_id: UUID) -> Sequence[Message]:
    """Return the advice that is yet to go to a patient, in the order it falls due."""
    return session.scalars(
        select(Message)
        .where(
            Message.patient_id == patient_id,
            Message.kind == MessageKind.ADVICE.value,
            Message.state.in_([state.value for state in UNSENT_STATES]),
        )
        .order_by(Message.due_at, Message.id)
    ).all()


def objections_to(session: Session, patients: Collection[Patient]) -> Objections:
    """Return the objections in force of patients and of where they are reached."""
    return objections_against(
        session,
        patient_ids={patient.id for patient in patients},
        addresses={
            index for patient in patients for index in addresses_of(patient).values() if index
        },
    )


def way_round(session: Session, message: Message, patient: Patient) -> ChannelKind | None:
    """Return the channel that the patient agreed to beside the message's own, if it can be used."""
    if message.enrolment_id is None:
        return None
    follow_up = _follow_ups(session, {message.enrolment_id})[message.enrolment_id]
    return _way_round(message, follow_up, patient, objections_to(session, [patient]))


def _way_round(
    message: Message, follow_up: _FollowUp, patient: Patient, objections: Objections
) -> ChannelKind | None:
    return next(
        (
            channel
            for channel in map(ChannelKind, follow_up.enrolment.channels)
            if channel.value != message.channel
            and lasting_obstacle(_candidate(message, follow_up, patient, channel), objections)
            is None
        ),
        None,
    )


def _follow_ups(session: Session, enrolment_ids: Collection[UUID]) -> dict[UUID, _FollowUp]:
    found = session.execute(
        select(Enrolment, func.coalesce(GoesOnIn.state, Enrolment.state))
        .outerjoin(GoesOnIn, GoesOnIn.id == Enrolment.merged_into)
        .where(Enrolment.id.in_(enrolment_ids))
    )
    return {one.id: _FollowUp(one, EnrolmentState(state)) for one, state in found}


def _outlooks(
    session: Session,
    messages: Sequence[Message],
    patients: Mapping[UUID, Patient],
    objections: Objections,
) -> dict[UUID, Outlook]:
    ids = {message.enrolment_id for message in messages if message.enrolment_id}
    follow_ups = _follow_ups(session, ids)
    found = {}
    for message in messages:
        patient = patients[message.patient_id or UUID(int=0)]
        follow_up = follow_ups[message.enrolment_id or UUID(int=0)]
        outlook = _outlook(message, follow_up, patient, objections)
        if outlook is not None:
            found[message.id] = outlook
    return found


def _outlook(
    message: Message, follow_up: _FollowUp, patient: Patient, objections: Objections
) -> Outlook | None:
    own = _candidate(message, follow_up, patient, ChannelKind(message.channel))
    other = None
    if message.may_fall_back and message.fallback_of is None:
        other = _way_round(message, follow_up, patient, objections)
    otherwise = _candidate(message, follow_up, patient, other) if other else None
    return foresee(own, objections, otherwise=otherwise)


def _candidate(
    message: Message, follow_up: _FollowUp, patient: Patient, channel: ChannelKind
) -> Candidate:
    is_text = channel is ChannelKind.SMS
    index = addresses_of(patient)[channel]
    return Candidate(
        kind=MessageKind(message.kind),
        clinic=message.clinic,
        protocol=message.protocol,
        step=message.step,
        channel=channel,
        created_at=message.created_at,
        due_at=message.due_at,
        not_before=message.not_before,
        not_after=message.not_after,
        zone=message.zone,
        patient_id=patient.id,
        is_erased=patient.erased_at is not None or patient.data_key is None,
        is_deceased=patient.deceased_at is not None,
        enrolment_state=follow_up.state,
        has_address=index is not None,
        address_index=index,
        address_unusable=bool(patient.mobile_unusable if is_text else patient.email_unusable),
        restore_id=message.restore_id,
    )
