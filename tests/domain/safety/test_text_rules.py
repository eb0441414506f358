"""Lock screens, numbers and links, and texts that are a few characters too long."""

from __future__ import annotations

from dataclasses import replace

import pytest

from followup.domain.channel import ChannelKind
from followup.domain.safety.text_rules import (
    clinic_reachable,
    few_characters_too_many,
    lock_screen,
    numbers_and_links,
)
from followup.domain.text.sms import measure

HOSTS = frozenset({"followup.example.com"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("You have diabetes.", "diabetes"),
        ("Take paracetamol.", "paracetamol"),
        ("Take 500 mg.", "500 mg"),
        ("The steroid can raise it.", "steroid"),
        ("Dear Sian, rest.", "Dear Sian"),
        ("After your nerve root block, rest.", "Nerve root block"),
    ],
)
def test_what_a_lock_screen_should_not_show_is_found(protocol, say, text, told):
    [found] = lock_screen([say(text)], protocol)

    assert f'says "{told}" on a lock screen' in found.sentence


def test_an_email_shows_its_subject_alone(protocol, say):
    mail = say("You have diabetes.", channel=ChannelKind.EMAIL, subject="Your injection")

    assert list(lock_screen([mail], protocol)) == []
    assert len(list(lock_screen([replace(mail, subject="Diabetes")], None))) == 1


@pytest.mark.parametrize(
    ("length", "found"),
    [(160, []), (161, ["1 "]), (165, ["5 "]), (166, []), (306, []), (307, ["1 "]), (312, [])],
)
def test_a_few_characters_too_many_are_found(say, length, found):
    sentences = [it.sentence for it in few_characters_too_many([say("a" * length)])]

    assert [it.partition(": ")[2].partition("characters")[0] for it in sentences] == found


def test_an_email_and_words_that_are_not_sent_have_no_segments_to_spare(say):
    assert list(few_characters_too_many([say("a" * 161, size=None)])) == []
    assert list(few_characters_too_many([say("a" * 161, sendable=False)])) == []
    assert len(list(few_characters_too_many([say("ŵ" * 71, size=measure("ŵ" * 71))]))) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"phone_link": "+447700900123"},
        {"phone_link": "+441632960123"},
        {"phone_link": "+449999999999"},
        {"email_from": "clinic@example.com"},
        {"email_reply_to": "clinic@clinic.invalid"},
    ],
    ids=["drama mobile", "drama landline", "no number", "sender", "replies"],
)
def test_a_clinic_that_nobody_reaches_is_told(clinic, changes):
    real = replace(clinic, email_from="a@clinic.nhs.uk", email_reply_to=None)

    [found] = clinic_reachable(replace(real, **changes))

    assert "reaches nobody" in found.sentence
    assert list(clinic_reachable(real)) == []


@pytest.mark.parametrize(
    ("text", "links", "wrong"),
    [
        ("Ring 01752 999999.", (), "01752 999999 is no number of the clinic"),
        ("Hello.", ("tel:+441752999999",), "tel:+441752999999 is no number of the clinic"),
        ("See http://followup.example.com/p/1", (), "is no secure address"),
        ("Hello.", ("https://elsewhere.example/x",), "leads to elsewhere.example"),
    ],
)
def test_numbers_and_links_that_lead_elsewhere_are_found(say, text, links, wrong):
    [found] = numbers_and_links([say(text, links=links)], hosts=HOSTS)

    assert wrong in found.sentence


def test_the_clinics_own_and_national_ones_are_fine(clinic, say):
    text = say(
        f"Ring {clinic.phone}, 116 123, 111 or 999: https://followup.example.com/p/0123456789",
        links=(f"tel:{clinic.phone_link}", "https://followup.example.com/stop"),
    )

    assert list(numbers_and_links([text], hosts=HOSTS)) == []
