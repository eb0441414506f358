"""The system's page: what is wrong, what is stopped and by whom, and no secret of the settings."""

from __future__ import annotations

import pytest

from followup.domain.kill_switch import SwitchScope
from followup.domain.roles import Role
from followup.monitoring.alarms import take_notifications
from followup.monitoring.health import HealthProblem, watched
from followup.monitoring.heartbeats import record_heartbeat
from followup.sending.kill_switches import activate_switch
from followup.settings.settings import load_settings
from followup.store.models.audit import AuditEvent
from followup.web.app import create_app
from tests.support.apps import enrol_one, rows, run_until, states
from tests.support.people import ENROLLED_AT
from tests.support.servers import free_port
from tests.web.conftest import settings_for
from tests.web.console.patients.test_patient import statements
from tests.web.console.visitors import HOME, join


def test_stopping_needs_to_know_what_and_why(manager):
    page = manager.post("/system/stop", {}, status=422)

    assert page.errors == [
        "Choose what is to stop",
        "Say why, in a few words and without a patient’s name",
    ]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("all", "Everything"),
        ("channel:sms", "All texts"),
        ("clinic:derriford-pain", "Derriford Pain Clinic"),
        ("protocol:nerve-root-block", "Nerve root block"),
        ("step:nerve-root-block/dressing", "Nerve root block: Taking the dressing off"),
    ],
)
def test_sending_is_stopped_and_let_go_again(sqlite_app, manager, what, said):
    enrolment = enrol_one(sqlite_app, 1)

    page = manager.post("/system/stop", {"what": what, "reason": "wrong words"})

    assert "on hold from now on" in page.page.text
    assert said in page.text
    assert "wrong words" in page.text
    run_until(sqlite_app, ENROLLED_AT)
    (lift,) = [f for f in page.page.all("form") if f.attributes["action"].endswith("/lift")]

    page = manager.post(lift.attributes["action"])

    assert "Sending is restarted." in page.page.text
    assert "Nothing: every message goes out when it is due" in page.text
    assert "held" not in states(sqlite_app, enrolment).values()
    assert said in manager.get("/system/switches").text
    told = [(e.action, e.actor) for e in rows(sqlite_app, AuditEvent) if "switch." in e.action]
    assert told == [(f"switch.{it}", f"web:{manager.email}") for it in ("thrown", "lifted")]


def test_what_is_lifted_already_can_not_be_lifted_again(manager):
    page = manager.post("/system/stop", {"what": "all", "reason": "a drill"})
    (lift,) = [f for f in page.page.all("form") if f.attributes["action"].endswith("/lift")]
    manager.post(lift.attributes["action"])

    manager.post(lift.attributes["action"], status=404)


def test_a_manager_of_one_clinic_stops_that_clinic_alone(sqlite_app, joined):
    local = joined(Role.MANAGE, clinics=["derriford-pain"])
    switch = activate_switch(sqlite_app, SwitchScope.ALL, reason="a drill", actor="cli:test")

    refused = local.post("/system/stop", {"what": "all", "reason": "a drill"}, status=422)
    assert refused.errors == ["Choose what is to stop"]
    local.post(f"/system/switches/{switch}/lift", status=404)
    local.post("/system/stop", {"what": "clinic:derriford-pain", "reason": "a drill"})


def test_what_is_wrong_is_said_with_what_to_do(sqlite_app, manager):
    assert "The dispatcher has never run" in manager.get("/system").text

    watched(sqlite_app, "dispatch", lambda: 0)
    record_heartbeat(sqlite_app, "web", "clinic:1")

    page = manager.get("/system")
    assert "OK: messages are sent on time" in page.text
    assert "clinic:1" in page.text


def test_settings_are_shown_and_secrets_are_not(tmp_path, monkeypatch):
    settings = load_settings(
        data_dir=tmp_path,
        broker_url="redis://:hush@127.0.0.1:6379/0",
        twilio_auth_token="hush",
        smtp_url="smtp://nia:hush@127.0.0.1:25",
    )

    shown = settings.in_force()

    assert "hush" not in str(shown)
    assert shown["FOLLOWUP_TWILIO_AUTH_TOKEN"] == "set"
    assert shown["FOLLOWUP_MASTER_KEYS"] == "not set"
    assert shown["FOLLOWUP_PORT"] == "8000"
    assert shown["FOLLOWUP_BROKER_URL"] == "set"


def test_the_settings_in_force_are_on_the_page(manager):
    page = manager.get("/system")

    assert "FOLLOWUP_SMS_CHANNEL" in page.text


def test_a_job_that_fails_is_shown_with_how_often(sqlite_app, manager):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            watched(sqlite_app, "missed-texts", lambda: 1 // 0)
    assert "ZeroDivisionError (failed 2 times in a row)" in manager.get("/system").text

    watched(sqlite_app, "missed-texts", lambda: 0)

    assert "in a row" not in manager.get("/system").text


def test_more_switches_ask_no_more_of_the_database(sqlite_app, manager):
    enrol_one(sqlite_app, 1)
    activate_switch(sqlite_app, SwitchScope.CHANNEL, "sms", reason="one", actor="cli:test")
    manager.get("/system")
    few = statements(sqlite_app, lambda: manager.get("/system"))
    for value in ("dressing", "flare", "moving"):
        activate_switch(sqlite_app, SwitchScope.STEP, value, reason=value, actor="cli:test")

    assert statements(sqlite_app, lambda: manager.get("/system")) == few


def test_what_waits_in_the_broker_is_told(sqlite_app, redis_server, redis_url):
    redis_server.client().rpush("send", "a task", "another")
    asgi = create_app(sqlite_app, settings_for(public_url=HOME, broker_url=redis_url))

    page = join(sqlite_app, asgi, Role.MANAGE).get("/system")

    assert "dispatch 0, send 2, sweeps 0" in page.text


def test_a_broker_that_is_away_is_wrong_and_its_tasks_are_not_known(sqlite_app):
    away = f"redis://127.0.0.1:{free_port()}/0"
    asgi = create_app(sqlite_app, settings_for(public_url=HOME, broker_url=away))

    page = join(sqlite_app, asgi, Role.MANAGE).get("/system")

    assert "The broker can't be reached" in page.text
    assert "Unknown: it can’t be reached" in page.text


def test_an_alarm_that_is_up_is_told(sqlite_app, manager):
    found = [HealthProblem(code="many-failures", sentence="half of the texts fail")]
    for _ in range(2):
        take_notifications(sqlite_app, found)

    assert "Half of the texts fail." in manager.get("/system").text


@pytest.mark.parametrize(
    ("scope", "value", "told"),
    [
        (SwitchScope.ALL, None, "everything"),
        (SwitchScope.CHANNEL, "sms", "all texts"),
        (SwitchScope.STEP, "nerve-root-block/moving", "Nerve root block: Moving more"),
    ],
)
def test_every_page_says_what_is_stopped(sqlite_app, manager, scope, value, told):
    activate_switch(sqlite_app, scope, value, reason="a drill", actor="cli:test")

    notices = manager.get("/account").page.one("aside", **{"aria-label": "Please note"})

    assert f"Sending is stopped: {told}." in notices.text
