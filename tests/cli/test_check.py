"""`followup check`: what is well, what a clinic should settle, and what must be corrected."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from tests.cli.conftest import CommandLine, enrolled

SECOND_BY_NAME = {
    "FOLLOWUP_SMS_CHANNEL": "twilio",
    "FOLLOWUP_PUBLIC_URL": "https://followup.example.com",
    "FOLLOWUP_TWILIO_ACCOUNT_SID": "AC01",
    "FOLLOWUP_TWILIO_AUTH_TOKEN": "x",
    "FOLLOWUP_TWILIO_FROM": "+447700900500",
    "FOLLOWUP_TWILIO_FALLBACK_ACCOUNT_SID": "AC02",
    "FOLLOWUP_TWILIO_FALLBACK_AUTH_TOKEN": "y",
    "FOLLOWUP_TWILIO_FALLBACK_FROM": "Clinic",
    "FOLLOWUP_TWILIO_API_URL": "http://127.0.0.1:9",
    "FOLLOWUP_TWILIO_FALLBACK_API_URL": "http://127.0.0.1:9",
}
"""A second account whose texts nobody can reply to, though the words ask patients to."""


def parts(findings):
    return {finding["part"] for finding in findings}


def test_what_is_well_is_said_and_warnings_end_with_0(followup):
    enrolled(followup)

    answer = followup("check", "--json")
    told = followup("check")

    assert (answer.code, told.code) == (0, 0)
    assert answer.json["ok"] is True
    assert answer.json["errors"] == []
    assert parts(answer.json["sound"]) == {
        "settings",
        "protocols",
        "messages",
        "database",
        "keys",
    }
    assert "Ready, but mind the warnings." in told.out


def test_the_leaflets_overdue_review_and_unapproved_words_are_warned_of(followup):
    warnings = [it["message"] for it in followup("check", "--json").json["warnings"]]

    assert any("was due for review by 31 August 2025" in it for it in warnings)
    assert any("no clinician has approved the words of" in it for it in warnings)
    assert any("no text reaches a phone" in it for it in warnings)
    assert any("the dispatcher has never run" in it for it in warnings)


def test_bank_holidays_that_have_run_out_are_warned_of(followup):
    def warned():
        warnings = [it["message"] for it in followup("check", "--json").json["warnings"]]
        return [it for it in warnings if "the bank holidays of england-and-wales" in it]

    assert warned() == []
    followup.now = datetime(2036, 1, 7, 9, 0, tzinfo=UTC)
    [warning] = warned()
    assert "update govuk-bank-holidays" in warning


def test_a_fresh_installation_is_looked_at_without_making_anything(unset):
    unset.more = {"FOLLOWUP_MASTER_KEYS": ""}

    answer = unset("check")

    assert answer.code == 0
    assert "it is made at the first start" in answer.out
    assert list(unset.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "part", "told"),
    [
        pytest.param({"FOLLOWUP_SMS_CHANNEL": "twilio"}, "settings", "ACCOUNT_SID", id="settings"),
        pytest.param(
            {"FOLLOWUP_MASTER_KEYS": base64.b64encode(bytes(range(1, 33))).decode()},
            "keys",
            "which is not among the configured ones",
            id="wrong-key",
        ),
        pytest.param({"FOLLOWUP_MASTER_KEYS": ""}, "keys", "is missing: put it back", id="no-key"),
        pytest.param(
            {"FOLLOWUP_DATABASE_URL": "postgresql://nobody:x@127.0.0.1:9/none"},
            "database",
            "can't be reached",
            id="no-database",
        ),
        pytest.param(
            {"FOLLOWUP_BROKER_URL": "redis://127.0.0.1:9/0"},
            "broker",
            "does not answer",
            id="redis",
        ),
        pytest.param(SECOND_BY_NAME, "protocols", "a name that can't be answered", id="sender"),
        pytest.param({"FOLLOWUP_CONFIG_DIR": "/usr"}, "protocols", "/usr: holds none", id="config"),
    ],
)
def test_what_is_wrong_is_told_part_by_part_and_ends_with_1(followup, more, part, told):
    enrolled(followup)
    followup.more = more

    answer = followup("check", "--json")

    assert answer.code == 1
    assert answer.json["ok"] is False
    assert parts(answer.json["errors"]) == {part}
    assert told in " ".join(error["message"] for error in answer.json["errors"])


def test_people_read_what_is_wrong_too(followup):
    followup.more = {"FOLLOWUP_SMS_CHANNEL": "twilio"}

    shown = followup("check")

    assert shown.code == 1
    assert "ACCOUNT_SID" in shown.out
    assert "Not ready: correct the errors first." in shown.out


def test_a_broker_that_answers_is_well(followup, redis_url):
    followup.more = {"FOLLOWUP_BROKER_URL": redis_url}

    assert "broker" in parts(followup("check", "--json").json["sound"])


def test_an_empty_database_of_a_server_is_to_be_migrated_and_left_as_it_is(tmp_path, postgres_url):
    line = CommandLine(tmp_path, postgres_url)

    before = line("check", "--json")
    migrated = line("migrate")
    after = line("check", "--json")

    assert before.code == 1
    assert "make its tables with: followup migrate" in before.json["errors"][0]["message"]
    assert "The database is at schema" in migrated.out
    assert line("migrate").out.endswith("already.\n")
    assert after.code == 0
    assert {"part": "keys", "message": "nothing is sealed yet"} in after.json["sound"]
    assert line("messages").code == 0


def test_patients_under_an_older_key_are_counted_until_the_keys_are_rotated(on_both):
    enrolled(on_both)
    old = on_both.environment["FOLLOWUP_MASTER_KEYS"]
    new = on_both("keys", "new").out.strip()
    on_both.more = {"FOLLOWUP_MASTER_KEYS": f"{new},{old}"}

    warned = on_both("check", "--json").json["warnings"]
    rotated = on_both("keys", "rotate", "--json")
    on_both.more = {"FOLLOWUP_MASTER_KEYS": new}

    assert any("1 patients are sealed under an older" in it["message"] for it in warned)
    assert rotated.json["rotated"] >= 2
    assert on_both("keys", "rotate").out.startswith("Every key was under master key")
    assert on_both("timeline", "REF-1").code == 0
    assert not any(it["part"] == "keys" for it in on_both("check", "--json").json["warnings"])


def test_a_new_key_is_32_bytes_and_never_the_same(followup):
    keys = {followup("keys", "new").out.strip() for _ in range(3)}

    assert len(keys) == 3
    assert {len(base64.b64decode(key, validate=True)) for key in keys} == {32}


def test_keys_of_the_api_are_made_listed_and_revoked(followup):
    made = followup("api-key", "add", "theatre", "--clinic", "derriford-pain", "--json").json
    plain = followup("api-key", "add", "ward")

    assert made["key"].startswith("fu_")
    assert plain.out.startswith("fu_")
    assert len(plain.out.split()) == 1
    assert "not shown again" in plain.err
    assert [it["name"] for it in followup("api-key", "list", "--json").lines] == ["theatre", "ward"]
    assert followup("api-key", "revoke", "theatre").code == 0
    assert followup("api-key", "list", "--json").lines[0]["revoked_at"].endswith("Z")
    listed = followup("api-key", "list").out
    assert made["key"] not in listed
    assert "derriford-pain" in listed
    assert followup("api-key", "add", "ward").code == 1
    assert followup("api-key", "add", "x", "--clinic", "nowhere").code == 1
    assert followup("api-key", "revoke", "nobody").code == 1
    assert followup("api-key", "revoke").code == 2


def test_without_keys_of_the_api_it_says_how_to_make_one(followup):
    assert "followup api-key add NAME" in followup("api-key", "list").out
