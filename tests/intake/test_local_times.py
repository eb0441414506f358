"""Times and dates as people and spreadsheets write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from followup.domain.errors import InvalidInput
from followup.intake.local_times import (
    parse_bound,
    parse_clock,
    parse_day,
    parse_procedure_time,
    parse_time,
)

LONDON = ZoneInfo("Europe/London")


def complaint(parse, text, **given):
    with pytest.raises(InvalidInput) as refused:
        parse(text, **given)
    (problem,) = refused.value.problems
    return problem


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        pytest.param("2026-10-23T14:30", "2026-10-23T13:30", id="summer"),
        pytest.param("2026-11-23T14:30", "2026-11-23T14:30", id="winter"),
        pytest.param(" 2026-10-23 14:30 ", "2026-10-23T13:30", id="with-a-space"),
        pytest.param("2026-10-23T14:30:00", "2026-10-23T13:30", id="with-seconds"),
        pytest.param("2026-10-23T14:30:00+01:00", "2026-10-23T13:30", id="with-an-offset"),
        pytest.param("2026-10-23T14:30Z", "2026-10-23T14:30", id="in-utc"),
        pytest.param("2026-10-25T01:30:00+00:00", "2026-10-25T01:30", id="second-of-two"),
        pytest.param("23/10/2026 14:30", "2026-10-23T13:30", id="excel"),
        pytest.param("3/1/2027  9:05", "2027-01-03T09:05", id="excel-without-noughts"),
        pytest.param("23/10/2026 14:30:15", "2026-10-23T13:30:15", id="excel-with-seconds"),
        pytest.param("29/02/2028 10:00", "2028-02-29T10:00", id="leap-day"),
        pytest.param("2026-11-27 14:30:00", "2026-11-27T14:30", id="database"),
        pytest.param("2026-11-27 14:30:00.000", "2026-11-27T14:30", id="database-with-fraction"),
        pytest.param("27-Nov-2026 2:30 PM", "2026-11-27T14:30", id="month-in-letters"),
        pytest.param("27-Nov-2026 12:30 AM", "2026-11-27T00:30", id="just-after-midnight"),
        pytest.param("27 November 2026 14.30", "2026-11-27T14:30", id="full-stop"),
        pytest.param("27\u00a0November\u00a02026 14:30", "2026-11-27T14:30", id="hard-spaces"),
        pytest.param("27th Nov 2026, 2.30pm", "2026-11-27T14:30", id="by-hand"),
        pytest.param("27 November 2026 at 2 p.m.", "2026-11-27T14:00", id="in-a-sentence"),
        pytest.param("Friday, 27 November 2026 14:30", "2026-11-27T14:30", id="weekday"),
        pytest.param("Fri 27/11/2026 14:30", "2026-11-27T14:30", id="short-weekday"),
        pytest.param("November 27, 2026 2:30 PM", "2026-11-27T14:30", id="month-in-letters-first"),
        pytest.param("27.11.2026 14:30", "2026-11-27T14:30", id="dots"),
        pytest.param("27-11-2026 1430", "2026-11-27T14:30", id="joined-time"),
    ],
)
def test_a_time_is_by_the_clinics_clock_unless_it_has_an_offset(text, utc):
    assert parse_time(text, zone=LONDON) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noon",
        "14:30",
        "2026-13-23T14:30",
        "2026-10-23T25:00",
        "2026-10-23T",
        "31/04/2026 10:00",
        "29/02/2027 10:00",
        "23/10/2026 24:00",
        "23/10/2026 14:60",
        "23/10/2026 13:30 PM",
        "23/10/2026 0:30 PM",
        "23/10/2026 14",
        "23/10-2026 14:30",
        "23 Octember 2026 14:30",
        "\N{ARABIC-INDIC DIGIT ONE}",
    ],
)
def test_what_is_no_time_is_refused_with_an_example(text):
    problem = complaint(parse_time, text, zone=LONDON)

    assert problem.field == "procedure_at"
    assert problem.message == (
        "this is not a date and time; write it like 2026-10-23T14:30 or 23/10/2026 14:30"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("11/27/2026 14:30", "put the day before the month", id="american"),
        pytest.param("27/11/26 14:30", "the year has two digits", id="short-year"),
        pytest.param("27-Nov-26 14:30", "the year has two digits", id="short-year-in-letters"),
        pytest.param("46353.6042", "wrote this date as a number", id="serial-number"),
        pytest.param("46353", "wrote this date as a number", id="serial-day"),
        pytest.param("Mon 27/11/2026 14:30", "is a Friday, not a Monday", id="wrong-weekday"),
    ],
)
def test_what_could_only_be_guessed_is_asked_back(text, told):
    message = complaint(parse_time, text, zone=LONDON).message

    assert told in message
    assert message.endswith("write it like 2026-10-23T14:30 or 23/10/2026 14:30")


@pytest.mark.parametrize(
    "text",
    [
        "28/11/2026 00:00",
        "2026-11-28 00:00:00",
        "2026-11-28T00:00:00Z",
        "28-Nov-2026 12:00 AM",
        "28/11/2026 00:00:30",
    ],
)
def test_midnight_is_no_time_of_a_procedure(text):
    problem = complaint(parse_procedure_time, text, zone=LONDON)

    assert problem.field == "procedure_at"
    assert "this is midnight" in problem.message
    assert parse_time(text, zone=LONDON).day == 28


def test_a_minute_past_midnight_is_believed():
    assert parse_procedure_time("28/11/2026 00:01", zone=LONDON) == datetime(
        2026, 11, 28, 0, 1, tzinfo=UTC
    )


@pytest.mark.parametrize("text", ["14:30", "14.30", "1430", "2:30 PM", "2.30pm", "14:30:00"])
def test_a_time_of_day_may_be_written_as_clocks_are(text):
    assert parse_clock(text, field="x") == time(14, 30)


@pytest.mark.parametrize("text", ["", "14", "25:00", "2:30 XM", "14:3", "0.604166667"])
def test_what_is_no_time_of_day_is_refused(text):
    problem = complaint(parse_clock, text, field="procedure_time")

    assert problem.field == "procedure_time"
    assert "not a time of day" in problem.message


@pytest.mark.parametrize("text", ["2026-10-23", "23/10/2026", "23 October 2026"])
def test_a_date_alone_is_no_time(text):
    assert "the time of day is missing" in complaint(parse_time, text, zone=LONDON).message


@pytest.mark.parametrize("text", ["2027-03-28T01:00", "2027-03-28T01:59", "28/03/2027 01:30"])
def test_a_time_that_the_clocks_skip_is_refused(text):
    assert "skip this time" in complaint(parse_time, text, zone=LONDON).message


@pytest.mark.parametrize("text", ["2026-10-25T01:00", "25/10/2026 01:59"])
def test_a_time_that_the_clocks_show_twice_is_refused_with_both_spellings(text):
    message = complaint(parse_time, text, zone=LONDON).message

    assert "+01:00 or 2026-10-25T01:" in message
    assert message.endswith("+00:00")


@pytest.mark.parametrize("text", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00"])
def test_a_time_beyond_the_calendar_is_refused(text):
    assert complaint(parse_time, text, zone=LONDON).field == "procedure_at"


def test_as_a_bound_a_date_means_its_local_midnight():
    assert parse_bound("2026-10-26", zone=LONDON, field="--since") == datetime(
        2026, 10, 26, tzinfo=UTC
    )
    assert parse_bound("25/10/2026", zone=LONDON, field="--since") == datetime(
        2026, 10, 24, 23, tzinfo=UTC
    )
    assert parse_bound("2026-10-26T09:00", zone=LONDON, field="--since") == datetime(
        2026, 10, 26, 9, tzinfo=UTC
    )
    assert complaint(parse_bound, "soon", zone=LONDON, field="--since").field == "--since"


@pytest.mark.parametrize(
    "text",
    [
        "1956-04-30",
        "30/04/1956",
        "30/4/1956",
        " 1956-04-30 ",
        "30.04.1956",
        "30-04-1956",
        "30-Apr-1956",
        "30 April 1956",
        "30apr1956",
        "April 30, 1956",
    ],
)
def test_a_day_may_be_written_either_way(text):
    assert parse_day(text) == date(1956, 4, 30)


@pytest.mark.parametrize(
    "text", ["", "1956", "19560430", "31.04.1956", "30/04-1956", "1956-W18-1", "30 Foo 1956"]
)
def test_what_is_no_day_is_refused(text):
    assert "this is not a date" in complaint(parse_day, text).message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("04/30/1956", "put the day before the month", id="american"),
        pytest.param("30/04/56", "the year has two digits", id="short-year"),
        pytest.param("20575", "wrote this date as a number", id="serial-day"),
    ],
)
def test_a_day_that_could_only_be_guessed_is_asked_back(text, told):
    assert told in complaint(parse_day, text).message
