"""Merging of two records: whose facts count, what is double, and what forbids an undo."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from followup.domain.lifecycle import EnrolmentState
from followup.domain.merging.doubles import FollowUp, double_follow_ups
from followup.domain.merging.facts import (
    Contact,
    Question,
    RecordFacts,
    Side,
    merge_facts,
    questions_about,
)
from followup.domain.merging.undo import (
    UNDO_WITHIN,
    Obstacle,
    obstacle_in,
    obstacle_in_time,
    whose_address,
)
from followup.domain.needs import ReadingNeed

AT = datetime(2026, 10, 19, 14, tzinfo=UTC)
DAY = date(2026, 10, 19)
PLAIN = RecordFacts(
    name="Test Patient",
    nhs_number="9990000018",
    date_of_birth=date(1950, 1, 2),
    mobile=Contact(address="+447700900001"),
    email=None,
    language="en",
)
BARE = RecordFacts(
    name=None, nhs_number=None, date_of_birth=None, mobile=None, email=None, language="cy"
)
OTHER = Contact(address="+447700900002")
ACTIVE, PAUSED = EnrolmentState.ACTIVE, EnrolmentState.PAUSED
FINISHED, WITHDRAWN = EnrolmentState.FINISHED, EnrolmentState.WITHDRAWN


def merged(survivor, duplicate, **decisions):
    chosen = {Question(name): side for name, side in decisions.items()}
    return merge_facts(survivor, duplicate, decisions=chosen)


def test_what_the_survivor_lacks_is_taken_from_the_duplicate():
    found = merged(BARE, PLAIN)

    assert found.facts == replace(PLAIN, language="cy")
    assert found.taken == {"name", "nhs_number", "date_of_birth", "mobile"}


def test_what_the_survivor_says_stands():
    other = replace(PLAIN, name="Else", language="cy", mobile=OTHER)

    assert merged(PLAIN, other).facts == PLAIN
    assert merged(PLAIN, BARE).taken == frozenset()
    assert merged(PLAIN, PLAIN).taken == frozenset()


@pytest.mark.parametrize(
    ("ours", "theirs", "taken"),
    [
        (Contact(address="a"), Contact(address="b"), False),
        (Contact(address="a"), Contact(address="b", confirmed=True), True),
        (Contact(address="a", confirmed=True), Contact(address="b", confirmed=True), False),
        (Contact(address="a", works=False, confirmed=True), Contact(address="b"), True),
        (Contact(address="a"), Contact(address="b", works=False, confirmed=True), False),
        (None, Contact(address="b", works=False), True),
    ],
    ids=["alike", "theirs confirmed", "both confirmed", "ours broken", "theirs broken", "none"],
)
def test_a_contact_that_works_and_was_confirmed_counts_first(ours, theirs, taken):
    found = merged(replace(PLAIN, mobile=ours), replace(PLAIN, mobile=theirs))

    assert ("mobile" in found.taken) is taken
    assert found.facts.mobile == (theirs if taken else ours)


def test_needs_of_both_hold_and_the_earlier_death():
    early, late = AT - timedelta(days=1), AT
    ours = replace(PLAIN, needs=frozenset({ReadingNeed.LARGE_PRINT}), deceased_at=late)
    theirs = replace(PLAIN, needs=frozenset({ReadingNeed.NO_TEXTS}), deceased_at=early)

    found = merged(ours, theirs)

    assert found.facts.needs == {ReadingNeed.LARGE_PRINT, ReadingNeed.NO_TEXTS}
    assert found.facts.deceased_at == early
    assert found.taken == {"needs", "deceased_at"}
    assert merged(theirs, ours).facts.deceased_at == early
    assert merged(PLAIN, theirs).facts.deceased_at == early


def test_two_numbers_and_two_birth_dates_are_asked_about_and_what_was_decided_counts():
    other = replace(PLAIN, nhs_number="9990000026", date_of_birth=date(1951, 1, 2))

    assert questions_about(PLAIN, other) == (Question.NHS_NUMBER, Question.BIRTH_DATE)
    assert questions_about(PLAIN, BARE) == questions_about(PLAIN, PLAIN) == ()
    found = merged(PLAIN, other, nhs_number=Side.DUPLICATE, date_of_birth=Side.SURVIVOR)
    assert found.facts.nhs_number == "9990000026"
    assert found.facts.date_of_birth == PLAIN.date_of_birth


def follow_up(serial, side, *, state=ACTIVE, day=DAY, protocol="block", **answers):
    return FollowUp(
        id=UUID(int=serial), side=side, protocol=protocol, day=day, state=state, answers=answers
    )


OURS, THEIRS = Side.SURVIVOR, Side.DUPLICATE


@pytest.mark.parametrize(
    ("ours", "theirs", "kept"),
    [(ACTIVE, ACTIVE, OURS), (PAUSED, ACTIVE, OURS), (FINISHED, ACTIVE, THEIRS),
     (WITHDRAWN, ACTIVE, THEIRS), (WITHDRAWN, FINISHED, THEIRS), (ACTIVE, WITHDRAWN, OURS)],
)  # fmt: skip
def test_of_one_procedure_one_follow_up_goes_on(ours, theirs, kept):
    both = [follow_up(1, OURS, state=ours), follow_up(2, THEIRS, state=theirs)]

    [double] = double_follow_ups(both, decisions={})

    assert double.kept.side is kept
    assert double.ended.side is not kept


def test_other_days_other_protocols_and_two_that_were_ended_are_not_double():
    ours = follow_up(1, OURS)
    others = [
        follow_up(2, THEIRS, day=DAY + timedelta(days=1)),
        follow_up(3, THEIRS, protocol="joint"),
        follow_up(4, OURS, protocol="other", state=WITHDRAWN),
        follow_up(5, THEIRS, protocol="other", state=WITHDRAWN),
    ]

    assert double_follow_ups([ours, *others], decisions={}) == ()


def test_whose_answers_are_right_goes_on_and_those_of_an_ended_one_matter_not():
    both = [follow_up(1, OURS, diabetic=False), follow_up(2, THEIRS, diabetic=True)]

    [open_] = double_follow_ups(both, decisions={})
    [decided] = double_follow_ups(both, decisions={Question.ANSWERS: THEIRS})
    [ended] = double_follow_ups(
        [both[0], replace(both[1], state=WITHDRAWN)], decisions={Question.ANSWERS: THEIRS}
    )

    assert open_.answers_differ
    assert decided.kept.side is THEIRS
    assert not ended.answers_differ


def test_a_merge_can_be_undone_once_and_for_a_day():
    def at(now, *, undone=False):
        return obstacle_in_time(merged_at=AT, undone=undone, now=now)

    assert at(AT + UNDO_WITHIN - timedelta(seconds=1)) is None
    assert at(AT + UNDO_WITHIN) is Obstacle.TOO_LATE
    assert at(AT, undone=True) is Obstacle.UNDONE


@pytest.mark.parametrize(
    ("done", "obstacle"),
    [((), None), (("patient.viewed", "enrolment.finished"), None),
     (("patient.changed",), Obstacle.CHANGED),
     (("patient.changed", "patient.merged"), Obstacle.MERGED_ON)],
)  # fmt: skip
def test_what_was_changed_since_forbids_an_undo(done, obstacle):
    assert obstacle_in(done) is obstacle


@pytest.mark.parametrize(
    ("address", "whose"),
    [(b"a", Side.SURVIVOR), (b"b", Side.DUPLICATE), (b"both", None), (b"none", None), (None, None)],
)
def test_an_address_belongs_to_the_record_that_alone_has_it(address, whose):
    found = whose_address(address, survivor=(b"a", b"both"), duplicate=(b"b", b"both", None))

    assert found is whose
