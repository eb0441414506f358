"""FHIR times: how one is written, and which moments a search by one finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from followup.domain.errors import InvalidInput
from followup.fhir.dates import instant, parse_date_search


def stretch(text: str) -> tuple[str, str, str]:
    found = parse_date_search(text, name="sent")
    return found.prefix, f"{found.low:%Y-%m-%dT%H:%M:%S.%f}", f"{found.high:%Y-%m-%dT%H:%M:%S.%f}"


@pytest.mark.parametrize(
    ("text", "prefix", "low", "high"),
    [
        ("2026", "eq", "2026-01-01T00:00:00.000000", "2027-01-01T00:00:00.000000"),
        ("2024-02", "eq", "2024-02-01T00:00:00.000000", "2024-03-01T00:00:00.000000"),
        ("ge2026-12", "ge", "2026-12-01T00:00:00.000000", "2027-01-01T00:00:00.000000"),
        ("lt2024-02-29", "lt", "2024-02-29T00:00:00.000000", "2024-03-01T00:00:00.000000"),
        ("2026-10-19T14:30", "eq", "2026-10-19T14:30:00.000000", "2026-10-19T14:31:00.000000"),
        (
            "gt2026-10-19T14:30:00+01:00",
            "gt",
            "2026-10-19T13:30:00.000000",
            "2026-10-19T13:30:01.000000",
        ),
        (
            "2026-10-19T14:30:00.250Z",
            "eq",
            "2026-10-19T14:30:00.250000",
            "2026-10-19T14:30:00.251000",
        ),
        # As a browser sends a plus that nobody encoded.
        (
            "2026-10-19T14:30:00 01:00",
            "eq",
            "2026-10-19T13:30:00.000000",
            "2026-10-19T13:30:01.000000",
        ),
    ],
    ids=lambda value: value if value[:1].isdigit() else None,
)
def test_a_date_is_the_whole_of_what_it_names(text, prefix, low, high):
    assert stretch(text) == (prefix, low, high)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "ap2026-10-19",
        "2026-13",
        "2026-02-30",
        "9999",
        "2026-10-19T25:00",
        "19/10/2026",
    ],
)
def test_what_is_no_date_is_refused_by_the_name_of_its_parameter(text):
    with pytest.raises(InvalidInput) as refused:
        parse_date_search(text, name="received")

    assert [problem.field for problem in refused.value.problems] == ["received"]


def test_a_time_is_written_in_utc_to_the_millisecond():
    at = datetime(2026, 10, 19, 14, 30, 0, 250_400, tzinfo=timezone(timedelta(hours=1)))

    assert instant(at) == "2026-10-19T13:30:00.250Z"
    assert instant(datetime(2026, 10, 19, tzinfo=UTC)) == "2026-10-19T00:00:00.000Z"
