"""Health endpoints: the process, the service behind it, and figures that tell nobody's data."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete

from followup.consent.objections import lodge_objection
from followup.context import AppContext
from followup.domain.kill_switch import SwitchScope
from followup.domain.lifecycle import State
from followup.monitoring.health import watched
from followup.monitoring.heartbeats import record_heartbeat
from followup.providers.resilience.circuit_breaker import InProcessCircuitBreaker
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.routing.accounts import account_of
from followup.sending.claim import claim_due
from followup.sending.kill_switches import activate_switch, deactivate_switch
from followup.store.engine.session import Store, make_engine
from followup.store.models.messages import Attempt, Message
from followup.store.models.operations import Switch
from followup.store.models.patients import Patient
from followup.web.metrics import BALANCE_SECONDS, FRESH_SECONDS, Scrapes
from tests.support.apps import app_on, clock_of, enrol_one, rows, run_jobs, sms_of, sweep, tick
from tests.support.people import CLINIC, SMS, nhs_number
from tests.support.scripted_channel import VANISHED
from tests.support.servers import RedisServer, free_port
from tests.web.conftest import served, sid

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def run_dispatcher(app: AppContext) -> None:
    watched(app, "dispatch", lambda: tick(app))


def scrape(client: httpx.Client) -> Figures:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return parse(answer.text)


def parse(text: str) -> Figures:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figure(found: Figures, name: str, **labels: str) -> float:
    return found[f"followup_{name}", tuple(sorted(labels.items()))]


def codes(answer: httpx.Response) -> list[str]:
    return [one["code"] for one in answer.json()["wrong"]]


# ------------------------------------------------------------------------------ healthz


def test_the_process_answers_for_itself_alone(postgres_outage):
    _, server, client = postgres_outage
    server.stop()

    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert client.head("/healthz").status_code == 200


# ------------------------------------------------------------------------------- readyz


def test_a_service_that_does_its_work_is_ready(app, client):
    enrol_one(app)
    run_dispatcher(app)

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"wrong": [], "stopped": []})


def test_a_dispatcher_that_never_ran_is_told_of(app, client):
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert codes(answer) == ["dispatcher-never-ran"]
    assert "start celery beat and a worker" in answer.json()["wrong"][0]["sentence"]


def test_a_dispatcher_that_fell_silent_is_told_of(app, client):
    run_dispatcher(app)
    clock_of(app).advance(timedelta(minutes=2))

    assert "dispatcher-quiet" in codes(client.get("/readyz"))


def test_messages_that_wait_too_long_are_told_of(app, client):
    enrol_one(app)
    clock_of(app).advance(timedelta(minutes=6))
    watched(app, "dispatch", lambda: 0)

    assert codes(client.get("/readyz")) == ["messages-late"]


def test_messages_that_are_stuck_on_their_way_are_told_of(app, client):
    enrol_one(app)
    claim_due(app)
    clock_of(app).advance(timedelta(minutes=11))
    watched(app, "dispatch", lambda: 0)

    assert codes(client.get("/readyz")) == ["messages-stuck"]


def test_a_database_that_is_away_is_told_of_without_its_address(postgres_outage):
    app, server, client = postgres_outage
    run_dispatcher(app)
    server.stop()

    answer = client.get("/readyz")

    assert (answer.status_code, codes(answer)) == (503, ["database-away"])
    assert answer.json()["stopped"] is None
    assert str(server.port) not in answer.text
    assert client.get("/metrics").status_code == 503
    server.start()
    assert client.get("/readyz").status_code == 200


def test_a_broker_is_asked_whether_it_is_there(sqlite_app, redis_url):
    run_dispatcher(sqlite_app)

    with served(sqlite_app, broker_url=redis_url) as client:
        assert client.get("/readyz").status_code == 200


def test_a_broker_that_goes_away_is_told_of_and_comes_back(sqlite_app):
    run_dispatcher(sqlite_app)
    with RedisServer() as server, served(sqlite_app, broker_url=server.url()) as client:
        assert client.get("/readyz").status_code == 200
        server.stop()

        answer = client.get("/readyz")

        assert (answer.status_code, codes(answer)) == (503, ["broker-away"])
        assert "127.0.0.1" not in answer.text
        server.start()
        assert client.get("/readyz").status_code == 200


def test_both_may_be_away(sqlite_app, tmp_path):
    nowhere = f"postgresql+psycopg://postgres@127.0.0.1:{free_port()}/none"
    with closing(Store(make_engine(nowhere))) as store:
        app = replace(sqlite_app, store=store)
        with served(app, broker_url=f"redis://127.0.0.1:{free_port()}/0") as client:
            assert codes(client.get("/readyz")) == ["database-away", "broker-away"]


def test_what_a_person_has_stopped_is_told_and_is_no_fault(app, client):
    run_dispatcher(app)
    activate_switch(
        app, SwitchScope.CLINIC, CLINIC, reason="Zebedee's number is wrong", actor="cli:zebedee"
    )

    answer = client.get("/readyz")

    stopped = [{"scope": "clinic", "value": CLINIC, "since": "2026-10-19T14:00:00Z"}]
    assert (answer.status_code, answer.json()) == (200, {"wrong": [], "stopped": stopped})
    (switch,) = rows(app, Switch)
    deactivate_switch(app, switch.id, actor="cli:zebedee")
    assert client.get("/readyz").json()["stopped"] == []


# ------------------------------------------------------------------------------ metrics


def test_messages_are_counted_by_state_and_every_state_is_there(app, client):
    enrol_one(app, diabetic=True)
    run_jobs(app)

    found = scrape(client)

    states = {state: figure(found, "messages", state=state.value) for state in State}
    assert states[State.SENT] == 1
    assert states[State.PLANNED] == 13
    assert sum(states.values()) == 14


def test_ages_are_told_in_seconds_of_real_time(app, client):
    enrol_one(app)
    clock_of(app).advance(timedelta(minutes=3))
    sms_of(app).script(VANISHED)
    sms_of(app).looks_away = True
    assert figure(scrape(client), "oldest_overdue_seconds") == 180

    tick(app)
    clock_of(app).advance(timedelta(seconds=30))

    found = parse(Scrapes(app).text().decode())
    assert figure(found, "oldest_overdue_seconds") == 0
    assert figure(found, "oldest_unknown_seconds") == 30
    assert figure(found, "messages", state="unknown") == 1


def test_sweeps_are_told_with_their_age_and_how_they_ended(app, client):
    watched(app, "dispatch", lambda: 7)
    clock_of(app).advance(timedelta(seconds=42))
    with pytest.raises(ZeroDivisionError):
        watched(app, "dispatch", lambda: 1 // 0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            watched(app, "expire", lambda: 1 // 0)

    found = scrape(client)

    assert figure(found, "sweep_age_seconds", sweep="dispatch") == 42
    assert figure(found, "sweep_failed", sweep="dispatch") == 1
    assert figure(found, "sweep_failed", sweep="expire") == 1
    assert figure(found, "sweep_failures", sweep="dispatch") == 1
    assert figure(found, "sweep_failures", sweep="expire") == 3
    assert ("followup_sweep_age_seconds", (("sweep", "expire"),)) not in found


def test_what_waits_for_a_person_is_counted_by_kind_and_urgency(app, client):
    for serial in (1, 2):
        take_inbound(
            app,
            InboundText(
                provider_id=sid(serial), from_="+447700900001", to="", body="My leg is numb"
            ),
        )
    clock_of(app).advance(timedelta(hours=5))

    found = scrape(client)

    assert figure(found, "worklist_open", kind="reply", urgency="1") == 2
    assert figure(found, "worklist_late") == 2


def test_processes_are_told_by_their_last_sign_of_life_until_they_are_replaced(app, client):
    record_heartbeat(app, "worker", "gone:1")
    clock_of(app).advance(timedelta(minutes=2))
    record_heartbeat(app, "worker", "here:2")
    clock_of(app).advance(timedelta(seconds=5))

    found = scrape(client)

    beats = {key: value for key, value in found.items() if key[0].endswith("heartbeat_age_seconds")}
    assert list(beats.values()) == [5]
    assert figure(found, "heartbeat_age_seconds", component="worker", instance="here:2") == 5


def test_the_balance_is_told_with_its_remainder_a_moment_old(sqlite_app):
    now = 100.0
    scrapes = Scrapes(sqlite_app, now=lambda: now)
    enrol_one(sqlite_app)
    tick(sqlite_app)
    found = parse(scrapes.text().decode())
    assert figure(found, "balance_due") == figure(found, "balance", **{"class": "sent"}) == 1
    assert figure(found, "balance_remainder") == 0

    with sqlite_app.store.write() as session:
        session.execute(delete(Attempt))
        session.execute(delete(Message).where(Message.state == State.SENT.value))
    now += BALANCE_SECONDS

    found = parse(scrapes.text().decode())
    assert figure(found, "balance_remainder") == 1


def test_a_provider_that_is_left_alone_is_told_of_by_channel(sqlite_app):
    breaker = InProcessCircuitBreaker(opens_after=1)
    app = replace(sqlite_app, breaker=breaker)
    breaker.note(account_of(app.channels[SMS]), [False])

    found = parse(Scrapes(app).text().decode())

    assert figure(found, "provider_away", channel="sms", provider="scripted") == 1
    assert figure(found, "provider_away", channel="email", provider="scripted") == 0


def test_each_kill_switch_is_told_of_by_what_it_stops(sqlite_app):
    activate_switch(sqlite_app, SwitchScope.ALL, reason="words under review", actor="cli:test")
    activate_switch(sqlite_app, SwitchScope.CHANNEL, "sms", reason="wrong number", actor="cli:test")

    found = parse(Scrapes(sqlite_app).text().decode())

    assert figure(found, "switches_on") == 2
    assert figure(found, "switch_on", scope="all", value="") == 1
    assert figure(found, "switch_on", scope="channel", value="sms") == 1


def test_figures_tell_nobodys_data(app, client):
    enrol_one(app)
    with app.store.write() as session:
        [patient] = session.query(Patient).all()
        lodge_objection(session, app.by("patient"), patient=patient, channel=None, source="sms")
        session.add(
            Switch(
                id=uuid4(),
                scope="all",
                reason="Zebedee Quillfeather complained",
                thrown_at=app.clock.now(),
                thrown_by="cli:zebedee",
            )
        )
    run_jobs(app)

    text = client.get("/metrics").text + client.get("/readyz").text

    private = ["Test", "Patient-", "7700900001", "patient1", nhs_number(1), "zebedee", "Zebedee"]
    private += [str(one.id) for one in rows(app, Patient)]
    for part in private:
        assert part not in text


def test_two_processes_on_one_database_tell_the_same(app, client, migrated_url):
    enrol_one(app)
    run_jobs(app)
    with (
        closing(app_on(Store(make_engine(migrated_url)), clock=app.clock)) as other,
        served(other) as second,
    ):
        assert scrape(second) == scrape(client)


def test_however_many_scrape_the_database_counts_once_every_few_seconds(sqlite_app):
    now = 100.0
    scrapes = Scrapes(sqlite_app, now=lambda: now)
    before = scrapes.text()
    enrol_one(sqlite_app)
    assert scrapes.text() == before

    now += FRESH_SECONDS

    assert scrapes.text() != before


def test_the_answer_says_that_it_is_prometheus_text(sqlite_client):
    answer = sqlite_client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert all(
        line.startswith(("# HELP followup_", "# TYPE followup_", "followup_"))
        for line in answer.text.splitlines()
    )


def test_every_figure_has_words_that_explain_it(sqlite_app):
    sweep(sqlite_app)
    families: list[Any] = list(text_string_to_metric_families(Scrapes(sqlite_app).text().decode()))

    assert len(families) >= 9
    assert all(family.documentation for family in families)
