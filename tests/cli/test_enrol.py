"""`followup enrol`: from JSON and from options."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import document, enrolled
from tests.support.people import nhs_number

OPTIONS = (
    *("--procedure-at", "2026-10-19T14:30", "--diabetic", "--steroid"),
    *("--mobile", "07700 900123", "--nhs-number", nhs_number(7), "--reference", "THEATRE-7"),
)


def test_json_comes_back_with_the_id_and_the_timeline(on_both):
    printed = enrolled(on_both)

    assert printed["created"] is True
    assert len(printed["messages"]) == 14
    assert list(printed["messages"][0])[:2] == ["id", "enrolment_id"]
    assert {message["enrolment_id"] for message in printed["messages"]} == {printed["enrolment_id"]}


def test_the_same_reference_returns_the_same_enrolment(on_both):
    first = enrolled(on_both)

    again = enrolled(on_both)

    assert again["created"] is False
    assert again["enrolment_id"] == first["enrolment_id"]
    assert again["messages"] == first["messages"]


def test_the_same_procedure_under_another_reference_is_refused_with_its_id(followup):
    first = enrolled(followup)

    answer = followup("enrol", "--json", "-", stdin=json.dumps(document(reference="OTHER")))

    assert answer.code == 1
    assert answer.json["enrolment_id"] == first["enrolment_id"]
    assert first["enrolment_id"] in answer.err


def test_a_file_may_begin_with_a_byte_order_mark(followup):
    file = followup.folder / "patient.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(document()).encode())

    assert followup("enrol", "--json", file).code == 0


def test_every_wrong_field_is_named_and_nothing_is_written(followup):
    wrong = document(channels=["sms", "pigeon"])
    wrong["patient"] |= {"mobile": "01752 437706", "nhs_number": "9990000019"}

    answer = followup("enrol", "--json", "-", stdin=json.dumps(wrong))

    assert answer.code == 1
    assert {problem["field"] for problem in answer.json["problems"]} == {
        "patient.mobile",
        "patient.nhs_number",
        "channels.1",
    }
    assert "437706" not in answer.out + answer.err
    assert followup("messages", "--json").out == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(b"", "this is not JSON", id="empty"),
        pytest.param(b'{"clinic": }', "line 1, column 12", id="broken"),
        pytest.param(b"[]", "this must be an object", id="a-list"),
        pytest.param("{}".encode("utf-16"), "this is not UTF-8", id="utf-16"),
        pytest.param(b"[" * 100_000, "nested too deeply", id="deep"),
        pytest.param(b" " * 1_000_001, "too large", id="huge"),
    ],
)
def test_what_is_no_enrolment_is_refused(followup, text, told):
    answer = followup("enrol", "--json", "-", stdin=text)

    assert answer.code == 1
    assert told in answer.err


@pytest.mark.parametrize(
    "args",
    [
        pytest.param(("--json", "/nowhere/patient.json"), id="no-such-file"),
        pytest.param(("--json", "/"), id="a-folder"),
        pytest.param(("--json", "-", "--diabetic"), id="json-and-options"),
        pytest.param(("--json", "-", "--pregnant"), id="json-and-a-flag"),
        pytest.param(("--diabetic",), id="no-time"),
    ],
)
def test_a_wrong_use_ends_with_2(followup, args):
    answer = followup("enrol", *args, stdin=json.dumps(document()))

    assert answer.code == 2
    assert followup("messages", "--json").out == ""


def test_options_enrol_too_and_show_the_timeline(followup):
    answer = followup("enrol", *OPTIONS, "--name", "Zoë Ångström", "--date-of-birth", "30/04/1956")

    assert answer.code == 0
    assert "14 messages" in answer.out
    assert "Tue 20 Oct 2026 14:30" in answer.out
    identifier = answer.out.split()[2].rstrip(":")
    assert f"followup timeline {identifier}" in answer.err
    assert len(followup("timeline", identifier, "--json").json["messages"]) == 14


def test_enrolled_again_by_options_it_says_that_nothing_changed(followup):
    followup("enrol", *OPTIONS)

    answer = followup("enrol", *OPTIONS)

    assert answer.code == 0
    assert "nothing was changed" in answer.out


def test_problems_with_options_are_named_as_the_options(followup):
    answer = followup(
        *("enrol", "--procedure-at", "2026-10-19T14:30", "--diabetic", "--steroid"),
        *("--mobile", "07700 9", "--nhs-number", "999", "--email", "nobody"),
    )

    assert answer.code == 1
    for option in ("--mobile: ", "--nhs-number: ", "--email: "):
        assert option in answer.err


def test_the_channels_may_be_listed_in_one_word(followup):
    followup("enrol", *OPTIONS, "--email", "patient@example.com", "--channels", "email+sms")

    shown = followup("timeline", "THEATRE-7", "--json").json

    assert shown["channels"] == ["email", "sms"]


def test_no_contact_detail_comes_back(followup):
    answer = followup("enrol", *OPTIONS, "--email", "patient@example.com")

    for private in ("900123", nhs_number(7), "patient@example.com"):
        assert private not in answer.out + answer.err


def test_who_enrolled_is_kept(followup):
    enrolled(followup)

    events = followup("audit", "REF-1", "--json").json["events"]

    assert events[0]["action"] == "enrolment.created"
    assert events[0]["actor"].startswith("cli:")


def test_one_who_wants_no_messages_is_told_of_in_words_and_in_json(on_both):
    enrolled(on_both, 7)
    on_both("stop", "REF-7")

    printed = enrolled(on_both, 7)
    refused = on_both("enrol", "--json", "-", stdin=json.dumps(document(7, reference="OTHER")))
    shown = on_both(
        "enrol",
        *OPTIONS,
        *("--procedure-at", "2026-10-18T14:30", "--reference", "SECOND"),
    )

    told = "The patient wants no messages since Mon 19 Oct 2026, 3pm; nothing will be sent."
    assert printed["objection"] == {
        "channel": None,
        "since": "2026-10-19T14:00:00Z",
        "covers_all": True,
        "message": told,
    }
    assert told in refused.json["error"]
    assert told in shown.out
    items = on_both("worklist", "--json").lines
    assert [item["kind"] for item in items] == ["advice-stopped"]
