"""Made-up clinics to look around in: fourteen weeks are played at once, then they live on.

Nobody in it exists: drama numbers, NHS numbers of the 999 range kept for tests, example.com.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, islice

import structlog
from sqlalchemy import func, select

from followup.clock import SteppingClock
from followup.context import AppContext
from followup.demo.cast import BOTH_CHANNELS, LONDON, TEXTS_ONLY
from followup.demo.staff import Nurses, is_working
from followup.domain import actors
from followup.domain.channel import ChannelKind
from followup.domain.errors import FollowupError
from followup.domain.lifecycle import State
from followup.enrolment.enrol import EnrolmentRequest, enrol
from followup.enrolment.pause import pause_enrolment
from followup.jobs import JOBS
from followup.patients.records import Person
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.sending.claim import claim_due
from followup.sending.send_batch import send_batch
from followup.store.message_state import oldest_claimable, state_is
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message, SandboxMessage

DEMO_HISTORY = timedelta(weeks=14)
"""So that twelve weeks are over and whole, which is when charts have limits."""
IN_DETAIL = timedelta(days=3)
"""The last days are played from one event to the next; before, each day has a few moments."""
EVERY = timedelta(hours=5)
"""How often (service time) somebody new is enrolled while the clinic lives on."""
A_WHILE = timedelta(seconds=15)
"""The sandbox reports within this time on what it took."""
MOST_TICKS = 20
MOMENTS = (time(8, 30), time(10), time(10, 30), time(14), time(18, 30), time(19))
"""By the clinic's clock: when something of a patient's is due whose procedure ended at ten."""
LIST_ENDS, LIST_DAY, LIST_WEEKS, ON_A_LIST = time(10, 30), 1, 2, 7
"""A list every other Tuesday, of so many patients of both clinics."""
EACH_DAY = frozenset(
    {"expire", "settle-unknown", "chase-receipts", "escalate", "sandbox", "finish-enrolments"}
)
"""The jobs that the days of the past need."""
EACH_WEEK = EACH_DAY | {"chase-answers", "cancel-ended", "release-held"}
"""Those that the weeks need. What counts, signs and forgets is run once, when all is played."""
BETWEEN_ROUNDS = timedelta(minutes=14)

FIRST_CLINIC = "derriford-pain"
FIRST = ("Ada", "Bernard", "Carys", "Dilip", "Edith", "Frank", "Grace", "Huw", "Ines", "Jowan")
LAST = ("Larkin", "Oakes", "Penhaligon", "Rao", "Marsh", "Tregenza", "Nwosu", "Prosser", "Quick")
TRICK_NUMBERS = {3: "111", 6: "888", 9: "777", 14: "222"}
"""Which patients have a number that the sandbox plays a trick with; each seventeenth again."""
SAID = {
    2: "Can I have a bath with the dressing on?",
    5: "Thank you, all is well here.",
    8: "My leg is quite numb this morning. Is that normal?",
    11: "STOP",
    16: "Please ring me about my blood sugar",
}
CYCLE = 17

log = structlog.get_logger()


ALARMING = "My leg has gone weak since this morning and I keep wetting myself"
ALARM_AFTER, ALARM_EVERY = 60, 800
"""Of the looks of half a second that a visitor is there: when a patient tells of a red flag."""
URGENT_LEFT_FOR = timedelta(hours=5)
"""While somebody looks around, the nurses leave a red flag to them for a real minute."""
LEFT_TO_VISITORS = 3
WROTE_LAST = {
    timedelta(minutes=100): "Which of my tablets may I take again? Please ring me",
    timedelta(minutes=50): "Please ring me about my blood sugar, it is 14",
    timedelta(minutes=15): "Could a nurse ring me today please? It is about my dressing",
}
"""What waits when a visitor comes: who wrote how long before."""
STAFF_EVERY = 8


@dataclass(slots=True)
class Clinic:
    """The clinics' days: who is enrolled when, and who writes back. `serial` is who comes next."""

    app: AppContext
    serial: int = 1
    replies: list[tuple[datetime, str, str]] = field(default_factory=list)

    def enrol_next(self, at: datetime) -> None:
        """Enrol the next patient, whose procedure ended half an hour ago."""
        serial, self.serial = self.serial, self.serial + 1
        clinics = sorted(self.app.catalogue.clinics)
        request = patient(serial, procedure_at=at - timedelta(minutes=30), clinics=clinics)
        try:
            # A number that comes round again may have been stopped: here is nobody to ask.
            made = enrol(self.app, request, actor=actors.DEMO, asks=False)
        except FollowupError as error:
            # Numbers come round again after some hundreds: that is no reason to stop.
            log.info("demo.not_enrolled", cause=type(error).__name__)
            return
        if serial % CYCLE == 15:  # noqa: PLR2004 - one in the cycle is paused
            pause_enrolment(self.app, made.enrolment_id, actor=actors.DEMO)
        if (said := SAID.get(serial % CYCLE)) and request.person.mobile:
            self.replies.append((at + timedelta(hours=21), request.person.mobile, said))

    def is_due(self, moment: datetime) -> bool:
        """Say whether something is to be sent by then, or a patient writes."""
        with self.app.store.read() as session:
            claimable = oldest_claimable(session)
        ahead = [at for at, *_ in self.replies]
        return min(filter(None, [claimable, *ahead]), default=moment + DEMO_HISTORY) <= moment

    def write_back(self, now: datetime) -> None:
        """Let patients write whose time has come."""
        for reply in [one for one in self.replies if one[0] <= now]:
            self.replies.remove(reply)
            at, mobile, said = reply
            text = InboundText(
                provider_id=f"demo-{mobile}-{at:%s}", from_=mobile, to="+447700900999", body=said
            )
            take_inbound(self.app, text, provider="sandbox")

    def alarm(self, now: datetime) -> None:
        """Let the patient who came last tell of a sign."""
        for mobile in islice(self._with_numbers(now), 1):
            self.replies.append((now, mobile, ALARMING))

    def leave_open(self, until: datetime) -> None:
        """Let some of those who came last write shortly before a visitor comes."""
        for mobile, (before, said) in zip(
            self._with_numbers(until), WROTE_LAST.items(), strict=False
        ):
            self.replies.append((until - before, mobile, said))

    def _with_numbers(self, at: datetime) -> Iterator[str]:
        """Yield whose number is their own and who has said nothing yet, who came last first."""
        for serial in range(self.serial - 1, 0, -1):
            mobile = patient(serial, procedure_at=at).person.mobile
            if serial % CYCLE not in {*TRICK_NUMBERS, *SAID} and mobile is not None:
                yield mobile


def furnish(
    app: AppContext,
    clock: SteppingClock,
    *,
    until: datetime,
    played: Callable[[float], None] = lambda _share: None,
) -> None:
    """Play the clinics' last weeks from where the clock stands; `played` is told how far it is."""
    clinic, nurses = Clinic(app), Nurses(app)
    nurses.add()
    with ThreadPoolExecutor(4, thread_name_prefix="demo-provider") as executor:
        _play_days(clinic, nurses, clock, until=until - IN_DETAIL, executor=executor, played=played)
        clinic.leave_open(until)
        _play_events(clinic, nurses, clock, until=until, executor=executor)
    clock.advance_to(until)
    _run_jobs(app, {job.name for job in JOBS})


def _play_days(
    clinic: Clinic,
    nurses: Nurses,
    clock: SteppingClock,
    *,
    until: datetime,
    executor: ThreadPoolExecutor,
    played: Callable[[float], None],
) -> None:
    """Play whole days, at the few moments at which something is due, with the same code."""
    since = clock.now()
    while clock.now() < until:
        played((clock.now() - since) / (until - since))
        day = clock.now().astimezone(LONDON).date()
        for wall in MOMENTS:
            moment = datetime.combine(day, wall, tzinfo=LONDON).astimezone(UTC)
            on_list = wall == LIST_ENDS and _has_list(day, since=since)
            if clock.now() <= moment < until and (on_list or clinic.is_due(moment)):
                clock.advance_to(moment)
                for _ in range(ON_A_LIST if on_list else 0):
                    clinic.enrol_next(moment)
                _play_moment(clinic, nurses, clock, executor=executor)
        _run_jobs(clinic.app, EACH_WEEK if day.weekday() == LIST_DAY else EACH_DAY)
        following = datetime.combine(day + timedelta(days=1), time.min, tzinfo=LONDON)
        clock.advance_to(min(following.astimezone(UTC), until))


def _has_list(day: date, *, since: datetime) -> bool:
    weeks = (day - since.astimezone(LONDON).date()).days // 7
    return day.weekday() == LIST_DAY and weeks % LIST_WEEKS == 0


def _run_jobs(app: AppContext, names: Collection[str]) -> None:
    for job in JOBS:
        if job.name in names:
            job.until_empty(app)


def _play_moment(
    clinic: Clinic, nurses: Nurses, clock: SteppingClock, *, executor: ThreadPoolExecutor
) -> None:
    clinic.write_back(clock.now())
    _send_all(clinic.app, executor)
    clock.advance_to(clock.now() + A_WHILE)
    _run_jobs(clinic.app, {"sandbox"})
    for _ in range(2):
        clock.advance_to(clock.now() + BETWEEN_ROUNDS)
        nurses.work_off(clock.now())


def _play_events(
    clinic: Clinic,
    nurses: Nurses,
    clock: SteppingClock,
    *,
    until: datetime,
    executor: ThreadPoolExecutor,
) -> None:
    """Play from one event to the next."""
    app = clinic.app
    moments = list(_working_hours(clock.now(), until))
    while (moment := _next(app, clinic, moments)) is not None and moment <= until:
        # What can't go yet must not hold the days up.
        clock.advance_to(max(moment, clock.now() + A_WHILE))
        while moments and moments[0] <= clock.now():
            clinic.enrol_next(moments.pop(0))
        clinic.write_back(clock.now())
        _send_all(app, executor)
        clock.advance_to(clock.now() + A_WHILE)
        _run_jobs(app, EACH_WEEK)
        nurses.work_off(clock.now())


def live_on(app: AppContext, *, wait: Callable[[float], bool]) -> None:
    """Enrol and write back as time passes, until `wait` (seconds) says that it is over."""
    with app.store.read() as session:
        enrolled = session.scalar(select(func.count(Enrolment.id))) or 0
    clinic, following = Clinic(app, serial=enrolled + 1), app.clock.now()
    nurses = Nurses(app, urgent_after=URGENT_LEFT_FOR, leave=LEFT_TO_VISITORS)
    nurses.add()
    for look in count():
        if wait(0.5):
            return
        now = app.clock.now()
        if look % ALARM_EVERY == ALARM_AFTER:
            clinic.alarm(now)
            nurses.come_in()
        if look % STAFF_EVERY == 0:
            nurses.work_off(now)
        local = now.astimezone(LONDON)
        if now >= following and is_working(local):
            clinic.enrol_next(now)
            following = now + EVERY / 2
        clinic.write_back(now)


def patient(
    serial: int, *, procedure_at: datetime, clinics: Sequence[str] = (FIRST_CLINIC,)
) -> EnrolmentRequest:
    """Return the enrolment of a made-up patient: the same serial is the same one."""
    place = serial % CYCLE
    number = TRICK_NUMBERS.get(place) or f"{100 + serial * 7 % 880:03d}"
    if place not in TRICK_NUMBERS and number in TRICK_NUMBERS.values():
        number = "100"
    by_mail = place == 10  # noqa: PLR2004 - one in the cycle has no mobile
    channels = (
        (ChannelKind.EMAIL,) if by_mail else BOTH_CHANNELS if place in {3, 1, 9} else TEXTS_ONLY
    )
    first, last = FIRST[serial % len(FIRST)], LAST[serial // 2 % len(LAST)]
    return EnrolmentRequest(
        clinic=clinics[serial % len(clinics)],
        protocol="nerve-root-block",
        reference=f"DEMO-{serial:04d}",
        procedure_at=procedure_at,
        attributes={"diabetic": serial % 3 == 0, "steroid_given": serial % 4 != 0},
        person=Person(
            name=f"{first} {last}",
            nhs_number=_nhs_number(serial),
            date_of_birth=date(1940 + serial % 50, 1 + serial % 12, 1 + serial % 28),
            mobile=None if by_mail else f"+447700900{number}",
            email=f"{first.lower()}{serial}@example.com",
            language="en",
        ),
        channels=channels,
    )


def _nhs_number(serial: int) -> str:
    """Return a synthetic number with a right check digit; one stem in eleven has none."""
    for stem in (f"999{serial * 2 + 4000:06d}", f"999{serial * 2 + 4001:06d}"):
        rest = 11 - sum(int(digit) * (10 - at) for at, digit in enumerate(stem)) % 11
        if rest != 10:  # noqa: PLR2004 - there is no such check digit
            return stem + str(rest % 11)
    raise AssertionError


def _working_hours(since: datetime, until: datetime) -> Iterator[datetime]:
    """Yield when somebody is enrolled: every few hours of each working day."""
    for number in count():
        at = since + number * EVERY / 2
        if at >= until:
            return
        if is_working(at.astimezone(LONDON)):
            yield at


def _next(app: AppContext, clinic: Clinic, moments: list[datetime]) -> datetime | None:
    """Return the service time of the next thing that happens by itself, or is to be done."""
    with app.store.read() as session:
        found = [
            oldest_claimable(session),
            session.scalar(select(func.min(SandboxMessage.report_at))),
            session.scalar(select(func.min(Message.receipt_due_at)).where(state_is(State.SENT))),
        ]
    found += [moments[0] if moments else None, min((at for at, *_ in clinic.replies), default=None)]
    return min((moment for moment in found if moment is not None), default=None)


def _send_all(app: AppContext, executor: ThreadPoolExecutor) -> None:
    """Send what is due, until nothing more is."""
    for _ in range(MOST_TICKS):
        batches = claim_due(app)
        for batch in batches:
            send_batch(app, batch.token, batch.message_ids, executor=executor)
        if not batches:
            return
