"""`followup webhooks`: set up, listed, rotated, paused, replayed and removed."""

from __future__ import annotations

URL = "https://engine.example.com/events"


def test_a_webhook_is_set_up_with_a_secret_that_is_shown_once(followup):
    plain = followup("webhooks", "add", "engine", URL)
    made = followup(
        *("webhooks", "add", "record", URL, "--content", "fhir", "--events", "message"),
        *("--clinic", "derriford-pain", "--json"),
    ).json

    assert plain.out.startswith("whsec_")
    assert "not shown again" in plain.err
    assert (made["name"], made["secret"][:6]) == ("record", "whsec_")
    listed = followup("webhooks", "list", "--json").lines
    assert [one["name"] for one in listed] == ["engine", "record"]
    assert listed[0]["events"] == ["audit", "enrolment", "message", "patient", "worklist"]
    assert (listed[1]["events"], listed[1]["content"]) == (["message"], "fhir")
    assert plain.out.strip() not in followup("webhooks", "list", "--json").out
    assert "engine.example.com" in followup("webhooks", "list").out


def test_its_secret_is_replaced(followup):
    first = followup("webhooks", "add", "engine", URL).out

    second = followup("webhooks", "rotate", "engine").out
    third = followup("webhooks", "rotate", "engine", "--json").json["secret"]

    assert len({first.strip(), second.strip(), third}) == 3


def test_it_is_paused_resumed_and_removed(followup):
    followup("webhooks", "add", "engine", URL)

    assert followup("webhooks", "pause", "engine").code == 0
    assert followup("webhooks", "list", "--json").lines[0]["paused"] is True
    assert "Paused" in followup("webhooks", "list").out
    assert followup("webhooks", "pause", "engine").code == 1
    assert followup("webhooks", "resume", "engine").code == 0
    assert followup("webhooks", "resume", "engine").code == 1
    assert followup("webhooks", "remove", "engine").code == 0
    assert followup("webhooks", "remove", "engine").code == 1
    assert "There are no webhooks" in followup("webhooks", "list").out


def test_events_are_told_again_from_a_number(followup):
    followup("webhooks", "add", "engine", URL)
    newest = followup("webhooks", "list", "--json").lines[0]["done_upto"]

    assert followup("webhooks", "replay", "engine", "--from", "1").code == 0
    assert followup("webhooks", "list", "--json").lines[0]["done_upto"] == 0
    assert followup("webhooks", "replay", "engine", "--from", str(newest + 99)).code == 1
    assert followup("webhooks", "replay", "engine").code == 2


def test_nothing_was_given_up_says_so(followup):
    assert "every event was delivered" in followup("webhooks", "dead-letters").out
    assert followup("webhooks", "dead-letters", "--json").out == ""


def test_what_can_not_be_is_refused_with_what_to_do(followup):
    followup("webhooks", "add", "engine", URL)

    for name, url, *more in (
        ("engine", URL),
        ("a b", URL),
        ("other", "http://engine.example.com/"),
        ("other", "https://10.0.0.1/"),
        ("other", URL, "--clinic", "nowhere"),
        ("other", URL, "--from", "4711"),
    ):
        assert followup("webhooks", "add", name, url, *more).code == 1, (name, url, more)
    assert followup("webhooks", "add", "other", URL, "--events", "gossip").code == 2
    assert "FOLLOWUP_WEBHOOK_NETWORKS" in followup("webhooks", "add", "x", "https://10.0.0.1").err
