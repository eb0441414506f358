"""What a clinic file must say, and how each mistake in one is explained."""

# ruff: noqa: E501 - a complaint stands on one line here, as it does on the screen

from __future__ import annotations

import tomllib
from datetime import time
from zoneinfo import ZoneInfo

import pytest

from followup.domain.clinics.clinic import Clinic, OfficeHours, OpenPeriod, SendingHours
from followup.domain.clinics.clinic_file import office_hours_text, parse_clinic
from followup.domain.errors import ProtocolError

GOOD = """
key = "test-clinic"
name = "Test Clinic"
short_name = "Test Clinic"
phone = "01632 960001"
emergency_department = "Test Emergency Department"
zone = "Europe/London"
division = "scotland"
languages = ["en", "cy"]
unconfirmed = ["office_hours"]

[office_hours]
monday = { opens = "09:00", closes = "17:00" }
saturday = { opens = "09:30", closes = "12:00" }

[sending_hours]
opens = "09:00"
closes = "18:00"

[sms]
sender = "+447700900000"

[email]
from = "clinic@example.com"
reply_to = "answers@example.com"
"""


def parse(text: str) -> Clinic:
    return parse_clinic(tomllib.loads(text), file="test.toml")


def changed(old: str, new: str) -> str:
    """Return the good file with one thing changed."""
    assert old in GOOD
    return GOOD.replace(old, new)


def test_a_good_file_becomes_a_clinic():
    clinic = parse(GOOD)

    assert clinic.key == "test-clinic"
    assert clinic.phone == "01632 960001"
    assert clinic.phone_link == "+441632960001"
    assert clinic.office_hours.week[0] == OpenPeriod(time(9), time(17))
    assert clinic.office_hours.week[1] is None
    assert clinic.office_hours_text == "Mon, 9am to 5pm; Sat, 9:30am to midday"
    assert clinic.zone == ZoneInfo("Europe/London")
    assert clinic.sending_hours == SendingHours(time(9), time(18))
    assert (clinic.sms_sender, clinic.two_way, clinic.stop_contact) == ("+447700900000", True, None)
    assert clinic.email_from == "clinic@example.com"
    assert clinic.email_reply_to == "answers@example.com"
    assert clinic.languages == ("en", "cy")
    assert clinic.division == "scotland"
    assert clinic.unconfirmed == ("office_hours",)


def test_what_is_left_out_has_its_usual_value():
    bare = GOOD[: GOOD.index("[sending_hours]")].replace('unconfirmed = ["office_hours"]\n', "")

    clinic = parse(bare + '[email]\nfrom = "clinic@example.com"')

    assert clinic.sending_hours == SendingHours(time(8), time(20))
    assert (clinic.sms_sender, clinic.two_way, clinic.stop_contact) == (None, True, None)
    assert clinic.email_reply_to is None
    assert clinic.unconfirmed == ()


def test_a_sender_that_is_a_name_is_one_way_and_says_where_to_stop_instead():
    one_way = 'sender = "TestClinic"\ntwo_way = false\nstop_contact = "01632 960001"'

    clinic = parse(changed('sender = "+447700900000"', one_way))

    assert (clinic.sms_sender, clinic.two_way) == ("TestClinic", False)
    assert clinic.stop_contact == "01632 960001"


def test_the_shipped_clinic_says_what_the_leaflet_says(derriford):
    assert derriford.name == "Derriford Pain Clinic"
    assert derriford.phone == "01752 437706"
    assert derriford.phone_link == "+441752437706"
    assert derriford.emergency_department == "Derriford Emergency Department"
    assert derriford.office_hours_text == "Mon to Fri, 9am to 5pm"


def test_what_the_leaflet_does_not_say_is_marked_as_unconfirmed_or_a_placeholder(derriford):
    assert {"office_hours", "sending_hours", "email"} <= set(derriford.unconfirmed)
    assert derriford.email_from.endswith("@example.com")
    assert derriford.sms_sender is None


def week(**periods: tuple[int, int]) -> OfficeHours:
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return OfficeHours(
        tuple(
            OpenPeriod(time(periods[day][0]), time(periods[day][1])) if day in periods else None
            for day in days
        )
    )


HOURS = {
    "Mon, 9am to 5pm": week(mon=(9, 17)),
    "Mon and Tue, 9am to 5pm": week(mon=(9, 17), tue=(9, 17)),
    "Mon, 9am to 5pm; Wed, 9am to 5pm": week(mon=(9, 17), wed=(9, 17)),
    "Mon to Thu, 9am to 5pm; Fri, 9am to 1pm": week(
        mon=(9, 17), tue=(9, 17), wed=(9, 17), thu=(9, 17), fri=(9, 13)
    ),
    "Sat and Sun, midnight to midday": week(sat=(0, 12), sun=(0, 12)),
}


@pytest.mark.parametrize(("text", "hours"), HOURS.items(), ids=HOURS)
def test_office_hours_read_as(text, hours):
    assert office_hours_text(hours) == text


MISTAKES = {
    "unknown key": (
        ("unconfirmed = ", "unconfirmd = "),
        'test.toml: unknown key "unconfirmd"; did you mean "unconfirmed"?',
    ),
    "a table inside that misspells": (
        ("reply_to = ", "replyto = "),
        'test.toml, email: unknown key "replyto"; did you mean "reply_to"?',
    ),
    "no sending address": (
        ('from = "clinic@example.com"\n', ""),
        'test.toml, email: "from" is missing: add it (the address that they come from)',
    ),
    "no address at all": (
        ('from = "clinic@example.com"', 'from = "clinic"'),
        "test.toml, email, from: 'clinic' is no e-mail address: write one as in \"pain-clinic@example.com\"",
    ),
    "unknown zone": (
        ("Europe/London", "Europe/Plymouth"),
        "test.toml, zone: 'Europe/Plymouth' is no time zone: use a name such as \"Europe/London\"",
    ),
    "zone that is a folder": (
        ("Europe/London", "Europe"),
        "test.toml, zone: 'Europe' is no time zone: use a name such as \"Europe/London\"",
    ),
    "zone that leads out of its folder": (
        ("Europe/London", "../etc/passwd"),
        "test.toml, zone: '../etc/passwd' is no time zone: use a name such as \"Europe/London\"",
    ),
    "phone in words": (
        ("01632 960001", "ring us"),
        "test.toml, phone: 'ring us' is no phone number: write it as people dial it, as in \"01752 437706\"",
    ),
    "phone that is too short": (
        ("01632 960001", "01632"),
        "test.toml, phone: '01632' is no phone number: write it as people dial it, as in \"01752 437706\"",
    ),
    "short name that is long": (
        ('short_name = "Test Clinic"', f'short_name = "{"Clinic " * 5}"'),
        "test.toml, short_name: is too long: use at most 30 characters",
    ),
    "short name that is empty": (
        ('short_name = "Test Clinic"', 'short_name = " "'),
        "test.toml, short_name: is empty: fill it in",
    ),
    "unknown division": (
        ("scotland", "cornwall"),
        "test.toml, division: 'cornwall' is not known: use 'england-and-wales', 'scotland' or 'northern-ireland'",
    ),
    "no language code": (
        ('"cy"', '"Welsh"'),
        'test.toml, languages 2: \'Welsh\' is no language code: write one as in "en" or "cy"',
    ),
    "closes before it opens": (
        ('opens = "09:30", closes = "12:00"', 'opens = "09:30", closes = "09:30"'),
        "test.toml, office_hours, saturday: closes before it opens: make closes later than opens",
    ),
    "never open": (
        (GOOD[GOOD.index("monday") : GOOD.index("[sending")], "\n"),
        'test.toml, office_hours: is empty: add a day, as in monday = { opens = "09:00", closes = "17:00" }',
    ),
    "sender that no provider takes": (
        ("+447700900000", "Derriford Pain"),
        "test.toml, sms, sender: 'Derriford Pain' can't send texts: write a number as in \"+447700900000\", or a name of at most 11 letters, digits and spaces",
    ),
    "sender without a country code": (
        ("+447700900000", "07700900000"),
        "test.toml, sms, sender: '07700900000' can't send texts: write a number as in \"+447700900000\", or a name of at most 11 letters, digits and spaces",
    ),
    "two-way name": (
        ("+447700900000", "Clinic"),
        "test.toml, sms: a name can't be answered: set two_way = false and a stop_contact",
    ),
    "one-way without a way to stop": (
        ('sender = "+447700900000"', "two_way = false"),
        "test.toml, sms: has no way to stop texts: add stop_contact, a number or address",
    ),
}


@pytest.mark.parametrize(("change", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_its_place_and_its_fix(change, expected):
    with pytest.raises(ProtocolError) as caught:
        parse(changed(*change))

    assert str(caught.value) == expected


def test_everything_that_is_wrong_is_told_in_one_go():
    wrong = changed("Europe/London", "Plymouth").replace("scotland", "devon")

    with pytest.raises(ProtocolError) as caught:
        parse(wrong)

    assert [line.partition(": ")[0] for line in str(caught.value).split("\n")] == [
        "test.toml, zone",
        "test.toml, division",
    ]
