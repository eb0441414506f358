"""Answers of Twilio's API, and of what stands between it and us, that are out of the ordinary."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from twilio.http.response import Response

from followup.domain.errors import ChannelBusy, ChannelDown, ChannelRefused, OutcomeUnknown
from followup.providers.twilio.responses import Listing, failure_of, payload_of, retry_after

HTML = "<html><body>Bad gateway</body></html>"


def judged(status: int, text: str = HTML, **headers: str):
    response = Response(status, text, headers)
    return failure_of(response, payload_of(response))


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 408])
def test_a_balancer_that_answers_in_twilios_place_leaves_it_open(status):
    assert type(judged(status)) is OutcomeUnknown


def test_a_failure_inside_twilio_leaves_it_open_whatever_code_it_has():
    assert type(judged(500, json.dumps({"code": 21211}))) is OutcomeUnknown


def test_too_many_requests_were_never_processed_whatever_code_they_have():
    assert type(judged(429)) is ChannelBusy
    assert type(judged(429, json.dumps({"code": 21211}))) is ChannelBusy


@pytest.mark.parametrize("status", [401, 403])
def test_an_account_that_is_rejected_waits_for_the_operator(status):
    assert type(judged(status)) is ChannelDown


@pytest.mark.parametrize("text", [HTML, "", "[]", '{"code": "x"}', '{"code": null}'])
def test_a_refusal_without_a_code_is_nobodys_fault_but_ours(text):
    error = judged(400, text)

    assert isinstance(error, ChannelRefused)
    assert error.code == "HTTP 400"
    assert not error.recipient


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "12"}, timedelta(seconds=12)),
        (
            {
                "Retry-After": "Sat, 24 Oct 2026 09:02:00 GMT",
                "Date": "Sat, 24 Oct 2026 09:00:30 GMT",
            },
            timedelta(seconds=90),
        ),
        (
            {
                "Retry-After": "Sat, 24 Oct 2026 08:00:00 GMT",
                "Date": "Sat, 24 Oct 2026 09:00:30 GMT",
            },
            timedelta(0),
        ),
        ({"Retry-After": "Sat, 24 Oct 2026 09:02:00 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
        (None, None),
    ],
    ids=["seconds", "date", "date past", "date alone", "words", "nothing", "no headers"],
)
def test_retry_after_is_read_in_each_of_its_forms(headers, expected):
    assert retry_after(Response(429, "", headers)) == expected


@pytest.mark.parametrize(
    "text",
    [
        HTML,
        "{}",
        json.dumps({"messages": []}),
        json.dumps({"messages": {}, "next_page_uri": None}),
        json.dumps({"messages": [1], "next_page_uri": None}),
    ],
    ids=["HTML", "empty", "no next page", "no list", "no messages"],
)
def test_what_is_no_whole_page_is_no_page(text):
    assert Listing.of(Response(200, text)) is None
    assert Listing.of(None) is None


@pytest.mark.parametrize(
    "uri", ["/2010-04-01/x.json?Page=1", "https://elsewhere.example/2010-04-01/x.json?Page=1"]
)
def test_the_next_page_is_asked_for_where_the_first_was(uri):
    page = Listing.of(Response(200, json.dumps({"messages": [], "next_page_uri": uri})))

    assert page.next_page == "/2010-04-01/x.json?Page=1"
