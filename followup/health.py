"""Signs of life: heartbeats of processes, last runs of the periodic jobs, and what is overdue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from followup.domain.lifecycle import State
from followup.heart import missed, signs
from followup.kit import Kit
from followup.store.messages import oldest_claimable, state_is
from followup.store.models import Message, Sweep
from followup.store.session import Store
from followup.sweeps import JOBS

QUIET = timedelta(minutes=1)
"""How long (real time) the dispatcher may be silent before an alarm."""
STUCK = timedelta(minutes=10)
NOTE_EVERY = timedelta(seconds=5)
"""How often (real time) an idle job notes that it ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ailment:
    """One thing that is wrong, as a code for metrics and a sentence for the operator."""

    code: str
    sentence: str


def watched(kit: Kit, name: str, run: Callable[[], int]) -> int:
    """Run a periodic job and note when it ran, what it found, and how it ended."""
    started = kit.clock.real_now()
    found, error = 0, None
    try:
        found = run()
    except Exception as failure:
        error = type(failure).__name__
        raise
    finally:
        noted = _noted.setdefault(kit.store, {})
        # An idle job notes itself now and then only: each note costs a disk flush.
        if found or error or name not in noted or started - noted[name] >= NOTE_EVERY:
            _note(kit, name, started=started, found=found, error=error)
            noted[name] = started
    return found


_noted: WeakKeyDictionary[Store, dict[str, datetime]] = WeakKeyDictionary()
"""When each job last noted itself in this process."""


def _note(kit: Kit, name: str, *, started: datetime, found: int, error: str | None) -> None:
    finished = None if error else kit.clock.real_now()
    row = {
        "name": name,
        "started_real_at": started,
        "finished_real_at": finished,
        "service_at": kit.clock.now(),
        "found": found,
        "done": found,
        "error": error,
    }
    changed = {key: value for key, value in row.items() if key != "name"}
    if finished is None:
        # When it last ended well is worth keeping.
        del changed["finished_real_at"]
    insert = sqlite.insert if kit.store.is_sqlite else postgresql.insert
    with kit.store.write() as session:
        session.execute(
            insert(Sweep).values(**row).on_conflict_do_update(index_elements=["name"], set_=changed)
        )


def last_sweeps(session: Session) -> Sequence[Sweep]:
    """Return the last run of each periodic job."""
    return session.scalars(select(Sweep).order_by(Sweep.name)).all()


def ailments(kit: Kit) -> list[Ailment]:
    """Return what is wrong now; raise `StoreUnavailable` if even that can't be known."""
    found: list[Ailment] = []
    with kit.store.read() as session:
        for look in (_silent, _quiet, _sweeps, _late, _stuck, _unsettled):
            found.extend(look(session, kit))
    return found


def oldest_overdue(session: Session, kit: Kit) -> timedelta:
    """Return how long (real time) the oldest claimable message has been waiting."""
    oldest = oldest_claimable(session)
    late = kit.clock.now() - oldest if oldest is not None else timedelta()
    return max(kit.clock.real_delay(late), timedelta())


def states_now(session: Session) -> Mapping[str, int]:
    """Return how many messages are in each state."""
    rows = session.execute(select(Message.state, func.count()).group_by(Message.state))
    counts = {row[0]: row[1] for row in rows}
    return {state.value: counts.get(state.value, 0) for state in State}


def _silent(session: Session, kit: Kit) -> list[Ailment]:
    now = kit.clock.real_now()
    by_component: dict[str, list[str]] = {}
    for one in missed(signs(session), now=now, silent=kit.policy.alarming.silent):
        seconds = int((now - one.at).total_seconds())
        by_component.setdefault(one.component, []).append(f"{one.instance} for {seconds} s")
    return [
        Ailment(
            code=f"{component}-silent",
            sentence=f"{component} gives no sign of life: {', '.join(those)}: look whether it runs",
        )
        for component, those in by_component.items()
    ]


def _quiet(session: Session, kit: Kit) -> list[Ailment]:
    tick = session.get(Sweep, "dispatch")
    if tick is None or tick.finished_real_at is None:
        return [
            Ailment(
                code="dispatcher-never-ran",
                sentence="the dispatcher has never run: start celery beat and a worker",
            )
        ]
    silent = kit.clock.real_now() - tick.finished_real_at
    if silent <= QUIET:
        return []
    return [
        Ailment(
            code="dispatcher-quiet",
            sentence=f"the dispatcher last ended well {int(silent.total_seconds())} s ago: "
            "look at celery beat and the workers",
        )
    ]


def _sweeps(session: Session, kit: Kit) -> list[Ailment]:
    """Return which periodic jobs have not ended well for long; one that never ran has not begun."""
    now = kit.clock.real_now()
    limits = {job.name: QUIET + 3 * job.every for job in JOBS}
    late = [
        sweep.name
        for sweep in last_sweeps(session)
        if sweep.name in limits
        and (sweep.finished_real_at or sweep.started_real_at) < now - limits[sweep.name]
    ]
    if not late:
        return []
    return [
        Ailment(
            code="sweeps-late",
            sentence=f"these jobs have not ended well for some minutes: {', '.join(late)}: "
            "look at celery beat, the workers and their log",
        )
    ]


def _late(session: Session, kit: Kit) -> list[Ailment]:
    late = oldest_overdue(session, kit)
    if late <= kit.policy.alarming.late:
        return []
    return [
        Ailment(
            code="messages-late",
            sentence=f"the oldest due message has waited {int(late.total_seconds())} s: "
            "are there enough workers, and does the provider answer?",
        )
    ]


def _stuck(session: Session, kit: Kit) -> list[Ailment]:
    since = kit.clock.real_now() - STUCK
    stuck = session.scalar(
        select(func.count()).where(
            state_is(State.CLAIMED, State.SENDING), Message.state_since_real <= since
        )
    )
    if not stuck:
        return []
    return [
        Ailment(
            code="messages-stuck",
            sentence=f"{stuck} messages have been on their way for over "
            f"{int(STUCK.total_seconds() // 60)} minutes: do the sweeps run?",
        )
    ]


def _unsettled(session: Session, kit: Kit) -> list[Ailment]:
    since = kit.clock.real_now() - kit.policy.alarming.unsettled
    # Without a next look a person has it.
    unsettled = session.scalar(
        select(func.count()).where(
            state_is(State.UNKNOWN),
            Message.lease_until.is_not(None),
            Message.state_since_real <= since,
        )
    )
    if not unsettled:
        return []
    minutes = int(kit.policy.alarming.unsettled.total_seconds() // 60)
    return [
        Ailment(
            code="outcomes-unknown",
            sentence=f"of {unsettled} messages it has not been known for over "
            f"{minutes} minutes whether the provider has them: "
            "does it answer look-ups?",
        )
    ]
