"""Letting held messages go again once nothing holds them: a switch lifted, a template mended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from followup.blast_radius import HELD
from followup.domain.channel import ChannelKind
from followup.domain.errors import TemplateError
from followup.domain.lifecycle import State
from followup.kit import Kit
from followup.prepare import NEEDS_OPERATOR
from followup.store.audit_log import Deed
from followup.store.messages import move, state_is
from followup.store.models import Enrolment, Message, Patient
from followup.store.switches import covered, covers_in_force
from followup.store.types import AnyRow

ACTOR = "sweeper"
TRY_AFTER = timedelta(minutes=10)
"""How long (real time) a message rests that could not be prepared, before that is tried again."""


def release_held(kit: Kit, *, limit: int = 500) -> int:
    """Plan again what is held though nothing holds it any more; return how many that was.

    The next tick judges them again and keeps to sending hours and windows.
    """

    def work(session: Session) -> int:
        deed = kit.deed(ACTOR)
        ids = [*_unheld(session, kit, deed, limit=limit), *_mended(session, kit, deed, limit=limit)]
        return len(
            move(session, deed, ids, expected=State.HELD, to=State.PLANNED, reason="released")
        )

    return kit.store.transact(work)


def _unheld(session: Session, kit: Kit, deed: Deed, *, limit: int) -> Sequence[UUID]:
    """Return messages held by no pause, switch or limit, whose clinic is configured."""
    return _lock(
        session,
        deed,
        Message.reason.is_distinct_from(NEEDS_OPERATOR),
        Message.reason.is_distinct_from(HELD),
        Message.clinic.in_(kit.catalogue.clinics),
        *(~covered(cover) for cover in covers_in_force(session)),
        limit=limit,
    )


def _mended(session: Session, kit: Kit, deed: Deed, *, limit: int) -> Sequence[UUID]:
    """Return messages that could not be prepared, and whose words can be made by now."""
    rested = (
        Message.reason == NEEDS_OPERATOR,
        Message.state_since_real <= deed.real_at - TRY_AFTER,
    )
    kinds = session.execute(
        select(
            Message.clinic,
            Message.template,
            Message.channel,
            Message.occurrence,
            Patient.language,
        )
        .outerjoin(Patient, Patient.id == Message.patient_id)
        .where(state_is(State.HELD), *rested)
        .distinct()
    ).all()
    good = [kind for kind in kinds if _can_be_made(kit, kind)]
    return _lock(session, deed, *rested, or_(false(), *map(_is_kind, good)), limit=limit)


def _lock(
    session: Session, deed: Deed, *conditions: ColumnElement[bool], limit: int
) -> Sequence[UUID]:
    """Return held messages that are still useful, on enrolments that go on, locked."""
    goes_on = or_(Enrolment.id.is_(None), Enrolment.state == "active")
    return session.scalars(
        select(Message.id)
        .outerjoin(Enrolment, Enrolment.id == Message.enrolment_id)
        .outerjoin(Patient, Patient.id == Message.patient_id)
        .where(state_is(State.HELD), Message.not_after > deed.at, goes_on, *conditions)
        .order_by(Message.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True, of=Message)
    ).all()


def _can_be_made(kit: Kit, kind: AnyRow) -> bool:
    clinic = kit.catalogue.clinics.get(kind.clinic)
    if clinic is None:
        return False
    try:
        kit.content.render(
            kind.template,
            language=kit.content.language_for(
                kind.template,
                wanted=kind.language,
                channel=ChannelKind(kind.channel),
                clinic=clinic,
            ),
            channel=ChannelKind(kind.channel),
            clinic=clinic,
            occurrence=kind.occurrence,
        )
    except TemplateError:
        return False
    return True


def _is_kind(kind: AnyRow) -> ColumnElement[bool]:
    return and_(
        Message.clinic == kind.clinic,
        Message.template == kind.template,
        Message.channel == kind.channel,
        Message.occurrence == kind.occurrence,
        Patient.language.is_not_distinct_from(kind.language),
    )
