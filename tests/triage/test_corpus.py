"""The shipped phrases on labelled, made-up replies; one part was not looked at while tuning."""

from __future__ import annotations

import hashlib
from functools import partial

import pytest

from followup.domain.auto_reply import choose
from followup.domain.triage.triage import AT_ONCE, HARMLESS_CLASSES, ReplyClass, sort_reply
from followup.replies.triage_evaluation import read_corpus, score_triage
from tests.support.apps import general_triage
from tests.triage import GRAVE_LABELS, HELD_OUT, PRACTICE, REPLIES

FROZEN = "f8afe6595e93d9a97dd687fc6107f51e1b7c35479be1fc43a4653fcc00106c2f"
"""The held-out replies as they were before any phrase was written: never add to them or mend them.

Whoever wants to know how well the phrases do after changing them writes new ones.
"""
NEEDED = 0.99


@pytest.fixture(scope="module")
def sort():
    return partial(sort_reply, general_triage())


def test_there_are_enough_replies_and_none_is_there_twice():
    tuned, held_out = read_corpus(REPLIES), read_corpus(HELD_OUT)
    texts = [reply.text for reply in (*tuned, *held_out)]

    assert len(tuned) >= 400
    assert len(held_out) >= 120
    assert len(set(texts)) == len(texts)


def test_the_held_out_replies_are_as_they_were_written():
    assert hashlib.sha256(HELD_OUT.read_bytes()).hexdigest() == FROZEN


@pytest.mark.parametrize("path", [REPLIES, HELD_OUT], ids=lambda path: path.stem)
def test_red_flags_are_found(path, sort):
    report = score_triage(path.stem, read_corpus(path), sort)

    sensitivity = report.scores[ReplyClass.RED_FLAG].sensitivity
    assert sensitivity is not None
    assert sensitivity >= NEEDED, report.missed


@pytest.mark.parametrize("path", [REPLIES, HELD_OUT], ids=lambda path: path.stem)
def test_a_request_to_stop_is_never_missed(path, sort):
    report = score_triage(path.stem, read_corpus(path), sort)

    assert report.scores[ReplyClass.STOP].sensitivity == 1


@pytest.mark.parametrize("path", [REPLIES, HELD_OUT], ids=lambda path: path.stem)
def test_a_denied_sign_seldom_raises_an_alarm(path, sort):
    nothing = sorted_replies(path, sort, labelled={"unclear", "thanks"})

    assert sum(found.urgency == AT_ONCE for _, found in nothing) <= 0.07 * len(nothing)


def sorted_replies(path, sort, *, labelled):
    replies = [one for one in read_corpus(path) if {each.value for each in one.classes} & labelled]
    return [(one.text, sort(one.text)) for one in replies]


@pytest.mark.parametrize("path", [REPLIES, HELD_OUT, PRACTICE], ids=lambda path: path.stem)
def test_no_grave_reply_is_judged_harmless(path, sort):
    grave = sorted_replies(path, sort, labelled=GRAVE_LABELS)

    assert [text for text, found in grave if found.urgency is None] == []
    assert [text for text, found in grave if choose(found) is None] == []


def test_grave_replies_in_many_voices_are_raised_as_such(sort):
    grave = sorted_replies(PRACTICE, sort, labelled=GRAVE_LABELS)

    assert len(grave) > 400
    assert [text for text, found in grave if found.urgency != AT_ONCE] == []


def test_wishes_to_stop_in_many_voices_are_found_and_questions_about_stopping_are_not(sort):
    others = set(ReplyClass) - {ReplyClass.STOP}
    stops = sorted_replies(PRACTICE, sort, labelled={"stop"})
    rest = sorted_replies(PRACTICE, sort, labelled={each.value for each in others})

    assert [text for text, found in stops if ReplyClass.STOP not in found.classes] == []
    assert [text for text, found in rest if ReplyClass.STOP in found.classes] == []


def test_harmless_replies_are_left_in_peace(sort):
    harmless = sorted_replies(PRACTICE, sort, labelled={each.value for each in HARMLESS_CLASSES})

    assert len(harmless) > 130
    assert [text for text, found in harmless if found.urgency is not None] == []


def test_the_report_counts_what_is_missed_and_what_is_raised_in_vain(sort, tmp_path):
    file = tmp_path / "few.csv"
    file.write_text("classes,text\nred-flag,all is well\nunclear,my leg is weak\nstop,STOP\n")

    report = score_triage("few", read_corpus(file), sort)

    flag, stop = report.scores[ReplyClass.RED_FLAG], report.scores[ReplyClass.STOP]
    assert (flag.labelled, flag.found, flag.sensitivity, flag.false_alarms) == (1, 0, 0.0, 1)
    assert (stop.sensitivity, stop.false_alarms) == (1.0, 0)
    assert report.scores[ReplyClass.SUGAR].sensitivity is None
    assert report.missed == ("all is well",)
