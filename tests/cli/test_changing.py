"""`followup reschedule`, `pause`, `resume`, `withdraw`, `stop` and `start`."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.cli.conftest import enrolled
from tests.support.apps import clock_of, run_jobs, run_until


def states(followup, reference="REF-1"):
    messages = followup("timeline", reference, "--json").json["messages"]
    return {message["state"] for message in messages if message["reason"] != "rescheduled"}


def listed(followup, reference="REF-1"):
    """Return the messages that are yet to go."""
    messages = followup("timeline", reference, "--json").json["messages"]
    return [message for message in messages if message["state"] == "planned"]


def test_rescheduling_shows_each_time_before_and_after(on_both):
    enrolled(on_both)

    answer = on_both("reschedule", "REF-1", "--procedure-at", "2026-10-20T09:00")

    assert answer.code == 0
    assert "Procedure before  Mon 19 Oct 2026 14:30" in answer.out
    assert "Procedure now     Tue 20 Oct 2026 09:00" in answer.out
    assert re.search(r"dressing +Tue 20 Oct 2026 14:30 +Wed 21 Oct 2026 09:00\n", answer.out)


def test_a_dry_run_shows_the_same_and_changes_nothing(followup):
    before = enrolled(followup)["messages"]
    args = ("reschedule", "REF-1", "--procedure-at", "2026-10-20T09:00")

    dry = followup(*args, "--dry-run")

    assert dry.code == 0
    assert "Nothing was changed" in dry.err
    assert followup("timeline", "REF-1", "--json").json["messages"] == before
    assert followup(*args).out == dry.out


def test_advice_that_was_received_is_not_repeated(followup):
    enrolled(followup)
    with followup.app() as app:
        run_until(app, followup.now + timedelta(hours=2))

    answer = followup("reschedule", "REF-1", "--procedure-at", "2026-10-19T15:30", "--json")

    [told] = answer.json["not_repeated"]
    assert (told["step"], told["occurrence"]) == ("going-home", 1)
    assert told["message"].startswith("Not sent again: it was ")
    assert (answer.json["repeated"], answer.json["correction"]) == ([], False)
    assert answer.json["procedure_at_before"] == "2026-10-19T13:30:00Z"
    assert answer.json["procedure_at"] == "2026-10-19T14:30:00Z"
    shown = followup("timeline", "REF-1").out
    assert shown.count("going-home") == 1


def test_what_was_sent_too_early_is_sent_again_and_corrected_unless_staff_say_otherwise(followup):
    enrolled(followup)
    with followup.app() as app:
        run_until(app, followup.now + timedelta(minutes=1))
    move = ("reschedule", "REF-1", "--procedure-at", "2026-10-20T15:30")

    shown = followup(*move, "--dry-run")
    assert re.search(r"going-home .*Sent again: it was .*, before its new time", shown.out)
    assert "would be told so at once" in shown.err
    assert "was not sent before" in followup(*move, "--again", "flare:2").err

    told = followup(*move, "--not-again", "going-home", "--no-correction", "--json").json
    assert ([one["step"] for one in told["not_repeated"]], told["repeated"]) == (["going-home"], [])
    assert told["correction"] is False
    assert "procedure-moved" not in followup("timeline", "REF-1").out


def test_a_dry_run_in_json_has_times_without_ids(followup):
    enrolled(followup)

    answer = followup(
        *("reschedule", "REF-1", "--procedure-at", "2026-10-20T09:00", "--dry-run", "--json")
    )

    assert answer.json["dry_run"] is True
    assert len(answer.json["messages"]) == 16
    assert {"step", "due_at", "local", "state"} <= answer.json["messages"][0].keys()
    assert "id" not in answer.json["messages"][0]


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["real", "dry"])
def test_a_time_that_enrolment_would_refuse_is_refused(followup, dry):
    enrolled(followup)

    answer = followup("reschedule", "REF-1", "--procedure-at", "2027-02-24T09:00", *dry)

    assert answer.code == 1
    assert "more than 90 days ahead" in answer.err
    assert states(followup) == {"planned"}


def test_pausing_holds_and_resuming_lets_go(followup):
    enrolled(followup)

    paused = followup("pause", "REF-1")
    assert states(followup) == {"held"}
    resumed = followup("resume", "REF-1", "--json")

    assert "is paused: 14 messages on hold." in paused.out
    assert resumed.json["state"] == "active"
    assert resumed.json["planned"] == 14
    assert states(followup) == {"planned"}


def test_a_finished_enrolment_says_so_and_is_active_again_once_it_is_moved(followup):
    enrolled(followup)
    with followup.app() as app:
        clock_of(app).advance(timedelta(days=60))
        run_jobs(app)

    assert "Finished: it has run its course" in followup("timeline", "REF-1").out
    refused = followup("pause", "REF-1")
    assert refused.code == 1
    assert "has finished" in refused.err
    moved = followup("reschedule", "REF-1", "--procedure-at", "2026-12-19T09:00")

    assert "The enrolment had finished. It is active again." in moved.err
    assert followup("timeline", "REF-1", "--json").json["state"] == "active"


def test_withdrawing_cancels_and_keeps_the_reason(followup):
    enrolled(followup)

    answer = followup("withdraw", "REF-1", "--reason", "Moved to Exeter", "--json")

    assert answer.json["state"] == "withdrawn"
    assert answer.json["cancelled"] == 14
    assert states(followup) == {"cancelled"}
    assert "Ended: Moved to Exeter" in followup("timeline", "REF-1").out
    assert followup("withdraw", "REF-1", "--reason", "again", "--json").json["cancelled"] == 0


def test_after_a_death_every_enrolment_of_the_patient_ends(followup):
    enrolled(followup, 1)
    enrolled(followup, 1, reference="SECOND", procedure_at="2026-10-18T09:00:00+01:00")

    followup("withdraw", "REF-1", "--reason", "told by the family", "--deceased")

    assert followup("timeline", "SECOND", "--json").json["state"] == "withdrawn"
    assert "planned" not in states(followup, "SECOND")


@pytest.mark.parametrize(
    ("args", "code"),
    [
        pytest.param(("withdraw", "REF-1"), 2, id="no-reason"),
        pytest.param(("withdraw", "REF-1", "--reason", "  "), 1, id="empty-reason"),
        pytest.param(("withdraw", "REF-9", "--reason", "x"), 1, id="nobody"),
        pytest.param(("pause",), 2, id="pause-whom"),
        pytest.param(("reschedule", "REF-1"), 2, id="to-when"),
        pytest.param(("reschedule", "REF-1", "--procedure-at", "noon"), 1, id="no-time"),
    ],
)
def test_what_can_t_be_done_is_refused_and_changes_nothing(followup, args, code):
    enrolled(followup)

    assert followup(*args).code == code
    assert states(followup) == {"planned"}


def test_a_withdrawn_enrolment_can_t_be_paused_or_moved(followup):
    enrolled(followup)
    followup("withdraw", "REF-1", "--reason", "x")

    for args in (
        ("pause", "REF-1"),
        ("resume", "REF-1"),
        ("reschedule", "REF-1", "--procedure-at", "2026-10-20T09:00"),
    ):
        answer = followup(*args)
        assert answer.code == 1
        assert "was withdrawn" in answer.err


def test_a_wish_to_stop_cancels_and_is_listed_with_who_recorded_it(on_both):
    identifier = enrolled(on_both)["enrolment_id"]

    answer = on_both("stop", "REF-1")

    assert answer.out.startswith("Messages stopped.\nThese will not be sent:\n")
    assert answer.out.endswith("an item asks staff to phone them.\n")
    assert states(on_both) == {"cancelled"}
    (objection,) = on_both("objections", "--json").lines
    assert objection["enrolment_ids"] == [identifier]
    assert objection["channel"] is None
    assert objection["source"] == "staff"
    assert objection["lodged_by"].startswith("cli:")
    assert identifier in on_both("objections").out
    assert on_both("stop", "REF-1", "--json").json["lodged"] is False


def test_a_wish_to_start_again_lifts_it_and_plans_what_is_still_useful(on_both):
    enrolled(on_both)
    on_both("stop", "REF-1")

    answer = on_both("start", "REF-1", "--json")

    assert answer.json["lifted"] == 1
    assert answer.json["objections"] == []
    assert on_both("objections").out == "There are none.\n"
    assert len(on_both("objections", "REF-1", "--all", "--json").lines) == 1
    assert "planned" in states(on_both)
    assert on_both("start", "REF-1").out == "Messages were not stopped.\n"


def test_a_wish_may_be_about_one_channel(followup):
    enrolled(followup)

    answer = followup("stop", "REF-1", "--channel", "sms")

    assert answer.out.startswith("Texts stopped.\nThese go by e-mail instead:\n")
    assert {one["outlook"]["instead_by"] for one in listed(followup)} == {"email"}
    assert "By e-mail instead: the patient stopped texts" in followup("timeline", "REF-1").out
    assert followup("objections", "--json").lines[0]["channel"] == "sms"
    assert states(followup) == {"planned"}
    assert followup("stop", "REF-1", "--channel", "pigeon").code == 2


def test_what_stops_with_the_texts_is_shown_before_and_offered_by_email(followup):
    enrolled(followup, channels=["sms"])
    stop = ("stop", "REF-1", "--channel", "sms")

    shown = followup(*stop, "--dry-run")
    assert shown.out.startswith("Nothing was stopped. Without --dry-run:\nThese will not be sent:")
    assert "Mon 2 Nov 2026 10:00  red-flags\n" in shown.out
    assert "use --by-email" in shown.err
    assert followup("objections").out == "There are none.\n"

    told = followup(*stop, "--json").json
    assert (told["lodged"], len(told["to_phone_about"])) == (True, 4)
    assert {one["outlook"]["message"] for one in listed(followup)} == {
        "will not be sent: the patient stopped texts"
    }
    assert followup("stop", "REF-1", "--by-email").code == 1

    followup("start", "REF-1")
    told = followup(*stop, "--by-email", "--json").json
    assert (told["not_sent"], told["to_phone_about"]) == ([], [])
    assert len(told["by_other_channel"]) == len(listed(followup))


def test_an_objection_outlives_the_enrolment(followup):
    enrolled(followup, 1)
    followup("stop", "REF-1")
    enrolled(followup, 1, reference="LATER", procedure_at="2026-10-18T09:00:00+01:00")
    with followup.app() as app:
        run_until(app, followup.now + timedelta(days=3))

    assert "delivered" not in states(followup, "LATER")
    assert followup("outbox", "--json").out == ""
