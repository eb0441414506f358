"""Every code that people may see is in the dictionary, and said in one way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from followup.content.version import ApprovalStatus
from followup.domain.attempt_outcome import AttemptOutcome
from followup.domain.call_outcome import CallOutcome
from followup.domain.channel import ChannelKind
from followup.domain.intake.list_state import ListState
from followup.domain.item_kind import ItemKind
from followup.domain.item_outcome import ItemOutcome
from followup.domain.lifecycle import EnrolmentState, State
from followup.domain.needs import ReadingNeed
from followup.domain.number_confirmation import ConfirmationMethod
from followup.domain.protocols.timeline import Fate, Moved
from followup.domain.reasons import Reason
from followup.domain.roles import Role
from followup.domain.triage.intent import ReplyIntent
from followup.domain.triage.triage import ReplyClass
from followup.patients.history import PATIENT_ACTIONS
from followup.providers.interface import ReportedStatus
from followup.web.console.words.filters import TAG_COLOURS
from followup.wording import (
    approvals,
    audit_verbs,
    calls,
    channels,
    enrolments,
    formats,
    patients,
    providers,
    reasons,
    replies,
    staff,
    states,
    terminal_styles,
    worklist,
)
from followup.wording.intake import lists
from followup.wording.terms import Colour, Term
from followup.worklist.items import TIME_LIMITS, URGENCY_OF_KIND
from tests.wording.literals import literals

TABLES = {
    "states": (states.MESSAGE_STATES, State),
    "enrolments": (enrolments.ENROLMENT_STATES, EnrolmentState),
    "lists": (lists.LISTS, ListState),
    "kinds": (worklist.ITEM_KINDS, ItemKind),
    "item outcomes": (worklist.ITEM_OUTCOMES, ItemOutcome),
    "calls": (calls.CALL_OUTCOMES, CallOutcome),
    "channels": (channels.CHANNEL_NAMES, ChannelKind),
    "addresses": (channels.ADDRESS_NAMES, ChannelKind),
    "reasons": (reasons.REASONS, Reason),
    "moved": (reasons.MOVED_REASONS, Moved),
    "reply classes": (replies.REPLY_CLASSES, ReplyClass),
    "intents": (replies.REPLY_INTENTS, ReplyIntent),
    "attempts": (providers.ATTEMPT_OUTCOMES, AttemptOutcome),
    "reports": (providers.REPORTED_STATUSES, ReportedStatus),
    "approvals": (approvals.APPROVALS, ApprovalStatus),
    "roles": (staff.ROLES, Role),
    "needs": (patients.READING_NEEDS, ReadingNeed),
    "confirmed": (patients.CONFIRMATION_METHODS, ConfirmationMethod),
    "message verbs": (audit_verbs.MESSAGE_VERBS, State),
    "opened items": (audit_verbs.ITEM_OPENED, ItemKind),
    "tag colours": (TAG_COLOURS, Colour),
    "terminal styles": (terminal_styles.TERMINAL_STYLES, Colour),
}


@pytest.mark.parametrize(("table", "codes"), TABLES.values(), ids=TABLES)
def test_every_code_has_its_words(table, codes):
    assert list(table) == list(codes) or set(table) == set(codes)
    assert all(each.label if isinstance(each, Term) else each for each in table.values())


@pytest.mark.parametrize(
    "table",
    [states.MESSAGE_STATES, enrolments.ENROLMENT_STATES, worklist.ITEM_KINDS],
    ids=["states", "enrol", "kinds"],
)
def test_no_two_codes_are_called_the_same(table):
    labels = [term.label for term in table.values()]

    assert len(set(labels)) == len(labels)
    assert all(label[0].isupper() and not label.endswith(".") for label in labels)


@pytest.mark.parametrize("state", State)
def test_each_state_is_explained_in_a_line_that_goes_on_from_its_label(state):
    meaning = states.state_term(state).meaning

    assert meaning[0].islower()
    assert not meaning.endswith(".")


def test_no_two_states_are_explained_alike():
    assert len({term.meaning for term in states.MESSAGE_STATES.values()}) == len(State)


@pytest.mark.parametrize("kind", ItemKind)
def test_every_kind_of_item_says_what_to_do(kind):
    assert worklist.item_to_do(kind).endswith(".")


def test_every_reason_that_the_product_gives_as_a_mere_text_has_words():
    given = literals("reason", "cause")

    assert [each for each in sorted(given) if reasons.known_reason(each) is None] == []


def test_reasons_that_come_from_the_domain_have_words():
    known = {fate.value for fate in Fate if fate is not Fate.PLANNED}

    assert known <= set(Reason)


def test_every_kind_and_outcome_that_the_product_gives_is_known():
    assert literals("kind") - {"advice", "reply"} <= set(ItemKind)
    assert set(URGENCY_OF_KIND) <= set(ItemKind)
    assert literals("outcome") <= set(ItemOutcome) | set(AttemptOutcome)
    assert set(TIME_LIMITS) == set(worklist.URGENCIES)


def test_what_the_timeline_of_a_patient_shows_has_a_label():
    assert set(PATIENT_ACTIONS) == set(audit_verbs.PATIENT_ACTION_LABELS)
    assert set(PATIENT_ACTIONS) <= set(audit_verbs.AUDIT_VERBS)


def test_a_providers_own_code_is_shown_as_it_is():
    assert reasons.reason_text("30006") == "30006"
    assert reasons.reason_text(None) == ""


def test_a_number_and_an_e_mail_address_are_named_where_the_channel_is_known():
    assert worklist.item_term("unreachable", "sms").label == "Number not working"
    assert worklist.item_term("unreachable", "email").label == "E-mail address not working"
    assert reasons.reason_text("no-address", "email") == "no e-mail address is on record"
    assert reasons.reason_text("objection-to-channel", "sms") == "the patient does not want texts"


def test_what_to_do_about_a_message_depends_on_why_it_was_not_delivered():
    assert "correct it" in worklist.item_to_do("failed", cause="30006", channel="sms")
    assert "may arrive" in worklist.item_to_do("failed", cause="30003", channel="sms")
    unknown = worklist.item_to_do("failed", cause="12345", channel="sms")
    assert unknown == worklist.ITEM_KINDS[ItemKind.FAILED].to_do


def test_what_to_do_about_a_reply_depends_on_what_it_may_be_about():
    assert worklist.item_to_do("reply", classes=["pain", "red-flag"]).startswith("Phone now")
    assert worklist.item_to_do("reply", classes=["unclear"]).startswith("Read it")


def test_what_a_reply_may_be_about_is_said_with_its_own_words():
    said = replies.possible_text(["red-flag", "pain"], ["leg feels weak"])

    assert said == "Possible red flag, pain problem: “leg feels weak”"
    assert replies.possible_text(["unclear"]) == ""


@pytest.mark.parametrize(
    ("urgency", "due_at", "told"),
    [
        (1, datetime(2026, 11, 27, 18, 15, tzinfo=UTC), "Now"),
        (1, datetime(2026, 11, 27, 18, 0, tzinfo=UTC), "Overdue"),
        (2, datetime(2026, 11, 27, 23, 59, tzinfo=UTC), "Today"),
        (2, datetime(2026, 11, 28, 0, 1, tzinfo=UTC), "Tomorrow"),
        (2, datetime(2026, 11, 30, 13, 0, tzinfo=UTC), "By Mon 30 Nov"),
    ],
)
def test_how_soon_an_item_wants_action_is_said_from_its_deadline(urgency, due_at, told):
    friday_evening = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)

    term = worklist.respond_term(
        urgency, due_at=due_at, now=friday_evening, zone=ZoneInfo("Europe/London")
    )

    assert term.label == told


def test_an_outcome_of_the_command_lines_own_is_shown_as_it_is():
    assert worklist.outcome_text("told") == "Advice given"
    assert worklist.outcome_text("left-it-with-the-ward") == "Left it with the ward"


def test_whose_an_item_is():
    assert worklist.assignment_text(None) == "Unassigned"
    assert worklist.assignment_text("Nia") == "Assigned to Nia"
    assert worklist.assignment_text("Nia", is_mine=True) == "Assigned to you"


def test_how_a_message_goes_is_said_with_its_segments():
    assert channels.channel_text("sms", 1) == "text, 1 segment"
    assert channels.channel_text("sms", 3) == "text, 3 segments"
    assert channels.channel_text("email") == "e-mail"


def test_why_a_time_was_moved_is_said_in_order():
    assert reasons.moved_text(["clock change", "sending hours"]) == (
        "another hour because the clocks change, moved into sending hours"
    )
    assert reasons.moved_text(None) == ""


def test_a_text_of_old_that_has_no_approval_says_so():
    assert approvals.approval_text(None) == "Approval not recorded"
    signed = {"standing": "approved", "by_role": "consultant", "on": "2026-10-19"}
    assert approvals.approval_text(signed) == "Approved by consultant on Mon 19 Oct 2026"


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (datetime(2026, 10, 19, 12, tzinfo=UTC), "Mon 19 Oct 2026, midday"),
        (datetime(2026, 10, 19, 0, tzinfo=UTC), "Mon 19 Oct 2026, midnight"),
        (datetime(2026, 10, 9, 14, 5, tzinfo=UTC), "Fri 9 Oct 2026, 2:05pm"),
    ],
)
def test_a_time_is_said_as_people_say_it(at, said):
    assert formats.moment(at) == said


@pytest.mark.parametrize(
    ("elapsed", "said"),
    [
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=119), "119 minutes"),
        (timedelta(hours=2), "2 hours"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(hours=48), "2 days"),
    ],
)
def test_a_span_is_said_in_the_largest_unit_that_tells_something(elapsed, said):
    assert formats.span(elapsed) == said


def test_a_label_within_a_sentence_keeps_the_capitals_of_names():
    assert formats.small("Not sent") == "not sent"
    assert formats.small("NHS number") == "NHS number"
