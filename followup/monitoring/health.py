"""Health checks: heartbeats, last runs of the periodic jobs, and what is overdue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.lifecycle import State
from followup.jobs import JOBS, period_of
from followup.monitoring.heartbeats import latest_heartbeats, missed_heartbeats
from followup.replies import missed_texts
from followup.store.engine.session import Store
from followup.store.message_state import oldest_claimable, state_is
from followup.store.models.messages import Message
from followup.store.models.operations import Sweep

DISPATCHER_SILENCE = timedelta(minutes=1)
"""How long (real time) the dispatcher may be silent before an alarm."""
STUCK_AFTER = timedelta(minutes=10)
FAILED_FIRST = 3
"""So many runs in vain are an alarm where the job never ended well."""
NOTE_EVERY = timedelta(seconds=5)
"""How often (real time) an idle job notes that it ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthProblem:
    """One thing that is wrong, as a code for metrics and a sentence for the operator."""

    code: str
    sentence: str


def watched(app: AppContext, name: str, run: Callable[[], int]) -> int:
    """Run a periodic job and note when it ran, what it found, and how it ended."""
    started = app.clock.real_now()
    found, error = 0, None
    try:
        found = run()
    except Exception as failure:
        error = type(failure).__name__
        raise
    finally:
        noted = _noted.setdefault(app.store, {})
        # An idle job notes itself now and then only: each note costs a disk flush.
        if found or error or name not in noted or started - noted[name] >= NOTE_EVERY:
            _note(app, name, started=started, found=found, error=error)
            noted[name] = started
        if error:
            # That it ends well again is worth a note at once.
            del noted[name]
    return found


_noted: WeakKeyDictionary[Store, dict[str, datetime]] = WeakKeyDictionary()
"""When each job last noted itself in this process."""


def _note(app: AppContext, name: str, *, started: datetime, found: int, error: str | None) -> None:
    finished = None if error else app.clock.real_now()
    row = {
        "name": name,
        "started_real_at": started,
        "finished_real_at": finished,
        "service_at": app.clock.now(),
        "found": found,
        "done": found,
        "error": error,
        "failures": int(error is not None),
    }
    changed: dict[str, object] = {key: value for key, value in row.items() if key != "name"}
    if finished is None:
        # When it last ended well is worth keeping.
        del changed["finished_real_at"]
        changed["failures"] = Sweep.failures + 1
    insert = sqlite.insert if app.store.is_sqlite else postgresql.insert
    with app.store.write() as session:
        session.execute(
            insert(Sweep).values(**row).on_conflict_do_update(index_elements=["name"], set_=changed)
        )


def last_sweeps(session: Session) -> Sequence[Sweep]:
    """Return the last run of each periodic job."""
    return session.scalars(select(Sweep).order_by(Sweep.name)).all()


def health_problems(app: AppContext) -> list[HealthProblem]:
    """Return what is wrong now; raise `StoreUnavailable` if even that can't be known."""
    found: list[HealthProblem] = []
    with app.store.read() as session:
        for look in (_silent, _quiet, _sweeps, _unheard, _late, _stuck, _unsettled):
            found.extend(look(session, app))
    return found


def oldest_overdue(session: Session, app: AppContext) -> timedelta:
    """Return how long (real time) the oldest claimable message has been waiting."""
    oldest = oldest_claimable(session)
    late = app.clock.now() - oldest if oldest is not None else timedelta()
    return max(app.clock.real_delay(late), timedelta())


def _silent(session: Session, app: AppContext) -> list[HealthProblem]:
    now = app.clock.real_now()
    by_component: dict[str, list[str]] = {}
    for one in missed_heartbeats(
        latest_heartbeats(session), now=now, silent=app.policy.alarming.silent
    ):
        seconds = int((now - one.at).total_seconds())
        by_component.setdefault(one.component, []).append(f"{one.instance} for {seconds} s")
    return [
        HealthProblem(
            code=f"{component}-silent",
            sentence=f"{component} sends no heartbeat: {', '.join(those)}: check that it runs",
        )
        for component, those in by_component.items()
    ]


def _quiet(session: Session, app: AppContext) -> list[HealthProblem]:
    tick = session.get(Sweep, "dispatch")
    if tick is None or tick.finished_real_at is None:
        return [
            HealthProblem(
                code="dispatcher-never-ran",
                sentence="the dispatcher has never run: start celery beat and a worker",
            )
        ]
    silent = app.clock.real_now() - tick.finished_real_at
    if silent <= DISPATCHER_SILENCE:
        return []
    return [
        HealthProblem(
            code="dispatcher-quiet",
            sentence=f"the dispatcher last ended well {int(silent.total_seconds())} s ago: "
            "look at celery beat and the workers",
        )
    ]


def _sweeps(session: Session, app: AppContext) -> list[HealthProblem]:
    """Return which periodic jobs have not ended well for long; one that never ran has not begun."""
    now, limits = app.clock.real_now(), sweep_limits(app)
    late = [
        sweep.name
        for sweep in last_sweeps(session)
        if sweep.name in limits
        and (sweep.finished_real_at or sweep.started_real_at) < now - limits[sweep.name]
        and not (sweep.name == missed_texts.MISSED_TEXTS_JOB and sweep.failures)
    ]
    if not late:
        return []
    return [
        HealthProblem(
            code="sweeps-late",
            sentence=f"these jobs have not ended well for some minutes: {', '.join(late)}: "
            "look at celery beat, the workers and their log",
        )
    ]


def sweep_limits(app: AppContext) -> dict[str, timedelta]:
    """Return how long ago each periodic job may have ended well."""
    chosen = app.policy.missed_texts_every
    return {
        job.name: DISPATCHER_SILENCE + 3 * period_of(job, missed_texts_every=chosen) for job in JOBS
    }


def _unheard(session: Session, app: AppContext) -> list[HealthProblem]:
    """Return that texts which never reached us can't be found: the provider's lists can't be read.

    After three runs in vain where they were never read, else once the last time is too long ago.
    """
    sweep = session.get(Sweep, missed_texts.MISSED_TEXTS_JOB)
    if sweep is None or not sweep.failures:
        return []
    now, limit = app.clock.real_now(), sweep_limits(app)[missed_texts.MISSED_TEXTS_JOB]
    last = sweep.finished_real_at
    if sweep.failures < FAILED_FIRST if last is None else now - last <= limit:
        return []
    since = "never" if last is None else f"{int((now - last).total_seconds())} s ago"
    return [
        HealthProblem(
            code="texts-unheard",
            sentence=f"the provider's list of incoming texts was last read to the end {since}, and "
            f"{sweep.failures} tries in a row failed ({sweep.error}): a STOP that never reached "
            "the web process is not known; does the provider answer, are the credentials right?",
        )
    ]


def _late(session: Session, app: AppContext) -> list[HealthProblem]:
    late = oldest_overdue(session, app)
    if late <= app.policy.alarming.late:
        return []
    return [
        HealthProblem(
            code="messages-late",
            sentence=f"the oldest due message has waited {int(late.total_seconds())} s: "
            "are there enough workers, and does the provider answer?",
        )
    ]


def _stuck(session: Session, app: AppContext) -> list[HealthProblem]:
    since = app.clock.real_now() - STUCK_AFTER
    stuck = session.scalar(
        select(func.count()).where(
            state_is(State.CLAIMED, State.SENDING), Message.state_since_real <= since
        )
    )
    if not stuck:
        return []
    return [
        HealthProblem(
            code="messages-stuck",
            sentence=f"{stuck} messages have been on their way for over "
            f"{int(STUCK_AFTER.total_seconds() // 60)} minutes: do the sweeps run?",
        )
    ]


def _unsettled(session: Session, app: AppContext) -> list[HealthProblem]:
    since = app.clock.real_now() - app.policy.alarming.unsettled
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
    minutes = int(app.policy.alarming.unsettled.total_seconds() // 60)
    return [
        HealthProblem(
            code="outcomes-unknown",
            sentence=f"of {unsettled} messages it has not been known for over "
            f"{minutes} minutes whether the provider has them: "
            "does it answer look-ups?",
        )
    ]
