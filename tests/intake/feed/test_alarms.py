"""Messages of feeds that wait, are refused or are unaccounted for: told of, and counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import update

from followup.context import AppContext
from followup.intake.hl7.receive import receive_message
from followup.monitoring.anomalies import delayed_messages, find_imbalance
from followup.monitoring.metrics import collect_metrics
from followup.store.models.feeds import FeedMessage
from tests.support.apps import clock_of, sweep
from tests.support.hl7 import message

LATE = timedelta(minutes=5)


def receive(app: AppContext, text: str) -> None:
    receive_message(app, text.encode(), sites=list(app.catalogue.sites.values()))


def alarms(app: AppContext) -> set[str]:
    found = [*delayed_messages(app), *find_imbalance(app)]
    return {one.code for one in found if one.code.startswith("feeds-")}


def test_a_message_that_waits_too_long_is_told_of_until_it_is_worked_off(app):
    receive(app, message())
    assert alarms(app) == set()

    clock_of(app).advance(LATE)

    assert alarms(app) == {"feeds-waiting"}
    assert collect_metrics(app).oldest_feed_message == LATE
    assert collect_metrics(app).feeds.by_state["waiting"] == 1
    sweep(app, "work-off-feeds")
    assert alarms(app) == set()
    assert collect_metrics(app).oldest_feed_message == timedelta()


def test_more_refused_messages_than_the_setting_allows_are_told_of_for_an_hour(app):
    app = replace(app, policy=replace(app.policy, alarming=replace(app.policy.alarming, refused=2)))
    for number in range(3):
        assert alarms(app) == set()
        receive(app, message("ADT^A17", id_=str(number)))

    assert alarms(app) == {"feeds-refused"}
    assert collect_metrics(app).feeds.by_state["refused"] == 3
    clock_of(app).advance(timedelta(hours=1, seconds=1))
    assert alarms(app) == set()


def test_a_message_that_is_in_no_state_that_is_known_is_told_of(app):
    receive(app, message())
    assert collect_metrics(app).feeds.remainder == 0

    app.store.transact(lambda session: session.execute(update(FeedMessage).values(state="lost")))

    assert alarms(app) == {"feeds-remainder"}
    assert collect_metrics(app).feeds.remainder == 1
