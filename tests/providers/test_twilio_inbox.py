"""What came in for us, by Twilio's own list: ours alone, all pages of it, or an error."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from followup.domain.errors import ChannelBusy, ChannelError
from followup.providers.interface import Inbox
from followup.providers.twilio import channel as twilio_module
from tests.providers.conftest import SENDER, a_message

NOON = datetime(2026, 10, 19, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOBILE = "+447700900123"
NOWHERE = "http://127.0.0.1:9/hooks/twilio/inbound"
SERVICE = "MG" + "0" * 32


def write(twilio, body: str = "Hello", *, to: str = SENDER, at: datetime = NOON, **more: str):
    """Let a phone text one of the account's numbers, with nobody there."""
    twilio.text_us(NOWHERE, from_=MOBILE, to=to, body=body, at=at.isoformat(), **more)


def heard(channel, *, since: datetime = NOON - HOUR, senders: tuple[str, ...] = ()) -> list[str]:
    return [one.body for one in channel.came_in_since(since, senders=senders)]


def test_a_text_that_came_in_is_listed_with_all_that_a_hook_would_have_told(twilio, channel):
    write(twilio, "My dressing came off", media="2")

    (text,) = channel.came_in_since(NOON - HOUR, senders=())

    assert isinstance(channel, Inbox)
    assert (text.from_, text.to, text.body) == (MOBILE, SENDER, "My dressing came off")
    assert (text.came_in, text.media_count, text.created_at) == (True, 2, NOON)


def test_what_we_sent_ourselves_came_not_in(twilio, channel):
    channel.send(a_message(to=SENDER))

    assert heard(channel) == []


def test_texts_are_listed_oldest_first_and_none_from_before(twilio, channel):
    for body, at in (("late", NOON + HOUR), ("early", NOON), ("before", NOON - 2 * HOUR)):
        write(twilio, body, at=at)

    assert heard(channel) == ["early", "late"]


def test_every_page_is_read(twilio, channel, monkeypatch):
    monkeypatch.setattr(twilio_module, "LONG_PAGE", 2)
    for number in range(5):
        write(twilio, str(number))

    assert sorted(heard(channel)) == ["0", "1", "2", "3", "4"]
    assert len(twilio.listed()) == 3


def test_a_list_that_does_not_end_is_an_error_and_not_a_part_of_it(twilio, channel, monkeypatch):
    monkeypatch.setattr(twilio_module, "LONG_PAGE", 1)
    monkeypatch.setattr(twilio_module, "MOST_INBOX_PAGES", 2)
    for number in range(4):
        write(twilio, str(number))

    with pytest.raises(ChannelError, match="more than 2 pages"):
        heard(channel)


def test_texts_to_clinics_numbers_count_and_others_of_the_account_do_not(twilio, channel):
    write(twilio, "to a clinic", to="+447700900601")
    write(twilio, "to somebody else", to="+447700900602")

    assert heard(channel, senders=("+447700900601",)) == ["to a clinic"]


def test_of_many_numbers_the_list_of_the_account_is_read_once(twilio, channel):
    clinics = tuple(f"+4477009006{number:02d}" for number in range(20))
    write(twilio, "to a clinic", to=clinics[7])
    write(twilio, "to somebody else", to="+447700900700")

    assert heard(channel, senders=clinics) == ["to a clinic"]
    assert len(twilio.listed()) == 1


def test_nothing_can_come_in_for_a_name(twilio, make_channel):
    assert heard(make_channel(sender="PainClinic")) == []
    assert twilio.listed() == []


def test_a_service_is_written_to_at_any_of_its_senders(twilio, make_channel, monkeypatch):
    monkeypatch.setattr(twilio_module, "PAGE_SIZE", 1)
    numbers = ["+447700900611", "+447700900612"]
    twilio.pool(PhoneNumbers=numbers, ShortCodes=["60777"], ChannelSenders=["rcs:clinic_agent"])
    for to in (*numbers, "60777", "rcs:clinic_agent", "+447700900613"):
        write(twilio, f"to {to}", to=to)

    found = heard(make_channel(sender=SERVICE))

    assert sorted(found) == sorted(f"to {to}" for to in (*numbers, "60777", "rcs:clinic_agent"))


@pytest.mark.parametrize(
    "fault", ["refuse-500", "refuse-503", "refuse-reset", "refuse-close", "refuse-code"]
)
def test_a_list_that_can_not_be_read_is_an_error(twilio, channel, fault):
    twilio.plan(fault, on="list")

    with pytest.raises(ChannelError):
        heard(channel)


def test_a_list_that_never_comes_is_an_error(twilio, hasty):
    twilio.plan("refuse-never-answer", on="list")

    with pytest.raises(ChannelError):
        heard(hasty)


def test_a_provider_that_says_later_says_when(twilio, channel):
    twilio.plan("refuse-429", on="list", seconds=7)

    with pytest.raises(ChannelBusy) as caught:
        heard(channel)

    assert caught.value.retry_after == timedelta(seconds=7)
