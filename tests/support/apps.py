"""A whole app for tests, on a database of its own, with clocks and providers that obey the test.

    app = make_app(migrated_url)                      # closed by the `app` fixture for you
    enrolment = enrol_one(app context, diabetic=True)
    run_until(app context, ENROLLED_AT + timedelta(days=3))   # plays every job from event to event
    states(app context, enrolment)                            # {("going-home", 1): "sent", …}

`app.clock` is a `HandClock`: service and real time stand still until they are moved, together or
one alone. The channels are `ScriptedChannel`s (`sms_of(app context)`), or the product's sandbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Select, false, func, insert, select

from followup.catalogue.load import Catalogue, load_catalogue
from followup.clock import Clock
from followup.content.layers import load_content
from followup.content.library import Content
from followup.context import AppContext, Policy
from followup.delivery.sandbox_outbox import StoredOutbox
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.domain.triage.triage import Triage
from followup.enrolment.enrol import enrol
from followup.jobs import JOBS
from followup.monitoring.message_balance import balance
from followup.providers.interface import Channel
from followup.providers.resilience.circuit_breaker import CircuitBreaker, InProcessCircuitBreaker
from followup.providers.resilience.rate_limiter import InProcessRateLimiter, RateLimiter
from followup.providers.sandbox import SandboxChannel
from followup.sending.claim import Batch, claim_due
from followup.sending.send_batch import send_batch
from followup.signed_links import SignedLinks
from followup.store.encryption.keyring import load_keyring
from followup.store.encryption.sealing import MasterKeys, Sealer
from followup.store.engine.session import Store, make_engine
from followup.store.engine.types import new_id
from followup.store.message_state import state_is
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import FeedMessage
from followup.store.models.messages import Message, Receipt, SandboxMessage
from followup.store.models.outbox import EventSubscription
from followup.store.models.patients import Patient
from followup.store.models.uploaded_lists import UploadedList
from followup.store.models.words import ReleasedWords
from followup.store.models.worklist import WorklistItem
from followup.store.schema.current import migrate
from tests.support.people import CLINIC, EMAIL, ENROLLED_AT, SMS, request
from tests.support.scripted_channel import ScriptedChannel

MASTER_KEY = bytes(range(32))
PUBLIC_URL = "http://127.0.0.1:8000"

POLICY = Policy(
    lease=timedelta(seconds=60),
    reconcile_after=timedelta(seconds=120),
    batch_size=100,
    in_flight_limit=4000,
    send_concurrency=8,
    per_second={SMS: 10_000, EMAIL: 10_000},
)

COPIES: set[str] = set()
"""Addresses of databases just copied from one with all tables: `make_app` need not look again."""

EXECUTOR = ThreadPoolExecutor(8, thread_name_prefix="test-provider")


class HandClock:
    """Both times stand still until they are moved. Safe to share between threads."""

    def __init__(self, start: datetime = ENROLLED_AT, *, real: datetime | None = None) -> None:
        self._now = start.astimezone(UTC)
        self._real = (real or start).astimezone(UTC)
        self._lock = Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def real_now(self) -> datetime:
        with self._lock:
            return self._real

    def after_real(self, elapsed: timedelta | float) -> datetime:
        span = elapsed if isinstance(elapsed, timedelta) else timedelta(seconds=elapsed)
        return self.now() + span

    def real_delay(self, delta: timedelta) -> timedelta:
        return delta

    def advance(self, span: timedelta) -> None:
        """Let time pass, as it does in production: both alike."""
        with self._lock:
            self._now += span
            self._real += span

    def advance_to(self, moment: datetime) -> None:
        """Let time pass until this service time; one that is past changes nothing."""
        self.advance(max(moment - self.now(), timedelta()))

    def advance_real(self, span: timedelta) -> None:
        """Let real time pass alone, as under a time-lapse clock that is slow."""
        with self._lock:
            self._real += span

    def advance_service(self, span: timedelta) -> None:
        """Let service time pass alone, as under a time-lapse clock that is fast."""
        with self._lock:
            self._now += span


class Seconds:
    """Time that passes when it is told to, for pace and breaker."""

    def __init__(self) -> None:
        self.passed = 100.0

    def __call__(self) -> float:
        return self.passed


@cache
def shipped_catalogue() -> Catalogue:
    """Return what is shipped, read once."""
    return load_catalogue()


@cache
def shipped_content() -> Content:
    """Return what is shipped, read once."""
    catalogue = shipped_catalogue()
    return load_content(protocols=catalogue.protocols, clinics=catalogue.clinics)


def general_triage() -> list[Triage]:
    """Return the shipped phrases that are no single protocol's, which the figures are about."""
    return [each for each in shipped_catalogue().triage if not each.protocols]


def read_shipped_files_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare each command of a test the reading of what is shipped; other folders are read."""

    def catalogue(folder: Path | None) -> Catalogue:
        return shipped_catalogue() if folder is None else load_catalogue(folder)

    def content(folder: Path | None, **of: Any) -> Content:
        whole = shipped_catalogue()
        theirs = (of["protocols"], of["clinics"]) != (whole.protocols, whole.clinics)
        return load_content(folder, **of) if folder or theirs else shipped_content()

    for module in ("followup.content.handbook", "followup.cli.service.check_words"):
        monkeypatch.setattr(f"{module}.load_catalogue", catalogue)
        monkeypatch.setattr(f"{module}.load_content", content)


def make_app(
    database_url: str,
    *,
    clock: Clock | None = None,
    channels: Mapping[ChannelKind, Channel] | None = None,
    standby: Mapping[ChannelKind, Channel] | None = None,
    sandbox: bool = False,
    pace: RateLimiter | None = None,
    breaker: CircuitBreaker | None = None,
    catalogue: Catalogue | None = None,
    content: Content | None = None,
    master_keys: Sequence[bytes] = (MASTER_KEY,),
    pool_size: int = 10,
    **policy: Any,
) -> AppContext:
    """Return an app on a database, brought up to date first. `policy` overrides parts of `POLICY`.

    The channels are scripted unless given, or the product's sandbox if asked for.
    """
    store = Store(make_engine(database_url, pool_size=pool_size))
    try:
        if database_url in COPIES:
            COPIES.discard(database_url)
        else:
            migrate(store.engine)
        return app_on(
            store,
            clock=clock,
            channels=channels,
            standby=standby,
            sandbox=sandbox,
            pace=pace,
            breaker=breaker,
            catalogue=catalogue,
            content=content,
            master_keys=master_keys,
            **policy,
        )
    except BaseException:
        store.close()
        raise


def app_on(
    store: Store,
    *,
    clock: Clock | None = None,
    channels: Mapping[ChannelKind, Channel] | None = None,
    standby: Mapping[ChannelKind, Channel] | None = None,
    sandbox: bool = False,
    pace: RateLimiter | None = None,
    breaker: CircuitBreaker | None = None,
    catalogue: Catalogue | None = None,
    content: Content | None = None,
    master_keys: Sequence[bytes] = (MASTER_KEY,),
    **policy: Any,
) -> AppContext:
    """Return an app context on a store whose database is up to date."""
    clock = clock or HandClock()
    keyring = load_keyring(store, MasterKeys(tuple(master_keys)))
    if channels is None and sandbox:
        outbox = StoredOutbox(store, keyring)
        channels = {kind: SandboxChannel(kind, outbox, clock) for kind in (SMS, EMAIL)}
    return AppContext(
        clock=clock,
        store=store,
        keyring=keyring,
        catalogue=catalogue or shipped_catalogue(),
        content=content or shipped_content(),
        channels=channels or {kind: ScriptedChannel(kind) for kind in (SMS, EMAIL)},
        standby=standby or {},
        pace=pace or InProcessRateLimiter(),
        # One that no test trips by accident: its time would not pass by the hand clock.
        breaker=breaker or InProcessCircuitBreaker(opens_after=1_000_000),
        links=SignedLinks(PUBLIC_URL, keyring.links_key),
        policy=replace(POLICY, **policy),
    )


def clock_of(app: AppContext) -> HandClock:
    """Return the app context's clock, to be moved."""
    assert isinstance(app.clock, HandClock)
    return app.clock


def sms_of(app: AppContext) -> ScriptedChannel:
    """Return the app context's SMS channel, to be scripted."""
    return _scripted(app, SMS)


def email_of(app: AppContext) -> ScriptedChannel:
    """Return the app context's e-mail channel, to be scripted."""
    return _scripted(app, EMAIL)


def _scripted(app: AppContext, kind: ChannelKind) -> ScriptedChannel:
    channel = app.channels[kind]
    assert isinstance(channel, ScriptedChannel)
    return channel


# ----------------------------------------------------------------------------- doing


def enrol_one(app: AppContext, serial: int = 1, **changes: Any) -> UUID:
    """Enrol the person of that serial; `changes` are those of `tests.support.people.request`."""
    return enrol(app, request(serial, **changes), actor="cli:test").enrolment_id


def enrol_many(app: AppContext, count: int, *, first: int = 1, **changes: Any) -> list[UUID]:
    """Enrol that many people."""
    return [enrol_one(app, serial, **changes) for serial in range(first, first + count)]


def a_message(app: AppContext, state: State = State.PLANNED, **columns: Any) -> UUID:
    """Put one message row there, in any state and of nobody; return its id."""
    at = app.clock.now()
    row = {
        "id": new_id(at),
        "kind": "reply",
        "clinic": CLINIC,
        "generation": 0,
        "step": "reply-signs",
        "occurrence": 1,
        "template": "reply-signs",
        "channel": "sms",
        "priority": 5,
        "missed": "drop",
        "may_fall_back": False,
        "superseded": False,
        "receipt_wait": 0,
        "due_at": at,
        "not_before": at,
        "not_after": at + timedelta(hours=1),
        "zone": "Europe/London",
        "state": state.value,
        "state_since": at,
        "state_since_real": at,
        "claimable_at": at,
        "attempt_count": 0,
        "created_at": at,
        **columns,
    }
    with app.store.write() as session:
        session.execute(insert(Message), [row])
    return UUID(str(row["id"]))


def tick(app: AppContext) -> int:
    """Claim what is due and send it, as dispatcher and workers do; return how many calls."""
    return sum(_delivered(app, batch) for batch in claim_due(app))


def _delivered(app: AppContext, batch: Batch) -> int:
    return send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR)


def sweep(app: AppContext, *names: str) -> int:
    """Run these periodic jobs, or all, until nothing is left; return how much there was.

    Of all, those are left out that have nothing to look at: most of twenty, at every event.
    """
    if names:
        return sum(job.until_empty(app) for job in JOBS if job.name in names)
    total, idle = 0, idle_jobs(app)
    for job in JOBS:
        if job.name not in idle and (found := job.until_empty(app)):
            total += found
            # What it did may be work for those after it.
            idle = idle_jobs(app)
    return total


def idle_jobs(app: AppContext) -> frozenset[str]:
    """Return the jobs for which there can be nothing to do, whatever the time: by one query."""
    with app.store.read() as session:
        row = session.execute(_WORK).one()
    return frozenset(name for name, has_work in zip(_WORKED_ON, row, strict=True) if not has_work)


RUN_BY_NAME = frozenset({"close-days", "count-weeks", "propose-retention"})
# Where each job finds all of its work, beside the states that it watches. One that is not named
# here, and watches none, runs every time.
_WORKED_ON: dict[str, Select[Any]] = {
    **{
        job.name: select(Message.id).where(state_is(*sorted(job.watches)))
        for job in JOBS
        if job.watches
    },
    "apply-parked": select(Receipt.id).where(Receipt.attempt_id.is_(None)),
    "chase-answers": select(Message.id).where(Message.answer_due_at.is_not(None)),
    "escalate": select(WorklistItem.id),
    "deliver-events": select(EventSubscription.id),
    "work-off-feeds": select(FeedMessage.id),
    "forget-feeds": select(FeedMessage.id),
    "work-off-lists": select(UploadedList.id),
    "forget-lists": select(UploadedList.id),
    "words-go-live": select(ReleasedWords.release_id),
    # They change nothing that another job sees: the tests of each run it by its name.
    **dict.fromkeys(RUN_BY_NAME, select(Message.id).where(false())),
}
_WORK = select(*(found.exists() for found in _WORKED_ON.values()))


def run_jobs(app: AppContext) -> None:
    """Run the dispatcher and every sweep, until the dispatcher has nothing more to send now."""
    swept = False
    for _ in range(100):
        batches = list(claim_due(app))
        if swept and not batches:
            return
        called = sum(_delivered(app, batch) for batch in batches)
        sweep(app)
        if not called:
            return
        swept = True
    raise AssertionError("the dispatcher never came to an end")


def run_until(app: AppContext, moment: datetime) -> None:
    """Let time pass, from event to event, with all jobs running at each."""
    run_jobs(app)
    for _ in range(10_000):
        upcoming = next_event(app)
        if upcoming is None or upcoming > moment:
            clock_of(app).advance_to(moment)
            run_jobs(app)
            return
        clock_of(app).advance_to(upcoming)
        run_jobs(app)
    raise AssertionError(f"there was no end to events before {moment}")


def next_event(app: AppContext) -> datetime | None:
    """Return the next service time at which something falls due that is not due yet."""
    clock = clock_of(app)
    now, ahead = clock.now(), clock.now() - clock.real_now()
    unsent = Message.state.in_([State.PLANNED.value, State.HELD.value])
    leased = Message.state.in_([State.CLAIMED.value, State.SENDING.value, State.UNKNOWN.value])
    queries = (
        select(func.min(Message.claimable_at)).where(
            Message.state == State.PLANNED.value, Message.claimable_at > now
        ),
        select(func.min(Message.not_after)).where(unsent, Message.not_after > now),
        select(func.min(Message.receipt_due_at)).where(
            Message.state == State.SENT.value, Message.receipt_due_at > now
        ),
        select(func.min(SandboxMessage.report_at)).where(SandboxMessage.report_at > now),
        select(func.min(Enrolment.finish_due_at)).where(Enrolment.finish_due_at > now),
        select(func.min(Message.lease_until)).where(leased, Message.lease_until > now - ahead),
    )
    with app.store.read() as session:
        *found, ends = session.execute(
            select(*(query.scalar_subquery() for query in queries))
        ).one()
    found.append(None if ends is None else ends + ahead)
    return min((at for at in found if at is not None), default=None)


# --------------------------------------------------------------------------- looking


def messages(app: AppContext, enrolment_id: UUID | None = None) -> list[Message]:
    """Return message rows, of one enrolment or of all, as they are now, in the order due."""
    query = select(Message).order_by(Message.due_at, Message.id)
    if enrolment_id is not None:
        query = query.where(Message.enrolment_id == enrolment_id)
    with app.store.read() as session:
        return list(session.scalars(query))


def message(
    app: AppContext, enrolment_id: UUID, step: str, occurrence: int = 1, **columns: object
) -> Message:
    """Return the one message of a step that has these values."""
    found = [
        one
        for one in messages(app, enrolment_id)
        if (one.step, one.occurrence) == (step, occurrence)
        and all(getattr(one, name) == value for name, value in columns.items())
    ]
    assert len(found) == 1, f"{len(found)} messages of {step} {occurrence}"
    return found[0]


def states(app: AppContext, enrolment_id: UUID) -> dict[tuple[str, int], str]:
    """Return the state of each message of the latest generation, fallbacks left out."""
    found = [one for one in messages(app, enrolment_id) if one.fallback_of is None]
    latest = max(one.generation for one in found)
    return {(one.step, one.occurrence): one.state for one in found if one.generation == latest}


def state_of(app: AppContext, message_id: UUID) -> str:
    """Return where a message stands."""
    with app.store.read() as session:
        return session.scalars(select(Message.state).where(Message.id == message_id)).one()


def actions(app: AppContext, message_id: UUID | None = None) -> list[str]:
    """Return the actions of the audit trail, in order; of one message if given."""
    query = select(AuditEvent.action).order_by(AuditEvent.id)
    if message_id is not None:
        query = query.where(AuditEvent.message_id == message_id)
    with app.store.read() as session:
        return list(session.scalars(query))


def tasks(app: AppContext) -> list[WorklistItem]:
    """Return what waits for a person, in the order opened."""
    with app.store.read() as session:
        return list(session.scalars(select(WorklistItem).order_by(WorklistItem.id)))


def sealer_of(app: AppContext, patient: Patient) -> Sealer:
    """Return what opens the sealed values of a patient who was not erased."""
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    assert sealer is not None
    return sealer


def rows(app: AppContext, model: type[Any]) -> list[Any]:
    """Return every row of a table."""
    with app.store.read() as session:
        return list(session.scalars(select(model)))


def balance_is_even(app: AppContext) -> None:
    """Check that every message that fell due is accounted for."""
    sheet = balance(app)
    assert sheet.remainder == 0, sheet


def count_by_state(found: Iterable[Message]) -> dict[str, int]:
    """Return how many of these messages are in each state."""
    counts: dict[str, int] = {}
    for one in found:
        counts[one.state] = counts.get(one.state, 0) + 1
    return counts
