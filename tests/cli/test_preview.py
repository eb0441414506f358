"""`followup preview`: the dated timeline before anybody is enrolled."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

FIELDS = [
    "step",
    "occurrence",
    "channel",
    "state",
    "reason",
    "due_at",
    "not_before",
    "not_after",
    "local",
    "moved_because",
    "segments",
    "encoding",
    "text",
    "attempts",
    "provider_id",
]


def previewed(followup, *args):
    answer = followup("preview", *args, "--json")
    assert answer.code == 0, answer.err
    return answer.json["messages"]


def of_step(messages, step, occurrence=1):
    (found,) = [it for it in messages if (it["step"], it["occurrence"]) == (step, occurrence)]
    return found


def test_a_message_has_the_fields_of_the_machine_interface_and_no_ids(followup):
    messages = previewed(followup, "--procedure-at", "2026-10-19T14:30", "--diabetic", "--steroid")

    assert len(messages) == 14
    for message in messages:
        assert list(message) == FIELDS
        for field in ("due_at", "not_before", "not_after"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", message[field])
        assert datetime.fromisoformat(message["local"]).astimezone(UTC) == datetime.fromisoformat(
            message["due_at"]
        )
        assert message["text"]
        assert message["encoding"] == "GSM-7"


def test_a_time_without_offset_is_the_clinics(followup):
    summer = ("--no-diabetic", "--steroid")

    plain = previewed(followup, "--procedure-at", "2026-10-19T14:30", *summer)
    with_offset = previewed(followup, "--procedure-at", "2026-10-19T13:30:00Z", *summer)

    assert plain == with_offset
    assert of_step(plain, "dressing")["due_at"] == "2026-10-20T13:30:00Z"
    assert of_step(plain, "dressing")["local"] == "2026-10-20T14:30:00+01:00"


def test_the_flags_choose_the_audience(followup):
    at = ("--procedure-at", "2026-10-19T14:30")

    assert len(previewed(followup, *at, "--diabetic", "--steroid")) == 14
    for flags in (
        ("--no-diabetic", "--steroid"),
        ("--diabetic", "--no-steroid"),
        ("--no-diabetic", "--no-steroid"),
    ):
        messages = previewed(followup, *at, *flags)
        assert len(messages) == 10
        assert "sugar" not in {message["step"] for message in messages}


def test_a_clock_change_between_is_said(followup):
    messages = previewed(
        followup,
        *("--procedure-at", "2026-10-24T14:30", "--enrolled-at", "2026-10-24T15:00"),
        *("--no-diabetic", "--no-steroid"),
    )

    dressing = of_step(messages, "dressing")
    assert dressing["due_at"] == "2026-10-25T13:30:00Z"
    assert dressing["local"] == "2026-10-25T13:30:00+00:00"
    assert dressing["moved_because"] == ["clock change"]
    assert of_step(messages, "flare")["local"] == "2026-10-26T10:00:00+00:00"
    assert of_step(messages, "flare")["moved_because"] is None


def test_a_message_moved_into_sending_hours_says_so(followup):
    messages = previewed(
        followup,
        *("--procedure-at", "2026-10-19T19:30", "--enrolled-at", "2026-10-19T21:15"),
        *("--diabetic", "--steroid"),
    )

    assert of_step(messages, "sugar")["state"] == "expired"
    assert of_step(messages, "sugar")["reason"] == "no-sending-hour"
    assert of_step(messages, "going-home")["state"] == "expired"
    evening = previewed(
        followup,
        *("--procedure-at", "2026-10-19T07:00", "--enrolled-at", "2026-10-19T07:10"),
        *("--no-diabetic", "--steroid"),
    )
    assert of_step(evening, "going-home")["local"] == "2026-10-19T08:00:00+01:00"
    assert of_step(evening, "going-home")["moved_because"] == ["sending hours"]


def test_what_is_past_already_is_shown_as_such(followup):
    messages = previewed(
        followup,
        *("--procedure-at", "2026-10-19T14:30", "--enrolled-at", "2026-10-22T09:00"),
        *("--diabetic", "--steroid"),
    )

    assert of_step(messages, "sugar")["state"] == "expired"
    assert of_step(messages, "sugar")["reason"] == "already-past"
    assert of_step(messages, "flare", 2)["state"] == "planned"


def test_by_email_there_are_no_segments(followup):
    messages = previewed(
        followup,
        *("--procedure-at", "2026-10-19T14:30", "--channels", "email"),
        *("--no-diabetic", "--no-steroid"),
    )

    assert {message["channel"] for message in messages} == {"email"}
    assert {message["segments"] for message in messages} == {None}


def test_another_protocol_is_asked_its_own_questions(followup):
    facet = ("--procedure-at", "2026-10-19T14:30", "--protocol", "facet-joint-injection")

    by_key = previewed(followup, *facet, "--attribute", "sugar_may_rise=yes")
    by_flag = previewed(followup, *facet, "--sugar-may-rise")
    without = previewed(followup, *facet, "--no-sugar-may-rise")

    assert by_key == by_flag
    assert {it["step"] for it in by_key} - {it["step"] for it in without} == {"sugar"}


@pytest.mark.parametrize(
    ("args", "told"),
    [
        pytest.param(("--diabetic",), "--steroid or --no-steroid", id="steroid-missing"),
        pytest.param(("--steroid",), "--diabetic or --no-diabetic", id="diabetic-missing"),
        pytest.param(
            ("--diabetic", "--steroid", "--attribute", "pregnant=no"),
            "--attribute pregnant: Nerve root block knows no such attribute",
            id="unknown-attribute",
        ),
        pytest.param(
            ("--diabetic", "--steroid", "--clinic", "nowhere"),
            "there is no clinic 'nowhere'; choose one of: derriford-pain",
            id="unknown-clinic",
        ),
        pytest.param(
            ("--diabetic", "--steroid", "--protocol", "nothing"),
            "there is no protocol 'nothing'; choose one of: caudal-epidural, facet-joint",
            id="unknown-protocol",
        ),
        pytest.param(
            ("--diabetic", "--steroid", "--language", "xx"), "--language", id="unknown-language"
        ),
        pytest.param(("--diabetic", "--steroid", "--channels", ""), "--channels", id="no-channel"),
    ],
)
def test_what_can_t_be_previewed_is_refused_with_what_to_do(followup, args, told):
    answer = followup("preview", "--procedure-at", "2026-10-19T14:30", *args)

    assert answer.code == 1
    assert told in answer.err
    assert answer.out == ""


@pytest.mark.parametrize(
    ("time", "told"),
    [
        pytest.param("yesterday", "this is not a date and time", id="no-time"),
        pytest.param("2026-10-19", "the time of day is missing", id="date-only"),
        pytest.param("2026-03-29T01:30", "the clocks in Europe/London skip this time", id="gap"),
        pytest.param(
            "2026-10-25T01:30",
            "write it as 2026-10-25T01:30:00+01:00 or 2026-10-25T01:30:00+00:00",
            id="fold",
        ),
    ],
)
def test_a_time_that_means_nothing_or_two_things_is_refused(followup, time, told):
    answer = followup("preview", "--procedure-at", time, "--diabetic", "--steroid")

    assert answer.code == 1
    assert told in answer.err


def test_a_time_out_of_reach_of_enrolment_is_refused_when_enrolled_now(followup):
    flags = ("--enrolled-at", "now", "--diabetic", "--steroid")

    ahead = followup("preview", "--procedure-at", "2027-01-27T14:30", *flags)
    old = followup("preview", "--procedure-at", "2026-09-06T14:30", *flags)

    assert (ahead.code, old.code) == (1, 1)
    assert "more than 90 days ahead" in ahead.err
    assert "more than 42 days ago" in old.err


def test_a_date_far_from_today_is_shown_as_on_the_day_itself(followup):
    answer = followup(
        *("preview", "--procedure-at", "2028-02-28T14:30", "--no-diabetic", "--no-steroid")
    )

    assert answer.code == 0
    assert "Tue 29 Feb 2028 14:30" in answer.out
    assert "--enrolled-at now" in answer.err


@pytest.mark.parametrize(
    "args",
    [
        pytest.param(("--diabetic", "--steroid"), id="no-procedure"),
        pytest.param(("--procedure-at", "2026-10-19T14:30", "--pregnant"), id="unknown-flag"),
        pytest.param(("--procedure-at", "2026-10-19T14:30", "stray"), id="stray-word"),
        pytest.param(
            ("--procedure-at", "2026-10-19T14:30", "--attribute", "diabetic=perhaps"),
            id="neither-yes-nor-no",
        ),
        pytest.param(
            ("--procedure-at", "2026-10-19T14:30", "--channels", "pigeon"), id="unknown-channel"
        ),
    ],
)
def test_a_wrong_use_ends_with_2(followup, args):
    answer = followup("preview", *args)

    assert answer.code == 2
    assert "Usage: " in answer.err


def test_refused_in_json_it_tells_both_people_and_programs(followup):
    answer = followup("preview", "--procedure-at", "2026-10-19T14:30", "--diabetic", "--json")

    assert answer.code == 1
    assert answer.json["problems"] == [
        {
            "field": "--steroid or --no-steroid",
            "message": "add the one that is right: Does the injection contain a steroid?",
        }
    ]
    assert "Does the injection contain a steroid?" in answer.err


def test_in_a_pipe_each_message_is_one_whole_line(followup):
    args = ("preview", "--procedure-at", "2026-10-19T14:30", "--no-diabetic", "--no-steroid")

    lines = followup(*args).out.splitlines()[-10:]
    messages = followup(*args, "--json").json["messages"]

    for line, message in zip(lines, messages, strict=True):
        assert message["step"] in line
        assert line.endswith(" ".join(message["text"].split()))
        assert re.search(rf" text, {message['segments']} segments? ", line)


def test_nothing_is_written_and_no_database_is_needed(unset):
    unset.more = {
        "FOLLOWUP_DATABASE_URL": "postgresql+psycopg://nobody:x@127.0.0.1:9/none",
    }

    answer = unset("preview", "--procedure-at", "2026-10-19T14:30", "--diabetic", "--steroid")

    assert answer.code == 0
    assert list(unset.folder.iterdir()) == []
