"""The pages of webhooks: how each stands, what was given up, and sending again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from followup.domain.roles import Role
from followup.outbox.subscriptions import NewSubscription, add_subscription
from followup.store.models.audit import AuditEvent
from followup.store.models.outbox import DeadLetter, EventSubscription
from tests.support.apps import enrol_one, rows
from tests.support.people import CLINIC
from tests.web.console.visitors import join

PATH = "/system/webhooks"


@pytest.fixture
def manager(sqlite_app, asgi):
    return join(sqlite_app, asgi, Role.MANAGE)


def webhook(app, name: str = "engine", **more) -> EventSubscription:
    wanted = NewSubscription(name=name, url="https://engine.example.com/a-secret-path", **more)
    add_subscription(app, wanted, actor="cli:test")
    return of(app, name)


def of(app, name: str = "engine") -> EventSubscription:
    return next(one for one in rows(app, EventSubscription) if one.name == name)


def test_a_service_that_tells_nobody_says_so(manager):
    assert "no other system is sent events" in manager.get(PATH).text
    assert 'href="/system/webhooks"' in manager.client.get("/system").text


def test_the_address_is_named_by_its_host_alone(sqlite_app, manager):
    one = webhook(sqlite_app)

    for path in (PATH, f"{PATH}/{one.id}"):
        page = manager.client.get(path).text
        assert "engine.example.com" in page
        assert "a-secret-path" not in page


def test_a_webhook_that_fails_says_for_how_long_and_why(sqlite_app, manager):
    one = webhook(sqlite_app)
    since = sqlite_app.clock.real_now() - timedelta(hours=5)
    with sqlite_app.store.write() as session:
        session.execute(
            update(EventSubscription).values(failing_since_real=since, problem="HTTP 502")
        )

    assert "Failing for 5 hours" in manager.get(PATH).text
    assert "HTTP 502" in manager.get(f"{PATH}/{one.id}").text


def test_one_whose_receiver_wants_no_more_says_what_to_do(sqlite_app, manager):
    one = webhook(sqlite_app)
    with sqlite_app.store.write() as session:
        session.execute(update(EventSubscription).values(paused_at=sqlite_app.clock.now()))

    assert "wants no more (HTTP 410)" in manager.get(f"{PATH}/{one.id}").text


def test_a_manager_pauses_and_resumes(sqlite_app, manager):
    path = f"{PATH}/{webhook(sqlite_app).id}"

    assert "Events wait until it is resumed." in manager.post(f"{path}/pause", {}).text
    assert manager.post(f"{path}/pause", {}, status=409)
    assert "The webhook is on." in manager.post(f"{path}/resume", {}).text
    assert of(sqlite_app).paused_at is None


def test_events_are_sent_again_from_a_number_on(sqlite_app, manager):
    enrol_one(sqlite_app)
    one = webhook(sqlite_app)
    path = f"{PATH}/{one.id}"
    with sqlite_app.store.write() as session:
        session.add(
            DeadLetter(
                id=one.id,
                subscription_id=one.id,
                number=1,
                type="enrolment.created",
                event_at=one.created_at,
                tries=9,
                problem="HTTP 422",
                given_up_real_at=one.created_at,
            )
        )
    assert "HTTP 422" in manager.get(path).text

    done = manager.post(f"{path}/replay", {"number": "1"})

    assert "The events are sent again, in order." in done.text
    assert "every event was delivered" in done.text
    assert of(sqlite_app).done_upto == 0
    assert rows(sqlite_app, AuditEvent)[-1].action == "webhook.replayed"


@pytest.mark.parametrize("number", ["", "x", "0", "-1", "99", "9" * 40])
def test_a_number_that_is_none_is_asked_for_again(sqlite_app, manager, number):
    path = f"{PATH}/{webhook(sqlite_app).id}"

    refused = manager.post(f"{path}/replay", {"number": number}, status=422)

    assert len(refused.errors) == 1


def test_a_manager_of_one_clinic_sees_its_webhooks_alone(sqlite_app, asgi):
    everybodys = webhook(sqlite_app, "everybody")
    webhook(sqlite_app, "own", clinic=CLINIC)
    manager = join(sqlite_app, asgi, Role.MANAGE, clinics=[CLINIC])

    listed = manager.get(PATH).text
    assert "own" in listed
    assert "everybody" not in listed
    assert manager.client.get(f"{PATH}/{everybodys.id}").status_code == 404
