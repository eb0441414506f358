"""Whatever happens, in whatever order, the promises hold: a machine drives the use cases.

Patients are enrolled, moved, paused, stopped; ticks, workers that die, receipts early, late and
twice, a provider that loses answers and lists late: in an order that hypothesis makes up, on a real
database. After each step the promises of the design are checked against what the provider saw.

MODEL_EXAMPLES and MODEL_STEPS make it run for longer, and then from a new seed each time.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path
from shutil import copyfile
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.delivery.receipts import TakenReceipt, take_receipt
from followup.domain.errors import FollowupError
from followup.domain.kill_switch import SwitchScope
from followup.domain.lifecycle import FINAL_STATES, LEGAL_MOVES, State
from followup.domain.protocols.repetition import SLIGHT_MOVE
from followup.enrolment.pause import pause_enrolment, resume_enrolment
from followup.enrolment.reschedule import reschedule
from followup.enrolment.withdraw import withdraw_enrolment
from followup.jobs import JOBS
from followup.monitoring.message_balance import balance
from followup.providers.interface import Outgoing, ProviderReport, ReportedStatus, Sought
from followup.providers.resilience.circuit_breaker import InProcessCircuitBreaker
from followup.providers.resilience.rate_limiter import Grant
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.routing.accounts import account_of
from followup.sending import provider_calls as calling
from followup.sending.claim import Batch, claim_batches, claim_due
from followup.sending.kill_switches import activate_switch, deactivate_switch
from followup.sending.send_batch import send_batch
from followup.sending.stuck_messages import release_claims
from followup.store.message_state import move_messages
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt, Message
from followup.store.models.operations import Switch
from followup.store.models.patients import Objection, Patient
from followup.store.models.worklist import WorklistItem
from tests.support.apps import (
    HandClock,
    clock_of,
    enrol_one,
    make_app,
    next_event,
    rows,
    sweep,
    tick,
)
from tests.support.people import EMAIL, PROCEDURE_AT, SMS, person
from tests.support.scripted_channel import (
    ACCEPT,
    DOWN,
    LOST,
    VANISHED,
    ScriptedChannel,
    refuse,
    unavailable,
)
from tests.support.servers import PostgresServer

LISTED_AFTER = timedelta(seconds=90)
"""The provider lists a message so long after it took it: less than is waited for, as it must be."""
AHEAD = timedelta(milliseconds=10)
LONG_RUN = os.environ.get("MODEL_EXAMPLES")
EXAMPLES = int(LONG_RUN or 5)
STEPS = int(os.environ.get("MODEL_STEPS") or 40)

ANSWERS = {
    "accept": ACCEPT,
    "lost": LOST,
    "vanished": VANISHED,
    "later": unavailable(),
    "down": DOWN,
    "refused": refuse(),
    "unusable": refuse("21211", recipient=True),
}
SPANS = {
    "a moment": timedelta(seconds=20),
    "a lease": timedelta(seconds=61),
    "minutes": timedelta(minutes=7),
    "hours": timedelta(hours=5),
    "a day": timedelta(days=1),
}
SERIALS = (1, 2, 3)
LEGAL = [(before, to) for before in State for to in sorted(LEGAL_MOVES[before])]
CHANNELS = st.sampled_from([(SMS, EMAIL), (SMS,), (EMAIL,)])
FATES = st.lists(st.sampled_from(sorted(ANSWERS)), max_size=4)
JOB_NAMES = [job.name for job in JOBS]


class Died(BaseException):
    """A process that is no more."""


class Inline(ThreadPoolExecutor):
    """Makes each call at once, so that what happens is the same at each run."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class SlowToList(ScriptedChannel):
    """A provider whose lists lag behind what it took; `early` reports before its own answer."""

    def __init__(self, kind, *, clock: HandClock, can_look: bool, account: str = "") -> None:
        super().__init__(kind, account=account)
        self.clock = clock
        self.can_look = can_look
        self.taken_at: dict[str, datetime] = {}
        self.early: Callable[[Outgoing, ProviderReport], None] | None = None

    def find(self, sought: Sought):
        listed_until = self.clock.real_now() - LISTED_AFTER
        everything = self.taken
        self.taken = {
            id_: one for id_, one in everything.items() if self.taken_at[id_] <= listed_until
        }
        try:
            return super().find(sought)
        finally:
            self.taken = everything

    def _take(self, outgoing: Outgoing):
        taken = super()._take(outgoing)
        self.taken_at[taken.id] = self.clock.real_now()
        if self.early is not None:
            self.early(outgoing, self.taken[taken.id].report)
        return taken


class Toggled(InProcessCircuitBreaker):
    """A circuit breaker that is open for an account as long as the test says, and never else."""

    def __init__(self) -> None:
        super().__init__()
        self.away: set[str] = set()

    def _let_through(self, account: str, wanted: int, *, taking: bool) -> Grant:
        return (
            Grant(0, timedelta(seconds=5)) if account in self.away else Grant(wanted, timedelta())
        )

    def is_open(self, account: str) -> bool:
        return account in self.away


class Promises(RuleBasedStateMachine):
    """The service on one database, with providers that remember truthfully what they took.

    Texts have two accounts, which may go away, come back and change places at any time.
    """

    new_app: Callable[[], AppContext]
    enrolments = Bundle("enrolments")

    def __init__(self) -> None:
        super().__init__()
        self.app = self.new_app()
        self.clock = clock_of(self.app)
        every = [*self.app.channels.values(), *self.app.standby.values()]
        self.channels = [one for one in every if isinstance(one, SlowToList)]
        for channel in self.channels:
            channel.during_call = partial(self.look_at_call, channel)
        self.executor = Inline(1)
        self.batches: list[Batch] = []
        self.texts = 0
        self.stalls = False
        self.broken: list[str] = []
        self.corrected: set[UUID] = set()

    def teardown(self) -> None:
        try:
            self.everything_comes_to_an_end()
        finally:
            self.app.close()

    @initialize(target=enrolments, diabetic=st.booleans(), channels=CHANNELS)
    def begin(self, diabetic, channels):
        """Begin with two patients who have something due at once."""
        return multiple(
            *(
                enrol_one(self.app, serial, diabetic=diabetic, channels=channels, reference=None)
                for serial in SERIALS[:2]
            )
        )

    # ----------------------------------------------------------------- what people do

    @rule(
        target=enrolments,
        serial=st.sampled_from(SERIALS),
        diabetic=st.booleans(),
        channels=CHANNELS,
        ago=st.sampled_from([timedelta(minutes=30), timedelta(hours=7), timedelta(days=3)]),
    )
    def enrol(self, serial, diabetic, channels, ago):
        at = (self.clock.now() - ago).replace(second=0, microsecond=0)
        with refused_politely():
            return enrol_one(
                self.app,
                serial,
                diabetic=diabetic,
                channels=channels,
                procedure_at=at,
                reference=None,
            )
        return multiple()

    @rule(enrolment=enrolments, hours=st.integers(-50, 50))
    def move(self, enrolment, hours):
        with self.app.store.read() as session:
            before = session.get_one(Enrolment, enrolment).procedure_at
        with refused_politely():
            reschedule(self.app, enrolment, before + timedelta(hours=hours), actor="web:test")

    @rule(enrolment=enrolments)
    def pause(self, enrolment):
        with refused_politely():
            pause_enrolment(self.app, enrolment, actor="web:test")

    @rule(enrolment=enrolments)
    def resume(self, enrolment):
        with refused_politely():
            resume_enrolment(self.app, enrolment, actor="web:test")

    @rule(enrolment=enrolments, deceased=st.booleans())
    def withdraw(self, enrolment, deceased):
        with refused_politely():
            withdraw_enrolment(
                self.app, enrolment, reason="asked", deceased=deceased, actor="web:test"
            )

    @rule(
        serial=st.sampled_from(SERIALS),
        words=st.sampled_from(["STOP", "START", "thank you", "stop it, my leg is numb"]),
    )
    def text_us(self, serial, words):
        self.texts += 1
        mobile = person(serial).mobile
        assert mobile is not None
        text = InboundText(provider_id=f"SM{self.texts:032d}", from_=mobile, to="", body=words)
        for _ in range(1 + self.texts % 2):
            take_inbound(self.app, text)

    @rule(channel=st.sampled_from([None, "sms", "email"]))
    def stop_sending(self, channel):
        scope = SwitchScope.ALL if channel is None else SwitchScope.CHANNEL
        activate_switch(self.app, scope, channel, reason="test", actor="web:test")

    @rule()
    def resume_sending(self):
        for switch in rows(self.app, Switch):
            if switch.lifted_at is None:
                deactivate_switch(self.app, switch.id, actor="web:test")

    # -------------------------------------------------------------- what the machine does

    @rule()
    def claim(self):
        self.batches += claim_due(self.app)

    @rule()
    def claim_ahead(self):
        """Claim what falls due next a moment before it does: a worker may have it too early."""
        upcoming = next_event(self.app)
        if upcoming is not None:
            self.clock.advance_to(upcoming - AHEAD)
            self.batches += claim_batches(self.app, ahead=AHEAD)

    @rule(answers=FATES, early=st.booleans(), stalls=st.booleans())
    def work(self, answers, early, stalls):
        """Let dispatcher and worker do their work.

        A worker that `stalls` stands still in its first call, which comes to nothing, for longer
        than its lease; the others go on meanwhile.
        """
        self.stalls = stalls
        self._work(answers, early=early)
        self.stalls = False

    @rule(events=st.integers(1, 8), answers=FATES, early=st.booleans())
    def go_on(self, events, answers, early):
        """Let time pass from event to event, with everybody at work at each."""
        self._go_on(events, answers, early=early)

    @rule(events=st.integers(1, 8), answers=FATES, stalls=st.booleans())
    def go_on_with_a_worker_that_stalls(self, events, answers, stalls):
        self.stalls = stalls
        self._go_on(events, answers, early=False)
        self.stalls = False

    @rule(place=st.integers(0, 5), answers=FATES, early=st.booleans())
    @precondition(lambda self: self.batches)
    def send(self, place, answers, early):
        """Let a worker have a batch, now or again: the broker may hand it out twice."""
        self._send(self.batches[place % len(self.batches)], answers, early=early)

    @rule(before=st.booleans(), early=st.booleans())
    def work_and_die(self, before, early):
        """Let a worker die between the provider's answer and the commit, or before the call."""
        dying = (
            patch.object(calling.ProviderCalls, "begin", side_effect=Died)
            if before
            else patch.object(calling, "settle_attempt", side_effect=Died)
        )
        self._wait_for_something()
        fresh = claim_due(self.app)
        self.batches += fresh
        for batch in fresh:
            with dying, suppress(Died):
                self._send(batch, [], early=early)

    @rule()
    def lose_the_broker(self):
        """Have planned again what is claimed; a worker may yet come by a batch of it."""
        release_claims(self.app, made_before=self.clock.real_now())

    @rule(name=st.sampled_from(JOB_NAMES))
    def sweep(self, name):
        sweep(self.app, name)

    @rule(place=st.integers(0, 30), pair=st.sampled_from(LEGAL))
    def move_by_what_was_known_before(self, place, pair):
        """Let somebody move a message who last looked at it when it was in another state."""
        everything = sorted(rows(self.app, Message), key=lambda one: (one.due_at, one.step))
        one = everything[place % len(everything)] if everything else None
        if one is None or one.state == pair[0].value:
            return
        by = self.app.by("worker")
        moved = self.app.store.transact(
            lambda session: move_messages(session, by, [one.id], expected=pair[0], to=pair[1])
        )
        assert moved == set()

    @rule(span=st.sampled_from(sorted(SPANS)))
    def wait(self, span):
        self.clock.advance(SPANS[span])

    def _wait_for_something(self) -> None:
        upcoming = next_event(self.app)
        if upcoming is not None:
            self.clock.advance_to(upcoming)

    def _work(self, answers, *, early) -> None:
        fresh = claim_due(self.app)
        self.batches += fresh
        for batch in fresh:
            self._send(batch, answers, early=early)

    def _go_on(self, events: int, answers, *, early) -> None:
        for place in range(events):
            self._wait_for_something()
            self._work(answers if place == 0 else [], early=early)
            sweep(self.app)

    # ------------------------------------------------------------- what the provider does

    @rule(
        place=st.integers(0, 30),
        status=st.sampled_from([ReportedStatus.SENT, ReportedStatus.DELIVERED]),
        ours=st.booleans(),
        times=st.integers(1, 2),
    )
    def report(self, place, status, ours, times):
        """Report on anything that was ever taken: late, twice, out of order, without our ids."""
        self._report(place, status, ours=ours, times=times)

    @rule(place=st.integers(0, 1))
    def an_account_goes_away(self, place):
        self.breaker.away.add(account_of(self.app.lines(SMS)[place]))

    @rule()
    def accounts_come_back(self):
        self.breaker.away.clear()

    @rule()
    def accounts_change_places(self):
        first, second = self.app.lines(SMS)
        self.app = replace(
            self.app, channels={**self.app.channels, SMS: second}, standby={SMS: first}
        )

    @rule(answer=st.sampled_from(["lost", "vanished"]), places=st.booleans())
    def the_other_account_takes_over_what_is_in_doubt(self, answer, places):
        """Let texts be in doubt at the first account, and then the other be the one that sends."""
        self._wait_for_something()
        self._work([answer] * 3, early=False)
        if places:
            self.accounts_change_places()
        else:
            self.an_account_goes_away(0)

    @property
    def breaker(self) -> Toggled:
        assert isinstance(self.app.breaker, Toggled)
        return self.app.breaker

    @rule(place=st.integers(0, 30), opted_out=st.booleans())
    def report_failure(self, place, opted_out):
        found = self._taken(place)
        if found is None:
            return
        _, one = found
        self.corrected.add(one.outgoing.message_id)
        self._report(place, ReportedStatus.FAILED, ours=True, times=1, opted_out=opted_out)

    def _taken(self, place: int):
        everything = [(channel, one) for channel in self.channels for one in channel.taken.values()]
        return everything[place % len(everything)] if everything else None

    def _report(self, place, status, *, ours, times, opted_out=False):
        found = self._taken(place)
        if found is None:
            return
        channel, one = found
        code = "30005" if status is ReportedStatus.FAILED else None
        report = channel.reaches(one.id, status, code=code, opted_out=opted_out)
        ids = {"message_id": one.outgoing.message_id, "attempt_id": one.outgoing.attempt_id}
        for _ in range(times):
            taken = take_receipt(
                self.app,
                report,
                provider=channel.provider,
                account=channel.account,
                **(ids if ours else {}),
            )
            self._unless(taken is not TakenReceipt.MISDIRECTED, f"{one.id} was refused its receipt")

    def _send(self, batch: Batch, answers, *, early):
        for channel in self.channels:
            channel._script.clear()
            channel.script(*(ANSWERS[name] for name in answers))
            channel.early = partial(self._report_early, channel) if early else None
        send_batch(self.app, batch.token, batch.message_ids, executor=self.executor)

    def _report_early(
        self, channel: SlowToList, outgoing: Outgoing, report: ProviderReport
    ) -> None:
        take_receipt(
            self.app,
            report,
            provider=channel.provider,
            account=channel.account,
            message_id=outgoing.message_id,
            attempt_id=outgoing.attempt_id,
        )

    # ------------------------------------------------------------------- the promises

    def look_at_call(self, channel: SlowToList, outgoing: Outgoing) -> None:
        """Look at the database as a call begins, as whoever wrote the promises would."""
        now, id_ = self.clock.now(), outgoing.message_id
        with self.app.store.read() as session:
            message = session.get_one(Message, id_)
            attempt = session.get(Attempt, outgoing.attempt_id)
            self._unless(attempt, f"{id_} was called before its attempt was written")
            by = attempt.account if attempt else None
            self._unless(by == channel.account, f"{id_} went by {channel.account}, not by {by}")
            self._unless(
                not self._in_doubt(session, outgoing), f"{id_} was called while it was in doubt"
            )
            self._unless(message.state == State.SENDING, f"{id_} was {message.state} when called")
            self._unless(now >= message.not_before, f"{id_} was called early")
            self._unless(now < message.not_after, f"{id_} was called too late")
        if message.kind == "advice":
            self._look_at_advice(message)
        if self.stalls:
            self.stalls = False
            self._let_rivals_work()
            channel._script.appendleft(VANISHED)

    def _look_at_advice(self, message: Message) -> None:
        id_ = message.id
        with self.app.store.read() as session:
            patient = session.get_one(Patient, message.patient_id)
            enrolment = session.get_one(Enrolment, message.enrolment_id)
            against = session.scalars(
                select(Objection.channel).where(
                    Objection.lifted_at.is_(None),
                    or_(
                        Objection.patient_id == patient.id,
                        Objection.contact_index.in_(
                            [patient.mobile_index]
                            if message.channel == "sms"
                            else [patient.email_index]
                        ),
                    ),
                )
            ).all()
            switches = session.scalars(select(Switch).where(Switch.lifted_at.is_(None))).all()
        self._unless(
            not {None, message.channel} & set(against), f"{id_} was called against an objection"
        )
        self._unless(enrolment.state == "active", f"{id_} was called while {enrolment.state}")
        self._unless(patient.deceased_at is None, f"{id_} was called for one who died")
        self._unless(
            all(one.value not in {None, message.channel} for one in switches),
            f"{id_} was called under a kill switch",
        )

    def _let_rivals_work(self) -> None:
        for _ in range(2):
            self.clock.advance(self.app.policy.lease + self.app.policy.reconcile_after)
            sweep(self.app)
            for batch in claim_due(self.app):
                send_batch(self.app, batch.token, batch.message_ids, executor=self.executor)

    def _in_doubt(self, session: Session, outgoing: Outgoing) -> bool:
        """Say whether another attempt of the message may have been taken, for all that is known."""
        others = select(Attempt.id).where(
            Attempt.message_id == outgoing.message_id,
            Attempt.id != outgoing.attempt_id,
            Attempt.outcome.is_(None) | (Attempt.outcome == "unknown"),
        )
        return session.scalars(others).first() is not None

    def _unless(self, kept: object, told: str) -> None:
        if not kept:
            self.broken.append(told)

    @invariant()
    def no_call_broke_a_promise(self):
        assert not self.broken

    @invariant()
    def nothing_is_accepted_twice(self):
        accepted = Counter(
            one.outgoing.message_id for channel in self.channels for one in channel.taken.values()
        )
        assert [id_ for id_, count in accepted.items() if count > 1] == []

    @invariant()
    def advice_is_not_repeated(self):
        """Unless the procedure moved, and it came before its time or is not known to have come."""
        by_id = {one.id: one for one in rows(self.app, Message)}
        given: defaultdict[tuple[object, ...], list[tuple[Message, datetime]]] = defaultdict(list)
        for channel in self.channels:
            for provider_id, one in channel.taken.items():
                message = by_id[one.outgoing.message_id]
                if message.kind == "advice" and message.id not in self.corrected:
                    key = (message.enrolment_id, message.step, message.occurrence)
                    given[key].append((message, channel.taken_at[provider_id]))
        for key, each in given.items():
            each.sort(key=lambda one: one[0].generation)
            for (first, taken_at), (again, _) in combinations(each, 2):
                assert self._may_go_again(first, taken_at, again), (key, first.id, again.id)

    def _may_go_again(self, first: Message, taken_at: datetime, again: Message) -> bool:
        """Say whether a move made advice too early that went out, or found it unconfirmed."""
        if again.generation == first.generation:
            return False
        confirmed_by = taken_at + timedelta(seconds=first.receipt_wait)
        arrived = first.delivered_at is not None and first.delivered_at <= again.created_at
        unconfirmed = first.channel == "sms" and confirmed_by <= again.created_at and not arrived
        return unconfirmed or taken_at < again.not_before - SLIGHT_MOVE

    @invariant()
    def the_trail_tells_of_every_move_and_of_legal_ones_alone(self):
        states = {one.id: one.state for one in rows(self.app, Message)}
        moves: defaultdict[UUID, list[tuple[str, str]]] = defaultdict(list)
        with self.app.store.read() as session:
            events = session.execute(
                select(AuditEvent.message_id, AuditEvent.detail)
                .where(AuditEvent.message_id.is_not(None))
                .order_by(AuditEvent.id)
            ).all()
        for id_, detail in events:
            if detail and "from" in detail and "to" in detail:
                moves[id_].append((detail["from"], detail["to"]))
        for id_, made in moves.items():
            assert all(State(to) in LEGAL_MOVES[State(before)] for before, to in made), made
            assert all(first[1] == second[0] for first, second in pairwise(made)), made
            assert made[-1][1] == states[id_], made

    def everything_comes_to_an_end(self) -> None:
        """Let everything go, and all windows pass: whatever is left then is stuck."""
        self.accounts_come_back()
        self.resume_sending()
        self._until_quiet()
        self.nothing_is_left_over()
        self._go_on(15, [], early=False)
        for _ in range(3):
            self.clock.advance(timedelta(days=70))
            self._until_quiet()
        self.nothing_is_left_over()
        with_a_person = {item.message_id for item in rows(self.app, WorklistItem)}
        for one in rows(self.app, Message):
            settled = State(one.state) in FINAL_STATES or (
                one.state == State.SENT.value and one.receipt_due_at is None
            )
            asked = one.state == State.UNKNOWN.value and one.id in with_a_person
            assert settled or asked, (one.state, one.reason, one.step)
        self.no_call_broke_a_promise()
        self.nothing_is_accepted_twice()
        self.advice_is_not_repeated()
        self.the_trail_tells_of_every_move_and_of_legal_ones_alone()

    def _until_quiet(self) -> None:
        for channel in self.channels:
            channel._script.clear()
            channel.early = None
        for _ in range(8):
            tick(self.app)
            sweep(self.app)
            self.clock.advance(self.app.policy.reconcile_after + timedelta(seconds=1))
        tick(self.app)
        sweep(self.app)

    def nothing_is_left_over(self) -> None:
        sheet = balance(self.app)
        assert sheet.remainder == 0, sheet


@contextmanager
def refused_politely() -> Iterator[None]:
    """Let the product refuse what makes no sense."""
    with suppress(FollowupError):
        yield


def run(new_app: Callable[[], AppContext], *, examples: int) -> None:
    machine = type("Machine", (Promises,), {"new_app": staticmethod(new_app)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=not LONG_RUN,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def app_on(url: str) -> AppContext:
    clock = HandClock(PROCEDURE_AT + timedelta(minutes=30))
    channels = {
        SMS: SlowToList(SMS, clock=clock, can_look=True, account="first"),
        EMAIL: SlowToList(EMAIL, clock=clock, can_look=False),
    }
    standby = {SMS: SlowToList(SMS, clock=clock, can_look=True, account="second")}
    return make_app(url, clock=clock, channels=channels, standby=standby, breaker=Toggled())


@pytest.mark.uncounted
@pytest.mark.slow
@pytest.mark.timeout(7200 if LONG_RUN else 600)
def test_the_promises_hold_in_any_order_on_sqlite(migrated_sqlite: Path, sqlite_file: Path):
    def new_app() -> AppContext:
        for each in sqlite_file.parent.iterdir():
            each.unlink()
        copyfile(migrated_sqlite, sqlite_file)
        return app_on(f"sqlite:///{sqlite_file}")

    run(new_app, examples=EXAMPLES)


@pytest.mark.uncounted
@pytest.mark.slow
@pytest.mark.timeout(7200 if LONG_RUN else 600)
def test_the_promises_hold_in_any_order_on_postgresql(
    postgres_server: PostgresServer, migrated_postgres: str
):
    databases: list[str] = []

    def new_app() -> AppContext:
        databases.append(postgres_server.create_database(template=migrated_postgres))
        return app_on(postgres_server.url(databases[-1]))

    try:
        run(new_app, examples=max(EXAMPLES // 2, 1))
    finally:
        for database in databases:
            postgres_server.drop_database(database)
