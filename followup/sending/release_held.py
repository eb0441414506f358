"""Release of held messages once nothing holds them any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.channel import ChannelKind
from followup.domain.errors import TemplateError
from followup.domain.lifecycle import EnrolmentState, State
from followup.domain.message_kind import MessageKind
from followup.domain.reasons import FOR_WANT_OF_A_RELEASE, Reason
from followup.messages.kill_switch_queries import covered, covers_in_force
from followup.messages.rendering import occurrences_of
from followup.releases.gate import Concerned, gate_of
from followup.store.audit_log import AuditContext
from followup.store.message_state import move_messages, state_is
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient

TRY_AFTER = timedelta(minutes=10)
"""How long (real time) a message rests that could not be prepared, before that is tried again."""


_WORDS_OF = func.coalesce(Message.protocol, Message.words_of)
"""The protocol whose words a message has."""


class _Alike(NamedTuple):
    """What messages have in common whose words are made alike."""

    kind: str
    clinic: str
    protocol: str | None
    words_of: str | None
    step: str
    template: str
    channel: str
    occurrence: int
    occurrences: int | None
    language: str | None


def release_held(app: AppContext, *, limit: int = 500) -> int:
    """Plan again what is held though nothing holds it any more; return how many that was.

    The next tick judges them again and keeps to sending hours and windows.
    """

    def work(unit: UnitOfWork) -> int:
        ids = [
            *_unheld(unit, limit=limit),
            *_mended(unit, limit=limit),
            *_approved(unit, limit=limit),
        ]
        return len(
            move_messages(
                unit.session,
                unit.by,
                ids,
                expected=State.HELD,
                to=State.PLANNED,
                reason=Reason.RELEASED,
            )
        )

    return app.transact(actors.SWEEPER, work)


def _unheld(unit: UnitOfWork, *, limit: int) -> Sequence[UUID]:
    """Return messages held by no pause, switch or limit, whose clinic is configured."""
    return _lock(
        unit.session,
        unit.by,
        Message.reason.is_distinct_from(Reason.NEEDS_OPERATOR.value),
        Message.reason.is_distinct_from(Reason.VOLUME_LIMIT.value),
        or_(Message.reason.is_(None), Message.reason.not_in(FOR_WANT_OF_A_RELEASE)),
        Message.clinic.in_(unit.app.catalogue.clinics),
        *(~covered(cover) for cover in covers_in_force(unit.session)),
        limit=limit,
    )


def _mended(unit: UnitOfWork, *, limit: int) -> Sequence[UUID]:
    """Return messages that could not be prepared, and whose words can be made by now."""
    rested = (
        Message.reason == Reason.NEEDS_OPERATOR.value,
        Message.state_since_real <= unit.by.real_at - TRY_AFTER,
    )
    found = unit.session.execute(
        select(
            *(getattr(Message, name) for name in _Alike._fields if name != "language"),
            Patient.language,
        )
        .outerjoin(Patient, Patient.id == Message.patient_id)
        .where(state_is(State.HELD), *rested)
        .distinct()
    )
    good = [kind for kind in map(_Alike._make, found) if _can_be_made(unit.app, kind)]
    return _lock(unit.session, unit.by, *rested, or_(false(), *map(_is_kind, good)), limit=limit)


def _approved(unit: UnitOfWork, *, limit: int) -> Sequence[UUID]:
    """Return messages that waited for two people's approval of their words, and have it."""
    waiting = Message.reason.in_(FOR_WANT_OF_A_RELEASE)
    found = unit.session.execute(
        select(Message.kind, Message.clinic, _WORDS_OF, Message.template)
        .where(state_is(State.HELD), waiting)
        .distinct()
    )
    concerned = [Concerned(*row) for row in found]
    cleared = gate_of(unit.app).clearances(unit.session, unit.app, concerned)
    good = [one for one in concerned if cleared[one].reason is None]
    if not good:
        return ()
    return _lock(unit.session, unit.by, waiting, or_(*map(_has_words, good)), limit=limit)


def _has_words(one: Concerned) -> ColumnElement[bool]:
    return and_(
        Message.kind == one.kind,
        Message.clinic == one.clinic,
        _WORDS_OF.is_not_distinct_from(one.protocol),
        Message.template == one.template,
    )


def _lock(
    session: Session, by: AuditContext, *conditions: ColumnElement[bool], limit: int
) -> Sequence[UUID]:
    """Return held messages that are still useful, on enrolments that go on, locked."""
    goes_on = or_(Enrolment.id.is_(None), Enrolment.state == EnrolmentState.ACTIVE.value)
    return session.scalars(
        select(Message.id)
        .outerjoin(Enrolment, Enrolment.id == Message.enrolment_id)
        .outerjoin(Patient, Patient.id == Message.patient_id)
        .where(state_is(State.HELD), Message.not_after > by.at, goes_on, *conditions)
        # Of a message that is nobody's there is no patient, and so no restriction.
        .where(or_(Patient.restricted_at.is_(None), Message.kind == MessageKind.REPLY.value))
        .order_by(Message.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True, of=Message)
    ).all()


def _can_be_made(app: AppContext, kind: _Alike) -> bool:
    clinic = app.catalogue.clinics.get(kind.clinic)
    if clinic is None:
        return False
    protocol = kind.protocol or kind.words_of
    try:
        app.content.render(
            kind.template,
            language=app.content.language_for(
                kind.template,
                wanted=kind.language,
                channel=ChannelKind(kind.channel),
                clinic=clinic,
                protocol=protocol,
            ),
            channel=ChannelKind(kind.channel),
            clinic=clinic,
            protocol=protocol,
            occurrence=kind.occurrence,
            occurrences=occurrences_of(app, kind),
        )
    except TemplateError:
        return False
    return True


def _is_kind(kind: _Alike) -> ColumnElement[bool]:
    return and_(
        *(
            getattr(Message, name).is_not_distinct_from(value)
            for name, value in kind._asdict().items()
            if name != "language"
        ),
        Patient.language.is_not_distinct_from(kind.language),
    )
