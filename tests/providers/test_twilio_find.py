"""Finding out at Twilio what became of a text whose outcome nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from followup.domain.errors import OutcomeUnknown
from followup.providers.interface import Absent, CannotTell, ProviderReport, ReportedStatus
from followup.providers.twilio import channel as twilio_module
from followup.providers.twilio.messages import REPORTED_STATUSES, Search, make_report
from tests.providers.conftest import (
    MOBILE,
    OTHER_MOBILE,
    SENDER,
    SERVICE,
    TEXT,
    a_message,
    search_for,
)
from tests.support.waiting import wait_until

SID = "SM" + "0" * 32


def send_unknown(twilio, channel, fault="accept-reset", **chosen):
    outgoing = a_message(**chosen)
    twilio.plan(fault)
    with pytest.raises(OutcomeUnknown):
        channel.send(outgoing)
    return outgoing


def test_a_text_whose_answer_was_lost_is_found(twilio, channel):
    outgoing = send_unknown(twilio, channel)

    found = channel.find(search_for(outgoing))

    (taken,) = twilio.messages()
    assert isinstance(found, ProviderReport)
    assert found.provider_id == taken["sid"]


def test_a_text_that_was_never_taken_is_absent(twilio, channel):
    outgoing = send_unknown(twilio, channel, "refuse-reset")

    found = channel.find(search_for(outgoing))

    assert isinstance(found, Absent)


def test_a_text_that_is_still_queued_has_no_sending_date_and_is_found(twilio, channel):
    twilio.configure(sent_after=60, delivered_after=60)
    outgoing = send_unknown(twilio, channel)

    found = channel.find(search_for(outgoing))

    assert isinstance(found, ProviderReport)
    assert found.status is ReportedStatus.ACCEPTED


def test_a_text_that_was_sent_meanwhile_is_found_as_sent(twilio, channel):
    twilio.configure(sent_after=0, delivered_after=60)
    outgoing = send_unknown(twilio, channel)
    wait_until(lambda: twilio.messages()[0]["status"] == "sent")

    found = channel.find(search_for(outgoing))

    assert isinstance(found, ProviderReport)
    assert found.status is ReportedStatus.SENT


def test_a_text_that_twilio_does_not_list_yet_is_found_once_it_does(twilio, channel):
    twilio.configure(list_delay=1.0)
    outgoing = send_unknown(twilio, channel)

    early = channel.find(search_for(outgoing))

    assert isinstance(early, Absent)
    wait_until(lambda: isinstance(channel.find(search_for(outgoing)), ProviderReport))


def test_a_text_that_is_known_as_another_attempts_never_counts(twilio, channel):
    earlier = channel.send(a_message())
    outgoing = send_unknown(twilio, channel, "refuse-reset")

    found = channel.find(search_for(outgoing, taken=(earlier.provider_id,)))

    assert isinstance(found, Absent)


def test_of_two_equal_texts_to_one_number_each_is_found_once(twilio, channel):
    first = send_unknown(twilio, channel)
    second = send_unknown(twilio, channel)

    found = channel.find(search_for(first))
    other = channel.find(search_for(second, taken=(found.provider_id,)))

    assert {found.provider_id, other.provider_id} == {taken["sid"] for taken in twilio.messages()}


def test_a_text_is_found_among_many_pages(twilio, channel, monkeypatch):
    monkeypatch.setattr(twilio_module, "PAGE_SIZE", 2)
    outgoing = send_unknown(twilio, channel)
    for number in range(6):
        channel.send(a_message(text=f"another text {number}"))

    found = channel.find(search_for(outgoing))

    assert isinstance(found, ProviderReport)
    assert found.provider_id == twilio.messages()[0]["sid"]


def test_a_list_that_does_not_end_tells_nothing(twilio, channel, monkeypatch):
    monkeypatch.setattr(twilio_module, "PAGE_SIZE", 1)
    monkeypatch.setattr(twilio_module, "MAX_PAGES", 2)
    for number in range(4):
        channel.send(a_message(text=f"another text {number}"))

    found = channel.find(search_for(a_message()))

    assert isinstance(found, CannotTell)


@pytest.mark.parametrize(
    "differing",
    [
        {"text": "Derriford Pain Clinic: something else."},
        {"sender": "+447700900998"},
        {"to": OTHER_MOBILE},
    ],
    ids=["words", "sender", "number"],
)
def test_a_text_that_differs_is_not_the_one_sought(twilio, channel, differing):
    channel.send(a_message(**differing))

    found = channel.find(search_for(a_message()))

    assert isinstance(found, Absent)


def test_a_text_made_before_the_attempt_began_is_not_the_one_sought(twilio, channel):
    channel.send(a_message())
    started_at = datetime.now(UTC) + timedelta(hours=1)

    found = channel.find(search_for(a_message(), started_at=started_at))

    assert isinstance(found, Absent)


def test_clocks_that_differ_by_some_minutes_do_not_hide_a_text(twilio, channel):
    outgoing = send_unknown(twilio, channel)
    started_at = datetime.now(UTC) + timedelta(minutes=6)

    found = channel.find(search_for(outgoing, started_at=started_at))

    assert isinstance(found, ProviderReport)


def test_a_text_through_a_messaging_service_is_found_by_the_service(twilio, make_channel):
    channel = make_channel(sender=None, messaging_service_sid=SERVICE)
    outgoing = send_unknown(twilio, channel, sender=channel.sender)

    found = channel.find(search_for(outgoing))

    assert isinstance(found, ProviderReport)


@pytest.mark.parametrize(
    "fault", ["refuse-500", "refuse-429", "refuse-reset", "refuse-never-answer"]
)
@pytest.mark.parametrize("skip", [0, 1], ids=["first list", "second list"])
def test_a_list_that_can_not_be_read_tells_nothing(twilio, hasty, fault, skip):
    twilio.plan(fault, on="list", skip=skip)

    found = hasty.find(search_for(a_message()))

    assert isinstance(found, CannotTell)


def test_an_unreachable_twilio_tells_nothing(make_channel):
    channel = make_channel(api_url="http://127.0.0.1:9")

    assert isinstance(channel.find(search_for(a_message())), CannotTell)
    assert isinstance(channel.poll(SID), CannotTell)


# ------------------------------------------------------------ what Twilio may do to the words


def listed(**chosen):
    given = {
        "sid": SID,
        "to": MOBILE,
        "from": SENDER,
        "direction": "outbound-api",
        "body": TEXT,
        "date_created": "Sat, 24 Oct 2026 09:00:01 +0000",
        "status": "delivered",
        "error_code": None,
        "messaging_service_sid": None,
    }
    return given | chosen


def judge(*messages, text=TEXT, sender=SENDER):
    started_at = datetime(2026, 10, 24, 9, tzinfo=UTC)
    sought = search_for(a_message(text=text), started_at=started_at)
    return Search(sought, sender=sender).among(messages)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        pytest.param("It’s “sore” – rest…", 'It\'s "sore" - rest...', id="smart encoding"),
        pytest.param("Line one\nLine two ", "Line one\r\nLine two", id="line ends and blanks"),
        pytest.param(
            "Rest today.",
            "Sent from your Twilio trial account - Rest today.",
            id="trial account",
        ),
    ],
)
def test_words_that_twilio_changed_on_the_way_are_recognised(sent, shown):
    found = judge(listed(body=shown), text=sent)

    assert isinstance(found, ProviderReport)


@pytest.mark.parametrize(
    "unclear",
    [{"body": ""}, {"body": None}, {"date_created": None}, {"date_created": "yesterday"}],
    ids=["no words", "null words", "no date", "unreadable date"],
)
def test_a_text_of_which_twilio_shows_too_little_leaves_it_open(unclear):
    assert isinstance(judge(listed(**unclear)), CannotTell)


def test_a_clear_match_counts_more_than_an_unclear_one():
    other = "SM" + "1" * 32

    found = judge(listed(body=None), listed(sid=other))

    assert isinstance(found, ProviderReport)
    assert found.provider_id == other


def test_of_equal_texts_the_one_made_first_is_taken():
    other = "SM" + "1" * 32
    later = listed(sid=other, date_created="Sat, 24 Oct 2026 09:00:03 +0000")

    found = judge(later, listed())

    assert isinstance(found, ProviderReport)
    assert found.provider_id == SID


@pytest.mark.parametrize(
    "foreign",
    [{"direction": "inbound"}, {"sid": "not a sid"}, {"to": None}, {"from": None}],
    ids=lambda foreign: next(iter(foreign)),
)
def test_what_is_no_text_of_ours_is_not_the_one_sought(foreign):
    assert isinstance(judge(listed(**foreign)), Absent)


def test_a_name_is_recognised_in_whatever_case_twilio_shows_it():
    assert isinstance(judge(listed(**{"from": "PAINCLINIC"}), sender="PainClinic"), ProviderReport)


# ------------------------------------------------------------------------------------ polling


def test_polling_tells_how_a_text_fares(twilio, channel):
    twilio.configure(sent_after=0, delivered_after=0)
    sid = channel.send(a_message()).provider_id

    wait_until(lambda: channel.poll(sid).status is ReportedStatus.DELIVERED)


def test_polling_tells_why_a_text_was_not_delivered(twilio, channel):
    twilio.configure(sent_after=0, delivered_after=0)
    twilio.plan("undelivered", code=30006)
    sid = channel.send(a_message()).provider_id

    wait_until(lambda: channel.poll(sid).status is ReportedStatus.FAILED)

    report = channel.poll(sid)
    assert (report.code, report.recipient, report.opted_out) == ("30006", True, False)
    assert report.reason


def test_polling_for_a_text_that_twilio_does_not_have_finds_it_absent(channel):
    assert isinstance(channel.poll(SID), Absent)


@pytest.mark.parametrize("fault", ["refuse-500", "refuse-429", "refuse-reset"])
def test_polling_that_fails_tells_nothing(twilio, channel, fault):
    sid = channel.send(a_message()).provider_id
    twilio.plan(fault, on="fetch")

    assert isinstance(channel.poll(sid), CannotTell)


def test_polling_for_what_is_no_sid_asks_nobody(twilio, channel):
    before = twilio.faults()["requests"]

    assert isinstance(channel.poll("../Accounts"), CannotTell)
    assert twilio.faults()["requests"] == before


# ------------------------------------------------------------------------------------ statuses

OF_THE_DESCRIPTION = {
    "queued", "sending", "sent", "failed", "delivered", "undelivered", "receiving", "received",
    "accepted", "scheduled", "read", "partially_delivered", "canceled",
}  # fmt: skip


def test_every_status_of_the_description_that_an_outgoing_text_can_have_is_known():
    assert set(REPORTED_STATUSES) == OF_THE_DESCRIPTION - {"receiving", "received"}


def test_a_status_that_twilio_adds_proves_only_that_it_took_the_text():
    assert make_report(SID, "teleported", None).status is ReportedStatus.ACCEPTED


@pytest.mark.parametrize("status", ["failed", "undelivered", "canceled"])
def test_a_failure_without_a_code_has_a_reason_still(status):
    report = make_report(SID, status, None)

    assert report.status is ReportedStatus.FAILED
    assert report.code == status
    assert report.reason
    assert not report.recipient
