"""A whole kit for tests, on a database of its own, with clocks and providers that obey the test.

    kit = make_kit(migrated_url)                      # closed by the `kit` fixture for you
    enrolment = enrol_one(kit, diabetic=True)
    run_until(kit, ENROLLED_AT + timedelta(days=3))   # plays every job from event to event
    states(kit, enrolment)                            # {("going-home", 1): "sent", …}

`kit.clock` is a `HandClock`: service and real time stand still until they are moved, together or
one alone. The channels are `ScriptedChannel`s (`sms_of(kit)`), or the product's sandbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from threading import Lock
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select

from followup.balance import balance
from followup.catalogue import Catalogue, load_catalogue
from followup.channels.breaker import Breaker, InProcessBreaker
from followup.channels.interface import Channel
from followup.channels.pace import InProcessPace, Pace
from followup.channels.sandbox import SandboxChannel
from followup.clock import Clock
from followup.content import Content
from followup.dispatch import claim_due
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.enrol import enrol
from followup.kit import Kit, Policy
from followup.links import Links
from followup.send import deliver
from followup.store.keys import load_keyring
from followup.store.models import AuditEvent, Message, Patient, SandboxMessage, WorklistItem
from followup.store.outbox import StoredOutbox
from followup.store.schema import migrate
from followup.store.sealing import MasterKeys, Sealer
from followup.store.session import Store, make_engine
from followup.store.types import new_id
from followup.sweeps import JOBS
from tests.people import CLINIC, EMAIL, ENROLLED_AT, SMS, request
from tests.scripted_channel import ScriptedChannel

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
    return Content.load()


def make_kit(
    database_url: str,
    *,
    clock: Clock | None = None,
    channels: Mapping[ChannelKind, Channel] | None = None,
    standby: Mapping[ChannelKind, Channel] | None = None,
    sandbox: bool = False,
    pace: Pace | None = None,
    breaker: Breaker | None = None,
    catalogue: Catalogue | None = None,
    content: Content | None = None,
    master_keys: Sequence[bytes] = (MASTER_KEY,),
    pool_size: int = 10,
    **policy: Any,
) -> Kit:
    """Return a kit on a database, brought up to date first. `policy` overrides parts of `POLICY`.

    The channels are scripted unless given, or the product's sandbox if asked for.
    """
    store = Store(make_engine(database_url, pool_size=pool_size))
    try:
        migrate(store.engine)
        return kit_on(
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


def kit_on(
    store: Store,
    *,
    clock: Clock | None = None,
    channels: Mapping[ChannelKind, Channel] | None = None,
    standby: Mapping[ChannelKind, Channel] | None = None,
    sandbox: bool = False,
    pace: Pace | None = None,
    breaker: Breaker | None = None,
    catalogue: Catalogue | None = None,
    content: Content | None = None,
    master_keys: Sequence[bytes] = (MASTER_KEY,),
    **policy: Any,
) -> Kit:
    """Return a kit on a store whose database is up to date."""
    clock = clock or HandClock()
    keyring = load_keyring(store, MasterKeys(tuple(master_keys)))
    if channels is None and sandbox:
        outbox = StoredOutbox(store, keyring)
        channels = {kind: SandboxChannel(kind, outbox, clock) for kind in (SMS, EMAIL)}
    return Kit(
        clock=clock,
        store=store,
        keyring=keyring,
        catalogue=catalogue or shipped_catalogue(),
        content=content or shipped_content(),
        channels=channels or {kind: ScriptedChannel(kind) for kind in (SMS, EMAIL)},
        standby=standby or {},
        pace=pace or InProcessPace(),
        # One that no test trips by accident: its time would not pass by the hand clock.
        breaker=breaker or InProcessBreaker(opens_after=1_000_000),
        links=Links(PUBLIC_URL, keyring.links_key),
        policy=replace(POLICY, **policy),
    )


def clock_of(kit: Kit) -> HandClock:
    """Return the kit's clock, to be moved."""
    assert isinstance(kit.clock, HandClock)
    return kit.clock


def sms_of(kit: Kit) -> ScriptedChannel:
    """Return the kit's SMS channel, to be scripted."""
    return _scripted(kit, SMS)


def email_of(kit: Kit) -> ScriptedChannel:
    """Return the kit's e-mail channel, to be scripted."""
    return _scripted(kit, EMAIL)


def _scripted(kit: Kit, kind: ChannelKind) -> ScriptedChannel:
    channel = kit.channels[kind]
    assert isinstance(channel, ScriptedChannel)
    return channel


# ----------------------------------------------------------------------------- doing


def enrol_one(kit: Kit, serial: int = 1, **changes: Any) -> UUID:
    """Enrol the person of that serial; `changes` are those of `tests.people.request`."""
    return enrol(kit, request(serial, **changes), actor="cli:test").enrolment_id


def enrol_many(kit: Kit, count: int, *, first: int = 1, **changes: Any) -> list[UUID]:
    """Enrol that many people."""
    return [enrol_one(kit, serial, **changes) for serial in range(first, first + count)]


def a_message(kit: Kit, state: State = State.PLANNED, **columns: Any) -> UUID:
    """Put one message row there, in any state and of nobody; return its id."""
    at = kit.clock.now()
    row = {
        "id": new_id(at),
        "kind": "reply",
        "clinic": CLINIC,
        "generation": 0,
        "step": "reply-unwatched",
        "occurrence": 1,
        "template": "reply-unwatched",
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
    with kit.store.write() as session:
        session.execute(insert(Message), [row])
    return UUID(str(row["id"]))


def tick(kit: Kit) -> int:
    """Claim what is due and send it, as dispatcher and workers do; return how many calls."""
    return sum(
        deliver(kit, batch.token, batch.message_ids, executor=EXECUTOR) for batch in claim_due(kit)
    )


def sweep(kit: Kit, *names: str) -> int:
    """Run these periodic jobs, or all, until nothing is left; return how much there was."""
    return sum(job.until_empty(kit) for job in JOBS if job.name in names or not names)


def run_jobs(kit: Kit) -> None:
    """Run the dispatcher and every sweep, until the dispatcher has nothing more to send now."""
    for _ in range(100):
        called = tick(kit)
        sweep(kit)
        if not called:
            return
    raise AssertionError("the dispatcher never came to an end")


def run_until(kit: Kit, moment: datetime) -> None:
    """Let time pass, from event to event, with all jobs running at each."""
    run_jobs(kit)
    for _ in range(10_000):
        upcoming = next_event(kit)
        if upcoming is None or upcoming > moment:
            clock_of(kit).advance_to(moment)
            run_jobs(kit)
            return
        clock_of(kit).advance_to(upcoming)
        run_jobs(kit)
    raise AssertionError(f"there was no end to events before {moment}")


def next_event(kit: Kit) -> datetime | None:
    """Return the next service time at which something falls due that is not due yet."""
    clock = clock_of(kit)
    now, ahead = clock.now(), clock.now() - clock.real_now()
    unsent = Message.state.in_([State.PLANNED.value, State.HELD.value])
    leased = Message.state.in_([State.CLAIMED.value, State.SENDING.value, State.UNKNOWN.value])
    queries = [
        select(func.min(Message.claimable_at)).where(
            Message.state == State.PLANNED.value, Message.claimable_at > now
        ),
        select(func.min(Message.not_after)).where(unsent, Message.not_after > now),
        select(func.min(Message.receipt_due_at)).where(
            Message.state == State.SENT.value, Message.receipt_due_at > now
        ),
        select(func.min(SandboxMessage.report_at)).where(SandboxMessage.report_at > now),
    ]
    lease = select(func.min(Message.lease_until)).where(leased, Message.lease_until > now - ahead)
    with kit.store.read() as session:
        found = [session.scalar(query) for query in queries]
        ends = session.scalar(lease)
    found.append(None if ends is None else ends + ahead)
    return min((at for at in found if at is not None), default=None)


# --------------------------------------------------------------------------- looking


def messages(kit: Kit, enrolment_id: UUID | None = None) -> list[Message]:
    """Return message rows, of one enrolment or of all, as they are now, in the order due."""
    query = select(Message).order_by(Message.due_at, Message.id)
    if enrolment_id is not None:
        query = query.where(Message.enrolment_id == enrolment_id)
    with kit.store.read() as session:
        return list(session.scalars(query))


def message(
    kit: Kit, enrolment_id: UUID, step: str, occurrence: int = 1, **columns: object
) -> Message:
    """Return the one message of a step that has these values."""
    found = [
        one
        for one in messages(kit, enrolment_id)
        if (one.step, one.occurrence) == (step, occurrence)
        and all(getattr(one, name) == value for name, value in columns.items())
    ]
    assert len(found) == 1, f"{len(found)} messages of {step} {occurrence}"
    return found[0]


def states(kit: Kit, enrolment_id: UUID) -> dict[tuple[str, int], str]:
    """Return the state of each message of the latest generation, fallbacks left out."""
    found = [one for one in messages(kit, enrolment_id) if one.fallback_of is None]
    latest = max(one.generation for one in found)
    return {(one.step, one.occurrence): one.state for one in found if one.generation == latest}


def state_of(kit: Kit, message_id: UUID) -> str:
    """Return where a message stands."""
    with kit.store.read() as session:
        return session.scalars(select(Message.state).where(Message.id == message_id)).one()


def actions(kit: Kit, message_id: UUID | None = None) -> list[str]:
    """Return the actions of the audit trail, in order; of one message if given."""
    query = select(AuditEvent.action).order_by(AuditEvent.id)
    if message_id is not None:
        query = query.where(AuditEvent.message_id == message_id)
    with kit.store.read() as session:
        return list(session.scalars(query))


def tasks(kit: Kit) -> list[WorklistItem]:
    """Return what waits for a person, in the order opened."""
    with kit.store.read() as session:
        return list(session.scalars(select(WorklistItem).order_by(WorklistItem.id)))


def sealer_of(kit: Kit, patient: Patient) -> Sealer:
    """Return what opens the sealed values of a patient who was not erased."""
    sealer = kit.keyring.patient(patient.data_key, patient.master_key_id)
    assert sealer is not None
    return sealer


def rows(kit: Kit, model: type[Any]) -> list[Any]:
    """Return every row of a table."""
    with kit.store.read() as session:
        return list(session.scalars(select(model)))


def balance_is_even(kit: Kit) -> None:
    """Check that every message that fell due is accounted for."""
    sheet = balance(kit)
    assert sheet.remainder == 0, sheet


def count_by_state(found: Iterable[Message]) -> dict[str, int]:
    """Return how many of these messages are in each state."""
    counts: dict[str, int] = {}
    for one in found:
        counts[one.state] = counts.get(one.state, 0) + 1
    return counts
