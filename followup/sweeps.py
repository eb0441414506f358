"""The periodic jobs, by name: one for every state in which a message could get stuck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from followup.asked import chase_answers
from followup.audit import seal_trail
from followup.blast_radius import forget_minutes
from followup.chasing import chase_receipts
from followup.consequences import expired
from followup.domain.lifecycle import State
from followup.escalation import escalate_overdue
from followup.holding import release_held
from followup.kit import Kit
from followup.receipts import apply_parked
from followup.reconcile import abandon_sending, settle_unknown
from followup.rehearsal import play_sandbox
from followup.store.messages import move, state_is
from followup.store.models import Enrolment, Message

ACTOR = "sweeper"
BATCH = 500
MOST_BATCHES = 40
LONGEST_RUN = timedelta(seconds=20)
"""A run stops after so many batches or so long: what is left waits for the next, a moment later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A periodic job: `run` does one batch and returns how much it found; 0 is the end.

    `every` is how often it runs, in real time; `watches` are the states in which it notices a
    message that got stuck.
    """

    name: str
    every: timedelta
    run: Callable[[Kit], int]
    watches: frozenset[State] = frozenset()

    def until_empty(self, kit: Kit) -> int:
        """Run batch after batch until nothing is left, within bounds; return how much there was."""
        total, started = 0, kit.clock.real_now()
        for _ in range(MOST_BATCHES):
            found = self.run(kit)
            total += found
            if found == 0 or kit.clock.real_now() - started > LONGEST_RUN:
                break
        return total


def expire_overdue(kit: Kit, *, limit: int = BATCH) -> int:
    """Expire unsent messages whose window is over, and ask a person where the step says so."""

    def work(session: Session) -> int:
        deed = kit.deed(ACTOR)
        found = session.execute(
            select(Message.id, Message.state)
            .where(
                state_is(State.PLANNED, State.HELD),
                Message.not_after <= deed.at,
            )
            .order_by(Message.not_after)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
        ).all()
        for state in (State.PLANNED, State.HELD):
            ids = [row.id for row in found if row.state == state.value]
            moved = move(session, deed, ids, expected=state, to=State.EXPIRED, reason="window-over")
            expired(session, kit, deed, list(moved))
        return len(found)

    return kit.store.transact(work)


def release_leases(kit: Kit, *, limit: int = BATCH) -> int:
    """Put claimed messages back whose lease is over: nobody was called, so nothing is in doubt."""

    def work(session: Session) -> int:
        deed = kit.deed(ACTOR)
        ids = session.scalars(
            select(Message.id)
            .where(state_is(State.CLAIMED), Message.lease_until <= deed.real_at)
            .order_by(Message.lease_until)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
        ).all()
        moved = move(
            session,
            deed,
            ids,
            expected=State.CLAIMED,
            to=State.PLANNED,
            reason="lease-over",
        )
        return len(moved)

    return kit.store.transact(work)


def cancel_ended(kit: Kit, *, limit: int = BATCH) -> int:
    """Cancel unsent messages whose enrolment has ended: none should be left, but none may stay."""

    def work(session: Session) -> int:
        deed = kit.deed(ACTOR)
        ended = exists().where(Enrolment.id == Message.enrolment_id, Enrolment.state == "withdrawn")
        found = session.execute(
            select(Message.id, Message.state)
            .where(state_is(State.PLANNED, State.HELD), ended)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True, of=Message)
        ).all()
        for state in (State.PLANNED, State.HELD):
            ids = [row.id for row in found if row.state == state.value]
            move(session, deed, ids, expected=state, to=State.CANCELLED, reason="withdrawn")
        return len(found)

    return kit.store.transact(work)


JOBS: tuple[Job, ...] = (
    Job(
        name="expire",
        every=timedelta(seconds=2),
        run=expire_overdue,
        watches=frozenset({State.PLANNED, State.HELD}),
    ),
    Job(
        name="release-held",
        every=timedelta(seconds=10),
        run=release_held,
        watches=frozenset({State.HELD}),
    ),
    Job(
        name="release-leases",
        every=timedelta(seconds=2),
        run=release_leases,
        watches=frozenset({State.CLAIMED}),
    ),
    Job(
        name="abandon-sending",
        every=timedelta(seconds=2),
        run=abandon_sending,
        watches=frozenset({State.SENDING}),
    ),
    Job(
        name="settle-unknown",
        every=timedelta(seconds=2),
        run=settle_unknown,
        watches=frozenset({State.UNKNOWN}),
    ),
    Job(name="apply-parked", every=timedelta(seconds=2), run=apply_parked),
    Job(
        name="chase-receipts",
        every=timedelta(seconds=10),
        run=chase_receipts,
        watches=frozenset({State.SENT}),
    ),
    Job(name="escalate", every=timedelta(seconds=5), run=escalate_overdue),
    Job(name="chase-answers", every=timedelta(seconds=10), run=chase_answers),
    Job(name="sandbox", every=timedelta(seconds=2), run=play_sandbox),
    Job(name="forget-minutes", every=timedelta(minutes=10), run=forget_minutes),
    Job(name="seal-audit", every=timedelta(minutes=1), run=seal_trail),
    Job(
        name="cancel-ended",
        every=timedelta(minutes=1),
        run=cancel_ended,
        watches=frozenset({State.PLANNED, State.HELD}),
    ),
)
