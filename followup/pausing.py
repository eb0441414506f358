"""Holding the messages of an enrolment for a while, and letting them go again."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from followup.blast_radius import HELD
from followup.domain.lifecycle import State
from followup.kit import Kit
from followup.ongoing import find, must_be_open, note
from followup.store.audit_log import Deed
from followup.store.messages import lock_in, move
from followup.store.models import Message


def pause(kit: Kit, enrolment_id: UUID, *, actor: str) -> int:
    """Hold every unsent message of an enrolment; return how many. Windows go on running out."""
    return kit.store.transact(lambda session: _pause(session, kit, enrolment_id, actor=actor))


def resume(kit: Kit, enrolment_id: UUID, *, actor: str) -> int:
    """Let the messages of a paused enrolment go again; return how many are still useful.

    The next tick sends those whose time came meanwhile, or puts them off to the next sending hour
    inside their window; one whose window is over expires.
    """
    return kit.store.transact(lambda session: _resume(session, kit, enrolment_id, actor=actor))


def hold(session: Session, deed: Deed, enrolment_id: UUID) -> int:
    """Hold what is planned or waits for a worker; return how many messages that was."""
    found = lock_in(session, (State.PLANNED, State.CLAIMED), Message.enrolment_id == enrolment_id)
    return sum(
        len(move(session, deed, ids, expected=state, to=State.HELD, reason="paused"))
        for state, ids in found.items()
    )


def _pause(session: Session, kit: Kit, enrolment_id: UUID, *, actor: str) -> int:
    deed = kit.deed(actor)
    enrolment = find(session, enrolment_id, lock=True)
    must_be_open(enrolment)
    if enrolment.state == "paused":
        return 0
    enrolment.state = "paused"
    note(session, deed, enrolment, "enrolment.paused")
    return hold(session, deed, enrolment.id)


def _resume(session: Session, kit: Kit, enrolment_id: UUID, *, actor: str) -> int:
    deed = kit.deed(actor)
    enrolment = find(session, enrolment_id, lock=True)
    must_be_open(enrolment)
    if enrolment.state == "active":
        return 0
    enrolment.state = "active"
    note(session, deed, enrolment, "enrolment.resumed")
    # What a limit holds is for a person to let go, who looks at that.
    paused = (Message.enrolment_id == enrolment.id, Message.reason.is_distinct_from(HELD))
    held = lock_in(session, [State.HELD], *paused)[State.HELD]
    useful = move(
        session,
        deed,
        held,
        expected=State.HELD,
        to=State.PLANNED,
        reason="resumed",
        only=Message.not_after > deed.at,
    )
    return len(useful)
