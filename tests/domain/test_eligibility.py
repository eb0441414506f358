"""Eligibility: what keeps a message of each kind back, and which of two obstacles counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest

from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import SendingHours
from followup.domain.eligibility import (
    AT_ONCE,
    Candidate,
    Circumstances,
    Go,
    LastRestore,
    Objections,
    Stop,
    Verdict,
    Wait,
    judge_message,
)
from followup.domain.lifecycle import LEGAL_MOVES, EnrolmentState, State
from followup.domain.message_kind import MessageKind
from followup.domain.reasons import Reason

ADVICE, REPLY, CHECK = MessageKind.ADVICE, MessageKind.REPLY, MessageKind.CHECK
SMS, EMAIL = ChannelKind.SMS, ChannelKind.EMAIL
NOW = datetime(2026, 10, 20, 9, 0, tzinfo=UTC)
"""A Tuesday at ten in Plymouth."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PATIENT, OTHER = UUID(int=1), UUID(int=2)
INDEX = b"the number"
HOURS = SendingHours(opens=time(8), closes=time(20))

MESSAGE = Candidate(
    kind=ADVICE,
    clinic="derriford-pain",
    protocol="nerve-root-block",
    step="dressing",
    channel=SMS,
    created_at=NOW - DAY,
    due_at=NOW - HOUR,
    not_before=NOW - 2 * HOUR,
    not_after=NOW + 6 * HOUR,
    zone="Europe/London",
    patient_id=PATIENT,
    is_erased=False,
    is_deceased=False,
    enrolment_state=EnrolmentState.ACTIVE,
    has_address=True,
    address_index=INDEX,
    address_unusable=False,
    restore_id=None,
)
NOTHING = Circumstances(
    now=NOW,
    objections=Objections(),
    switches=frozenset(),
    hours={"derriford-pain": HOURS},
    restore=None,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Something that speaks against a message, and what it comes to for each kind (None: nothing).

    `message` and `around` are what has to change for it.
    """

    name: str
    advice: Stop | None
    check: Stop | None
    reply: Stop | None
    message: dict[str, Any]
    around: dict[str, Any]

    def verdict(self, kind: MessageKind) -> Stop | None:
        return {ADVICE: self.advice, CHECK: self.check, REPLY: self.reply}[kind]


def obstacle(
    name: str, stop: Stop, *kinds: MessageKind, around: dict[str, Any] | None = None, **message: Any
) -> Obstacle:
    """Return an obstacle that stops messages of these kinds, and no others."""
    return Obstacle(
        name=name,
        advice=stop if ADVICE in kinds else None,
        check=stop if CHECK in kinds else None,
        reply=stop if REPLY in kinds else None,
        message=message,
        around=around or {},
    )


OBSTACLES = [
    # In the order in which they count.
    obstacle("erased", Stop(State.CANCELLED, Reason.ERASED), ADVICE, CHECK, is_erased=True),
    obstacle("died", Stop(State.CANCELLED, Reason.PATIENT_DIED), ADVICE, CHECK, is_deceased=True),
    obstacle(
        "withdrawn",
        Stop(State.CANCELLED, Reason.WITHDRAWN),
        *(ADVICE, CHECK),
        enrolment_state=EnrolmentState.WITHDRAWN,
    ),
    obstacle(
        "paused",
        Stop(State.HELD, Reason.PAUSED),
        *(ADVICE, CHECK),
        enrolment_state=EnrolmentState.PAUSED,
    ),
    obstacle(
        "restored",
        Stop(State.UNKNOWN, Reason.RESTORED),
        *(ADVICE, REPLY),
        around={"restore": LastRestore(7, NOW)},
    ),
    obstacle(
        "window",
        Stop(State.EXPIRED, Reason.WINDOW_OVER),
        *(ADVICE, CHECK, REPLY),
        not_after=NOW,
    ),
    obstacle(
        "switch",
        Stop(State.HELD, Reason.SWITCH),
        *(ADVICE, CHECK, REPLY),
        around={"switches": frozenset({("all", None)})},
    ),
    obstacle(
        "words",
        Stop(State.HELD, Reason.WORDS_NOT_APPROVED),
        *(ADVICE, CHECK, REPLY),
        words=Reason.WORDS_NOT_APPROVED,
    ),
    obstacle(
        "objection",
        Stop(State.SUPPRESSED, Reason.OBJECTION),
        *(ADVICE, CHECK),
        around={"objections": Objections(of_patients=frozenset({(PATIENT, None)}))},
    ),
    obstacle(
        "objection-to-channel",
        Stop(State.SUPPRESSED, Reason.OBJECTION_TO_CHANNEL),
        *(ADVICE, CHECK),
        around={"objections": Objections(of_patients=frozenset({(PATIENT, "sms")}))},
    ),
    obstacle(
        "unusable",
        Stop(State.SUPPRESSED, Reason.ADDRESS_UNUSABLE),
        ADVICE,
        address_unusable=True,
    ),
    obstacle(
        "no-address",
        Stop(State.SUPPRESSED, Reason.NO_ADDRESS),
        *(ADVICE, CHECK, REPLY),
        has_address=False,
        address_index=None,
    ),
    obstacle(
        "no-clinic",
        Stop(State.HELD, Reason.CLINIC_NOT_CONFIGURED),
        ADVICE,
        around={"hours": {}},
    ),
    obstacle(
        "no-hour",
        Stop(State.EXPIRED, Reason.NO_SENDING_HOUR),
        ADVICE,
        around={"hours": {"derriford-pain": SendingHours(opens=time(18), closes=time(20))}},
    ),
]
EXCLUDE_EACH_OTHER = [
    {"objection", "objection-to-channel"},
    {"no-clinic", "no-hour"},
    {"withdrawn", "paused"},
    # Where there is no address, nothing can have gone.
    {"restored", "no-address"},
]


def verdict_on(
    kind: MessageKind = ADVICE,
    *obstacles: Obstacle,
    around: dict[str, Any] | None = None,
    **message: Any,
) -> Verdict:
    changes: dict[str, Any] = {}
    circumstances: dict[str, Any] = {}
    for one in obstacles:
        changes |= one.message
        circumstances |= one.around
    return judge_message(
        replace(MESSAGE, kind=kind, **{**changes, **message}),
        replace(NOTHING, **{**circumstances, **(around or {})}),
    )


# ------------------------------------------------------------------- every kind and obstacle


@pytest.mark.parametrize("kind", MessageKind)
def test_what_nothing_speaks_against_goes(kind):
    assert verdict_on(kind) == Go()


@pytest.mark.parametrize("kind", MessageKind)
@pytest.mark.parametrize("against", OBSTACLES, ids=lambda one: one.name)
def test_each_obstacle_stops_the_kinds_that_it_is_meant_for(kind, against):
    assert verdict_on(kind, against) == (against.verdict(kind) or Go())


@pytest.mark.parametrize("kind", MessageKind)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        pair
        for pair in combinations(OBSTACLES, 2)
        if {one.name for one in pair} not in EXCLUDE_EACH_OTHER
    ],
    ids=lambda one: one.name,
)
def test_of_two_obstacles_the_graver_one_counts(kind, first, second):
    expected = first.verdict(kind) or second.verdict(kind) or Go()

    assert verdict_on(kind, first, second) == expected


@pytest.mark.parametrize("state", [None, *EnrolmentState])
@pytest.mark.parametrize("kind", MessageKind)
def test_only_a_withdrawn_or_paused_enrolment_keeps_a_message_back(kind, state):
    stops = {
        EnrolmentState.WITHDRAWN: Stop(State.CANCELLED, Reason.WITHDRAWN),
        EnrolmentState.PAUSED: Stop(State.HELD, Reason.PAUSED),
    }

    expected = Go() if kind is REPLY else stops.get(state, Go())
    assert verdict_on(kind, enrolment_state=state) == expected


@pytest.mark.parametrize("against", OBSTACLES, ids=lambda one: one.name)
@pytest.mark.parametrize("claimed", [State.PLANNED, State.CLAIMED])
def test_every_stop_is_a_legal_move_from_where_it_is_asked(against, claimed):
    stops = {against.advice, against.check, against.reply} - {None}

    assert {stop.to for stop in stops if stop} <= LEGAL_MOVES[claimed]


# -------------------------------------------------------------------- texts that are nobody's


@pytest.mark.parametrize("name", ["erased", "died", "withdrawn", "paused"])
@pytest.mark.parametrize("kind", [CHECK, REPLY])
def test_what_is_nobodys_is_stopped_by_nothing_about_a_patient(kind, name):
    (against,) = [one for one in OBSTACLES if one.name == name]

    assert verdict_on(kind, against, patient_id=None) == Go()


@pytest.mark.parametrize("channel", [None, "sms"])
def test_an_objection_of_the_address_counts_whoever_has_it(channel):
    of_address = Objections(of_addresses=frozenset({(INDEX, channel)}))
    reason = Reason.OBJECTION if channel is None else Reason.OBJECTION_TO_CHANNEL

    stop = verdict_on(CHECK, patient_id=None, around={"objections": of_address})

    assert stop == Stop(State.SUPPRESSED, reason)


def test_objections_of_others_count_for_nothing():
    others = Objections(
        of_patients=frozenset({(OTHER, None), (PATIENT, "email")}),
        of_addresses=frozenset({(b"another", None), (INDEX, "email")}),
    )

    assert verdict_on(around={"objections": others}) == Go()


def test_an_objection_to_e_mails_stops_e_mails():
    to_mails = Objections(of_patients=frozenset({(PATIENT, "email")}))

    stop = verdict_on(channel=EMAIL, around={"objections": to_mails})

    assert stop == Stop(State.SUPPRESSED, Reason.OBJECTION_TO_CHANNEL)


# ------------------------------------------------------------------------------ after a restore


@pytest.mark.parametrize(
    ("created", "due", "not_before", "doubted"),
    [
        # Made before the restore: what had fallen due by then may have gone.
        (-2 * DAY, -HOUR, -HOUR, True),
        (-2 * DAY, timedelta(), -HOUR, True),
        (-2 * DAY, HOUR, -HOUR, False),
        # Made anew since: what is due at once, and had its time before.
        (timedelta(), timedelta(), -HOUR, True),
        (timedelta(), HOUR, -HOUR, True),
        (HOUR, HOUR + AT_ONCE - timedelta(seconds=1), -HOUR, True),
        (HOUR, HOUR + AT_ONCE, -HOUR, False),
        (HOUR, 2 * HOUR, timedelta(), False),
    ],
)
def test_what_may_have_gone_before_a_restore_is_asked_about(created, due, not_before, doubted):
    restored = NOW - 4 * HOUR
    stop = verdict_on(
        around={"restore": LastRestore(7, restored), "now": restored + 3 * HOUR},
        created_at=restored + created,
        due_at=restored + due,
        not_before=restored + not_before,
    )

    assert (stop == Stop(State.UNKNOWN, Reason.RESTORED)) is doubted


@pytest.mark.parametrize(("looked_after", "doubted"), [(7, False), (6, True), (None, True)])
def test_what_was_looked_for_after_the_last_restore_is_in_no_doubt(looked_after, doubted):
    stop = verdict_on(around={"restore": LastRestore(7, NOW)}, restore_id=looked_after)

    assert (stop == Stop(State.UNKNOWN, Reason.RESTORED)) is doubted


def test_what_had_no_address_can_not_have_gone():
    stop = verdict_on(
        around={"restore": LastRestore(7, NOW)}, has_address=False, address_index=None
    )

    assert stop == Stop(State.SUPPRESSED, Reason.NO_ADDRESS)


# -------------------------------------------------------------------------- window and hours


def test_it_waits_for_its_window_and_goes_with_it():
    opens = NOW + HOUR

    assert verdict_on(not_before=opens) == Wait(opens)
    assert verdict_on(not_before=opens, around={"now": opens}) == Go()


def test_at_night_advice_waits_for_the_morning_and_an_answer_does_not():
    night = datetime(2026, 10, 20, 22, 0, tzinfo=UTC)
    until = {"not_after": night + DAY}

    assert verdict_on(around={"now": night}, **until) == Wait(
        datetime(2026, 10, 21, 7, 0, tzinfo=UTC)
    )
    assert verdict_on(REPLY, around={"now": night}, **until) == Go()
    assert verdict_on(CHECK, around={"now": night}, **until) == Go()


def test_the_hours_are_those_of_the_message_s_own_zone():
    night = datetime(2026, 10, 20, 22, 0, tzinfo=UTC)

    # It is 18:00 there.
    assert verdict_on(around={"now": night}, not_after=night + DAY, zone="America/New_York") == Go()


def test_after_the_clocks_went_back_the_morning_is_an_hour_later():
    night = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)

    assert verdict_on(around={"now": night}, not_after=night + DAY) == Wait(
        datetime(2026, 10, 25, 8, 0, tzinfo=UTC)
    )


def test_hours_that_begin_as_its_window_ends_are_none():
    night = datetime(2026, 10, 20, 22, 0, tzinfo=UTC)
    morning = datetime(2026, 10, 21, 7, 0, tzinfo=UTC)

    stop = verdict_on(around={"now": night}, not_after=morning)

    assert stop == Stop(State.EXPIRED, Reason.NO_SENDING_HOUR)


def test_the_end_of_its_window_is_over_and_the_moment_before_is_not():
    ends = NOW + HOUR
    before = ends - timedelta(microseconds=1)

    assert verdict_on(not_after=ends, around={"now": before}) == Go()
    assert verdict_on(not_after=ends, around={"now": ends}) == Stop(
        State.EXPIRED, Reason.WINDOW_OVER
    )


@pytest.mark.parametrize(
    ("cover", "stops"),
    [
        (("all", None), True),
        (("clinic", "derriford-pain"), True),
        (("clinic", "elsewhere"), False),
        (("protocol", "nerve-root-block"), True),
        (("step", "dressing"), True),
        (("step", "nerve-root-block/dressing"), True),
        (("step", "facet/dressing"), False),
        (("channel", "sms"), True),
        (("channel", "email"), False),
    ],
    ids=str,
)
def test_a_switch_holds_what_it_covers(cover, stops):
    verdict = verdict_on(around={"switches": frozenset({cover})})

    assert (verdict == Stop(State.HELD, Reason.SWITCH)) is stops
