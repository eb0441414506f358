"""Sending: written ahead, called with no transaction open, checked once more, and told apart."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import update
from sqlalchemy.event import listen

from followup.consent.objections import lodge_objection
from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.errors import TemplateError
from followup.enrolment.pause import pause_enrolment
from followup.enrolment.reschedule import reschedule
from followup.enrolment.withdraw import withdraw_enrolment
from followup.messages.outcomes import settle_attempt
from followup.providers.resilience.rate_limiter import Grant, InProcessRateLimiter
from followup.sending import provider_calls as calling
from followup.sending.claim import claim_due
from followup.sending.kill_switch_check import LOOK_EVERY
from followup.sending.send_batch import send_batch
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt, ContentVersion, Message
from followup.store.models.patients import Patient
from tests.support.apps import (
    EXECUTOR,
    Seconds,
    a_message,
    actions,
    balance_is_even,
    clock_of,
    email_of,
    enrol_many,
    enrol_one,
    make_app,
    message,
    messages,
    rows,
    sealer_of,
    sms_of,
    state_of,
    sweep,
    tasks,
    tick,
)
from tests.support.people import EMAIL, ENROLLED_AT, PROCEDURE_AT, SMS, person
from tests.support.scripted_channel import ScriptedChannel, busy, refuse, unavailable

HOUR = timedelta(hours=1)


def claim(app: AppContext):
    (batch,) = claim_due(app)
    return batch


def hand_over(app: AppContext, batch) -> int:
    return send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR)


# ---------------------------------------------------------------------------- written ahead


def test_a_text_goes_out_and_is_kept_word_for_word(app: AppContext):
    enrolment_id = enrol_one(app)

    assert tick(app) == 1

    (outgoing,) = sms_of(app).calls
    (attempt,) = rows(app, Attempt)
    (patient,) = rows(app, Patient)
    sealer = sealer_of(app, patient)
    going_home = message(app, enrolment_id, "going-home")
    assert outgoing.to == person().mobile
    assert "Derriford Pain Clinic" in outgoing.text
    assert (outgoing.message_id, outgoing.attempt_id) == (going_home.id, attempt.id)
    assert outgoing.valid_for == going_home.not_after - ENROLLED_AT
    assert sealer.open(attempt.body_sealed, column="attempts.body", row=attempt.id) == outgoing.text
    assert (
        sealer.open(attempt.address_sealed, column="attempts.address", row=attempt.id)
        == outgoing.to
    )
    assert (attempt.outcome, attempt.provider, attempt.number) == ("accepted", "scripted", 1)
    assert attempt.provider_id in sms_of(app).taken
    assert attempt.segments == 2
    assert attempt.encoding == "GSM-7"
    assert actions(app, going_home.id) == ["message.claimed", "message.sending", "message.sent"]


def test_an_email_carries_its_stop_address_and_one_message_id_for_ever(app: AppContext):
    enrolment_id = enrol_one(app, channels=(EMAIL,))
    email_of(app).script(unavailable())

    tick(app)
    clock_of(app).advance(timedelta(minutes=1))
    tick(app)

    first, second = email_of(app).calls
    going_home = message(app, enrolment_id, "going-home")
    assert first.rfc_message_id == second.rfc_message_id == f"<{going_home.id}@127.0.0.1>"
    assert first.attempt_id != second.attempt_id
    stop_url = first.unsubscribe_url or ""
    assert stop_url.startswith("http://127.0.0.1:8000/u/")
    assert stop_url in first.text
    assert first.subject
    assert "<html" in (first.html or "")
    assert first.sender == app.catalogue.clinics["derriford-pain"].email_from
    assert app.links.patient_of_stop_token(stop_url.rpartition("/")[2]) == (going_home.patient_id)


def test_the_version_of_the_words_is_kept_once(app: AppContext):
    enrol_many(app, 3)

    tick(app)

    (version,) = rows(app, ContentVersion)
    assert (version.template, version.language, version.channel) == ("going-home", "en", "sms")
    assert {attempt.content_version for attempt in rows(app, Attempt)} == {version.id}
    assert "en/sms.txt" in " ".join(version.sources)


def test_the_attempt_is_committed_before_the_provider_is_called(app: AppContext):
    seen = []

    def look(outgoing):
        # By a connection of its own, so only what is committed.
        with app.store.read() as session:
            attempt = session.get(Attempt, outgoing.attempt_id)
            row = session.get(Message, outgoing.message_id)
            seen.append(
                (attempt is not None, attempt and attempt.outcome, row.state, row.attempt_count)
            )

    sms_of(app).during_call = look
    enrol_one(app)

    tick(app)

    assert seen == [(True, None, "sending", 1)]


def test_no_transaction_is_open_while_the_provider_is_called(postgres_app: AppContext):
    app = postgres_app
    url, seen = app.store.engine.url, []

    def look(_outgoing):
        with psycopg.connect(
            host=url.host, port=url.port, user=url.username, dbname=url.database, autocommit=True
        ) as watcher:
            seen.extend(
                watcher.execute(
                    "SELECT state FROM pg_stat_activity WHERE datname = current_database()"
                    " AND application_name = 'followup' AND xact_start IS NOT NULL"
                ).fetchall()
            )
            seen.append("looked")

    sms_of(app).during_call = look
    enrol_many(app, 3)

    tick(app)

    assert seen == ["looked"] * 3


def test_sqlite_is_not_locked_while_the_provider_is_called(sqlite_app: AppContext):
    app, written = sqlite_app, []

    def write(_outgoing):
        with app.store.write() as session:
            written.append(session.execute(update(Patient).values(language="en")).rowcount)

    sms_of(app).during_call = write
    enrol_one(app)

    tick(app)

    assert written == [1]


# ---------------------------------------------------- checked once more, at the last moment


def test_a_pause_between_claim_and_send_holds(app: AppContext):
    enrolment_id = enrol_one(app)
    batch = claim(app)
    pause_enrolment(app, enrolment_id, actor="cli:test")

    assert hand_over(app, batch) == 0
    assert message(app, enrolment_id, "going-home").state == "held"


def test_an_enrolment_seen_paused_only_at_send_holds_too(app: AppContext):
    enrolment_id = enrol_one(app)
    batch = claim(app)
    with app.store.write() as session:
        session.execute(update(Enrolment).values(state="paused"))

    assert hand_over(app, batch) == 0
    assert message(app, enrolment_id, "going-home").reason == "paused"


def test_a_withdrawal_between_claim_and_send_cancels(app: AppContext):
    enrolment_id = enrol_one(app)
    batch = claim(app)
    withdraw_enrolment(app, enrolment_id, reason="asked to", actor="cli:test")

    assert hand_over(app, batch) == 0
    assert message(app, enrolment_id, "going-home").state == "cancelled"


@pytest.mark.parametrize("channel", [None, SMS], ids=["everything", "texts"])
def test_an_objection_between_claim_and_send_is_heeded(app: AppContext, channel):
    enrolment_id = enrol_one(app, channels=(SMS,))
    batch = claim(app)
    with app.store.write() as session:
        patient = session.query(Patient).one()
        lodge_objection(session, app.by("patient"), patient=patient, channel=channel, source="sms")

    assert hand_over(app, batch) == 0
    assert sms_of(app).calls == []
    assert message(app, enrolment_id, "going-home").state in {"suppressed", "cancelled"}
    balance_is_even(app)


def test_a_corrected_number_is_used_though_it_was_claimed_before(app: AppContext):
    enrol_one(app)
    batch = claim(app)
    enrol_one(app, reference="2", procedure_at=PROCEDURE_AT + 24 * HOUR, mobile="+447700900555")

    hand_over(app, batch)

    assert [outgoing.to for outgoing in sms_of(app).calls] == ["+447700900555"]


def test_a_window_that_ends_between_claim_and_send_expires(app: AppContext):
    enrolment_id = enrol_one(app)
    batch = claim(app)
    clock_of(app).advance_service(12 * HOUR)

    assert hand_over(app, batch) == 0
    assert message(app, enrolment_id, "going-home").state == "expired"


def test_sending_hours_that_end_between_claim_and_send_put_it_off(app: AppContext):
    enrolment_id = enrol_one(app, channels=(SMS,))
    dressing = message(app, enrolment_id, "dressing")
    clock_of(app).advance_to(dressing.due_at)
    batch = next(one for one in claim_due(app) if dressing.id in one.message_ids)
    clock_of(app).advance_service(8 * HOUR)

    assert hand_over(app, batch) == 0

    after = message(app, enrolment_id, "dressing")
    assert (after.state, after.reason) == ("planned", "not-yet")
    assert after.claimable_at.isoformat() == "2026-10-21T07:00:00+00:00"


def test_a_moved_procedure_takes_the_message_from_its_worker(app: AppContext):
    enrolment_id = enrol_one(app)
    batch = claim(app)
    reschedule(app, enrolment_id, PROCEDURE_AT + HOUR * 24, actor="cli:test")

    assert hand_over(app, batch) == 0


# ------------------------------------------------------------------------------------ leases


def test_a_batch_handed_over_twice_is_sent_once(app: AppContext):
    enrol_many(app, 5)
    batch = claim(app)

    assert hand_over(app, batch) == 5
    assert hand_over(app, batch) == 0
    assert len(sms_of(app).calls) == 5


def test_a_batch_handed_to_two_workers_at_once_is_sent_once(app: AppContext):
    enrol_many(app, 20)
    batch = claim(app)
    workers = [threading.Thread(target=hand_over, args=(app, batch)) for _ in range(3)]

    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(sms_of(app).calls) == 20
    assert {one.state for one in messages(app) if one.step == "going-home"} == {"sent"}


def test_a_worker_that_comes_after_its_lease_sends_nothing(app: AppContext):
    enrolment_id = enrol_one(app)
    batch = claim(app)
    clock_of(app).advance_real(app.policy.lease)

    assert hand_over(app, batch) == 0

    sweep(app, "release-leases")
    assert message(app, enrolment_id, "going-home").state == "planned"
    assert tick(app) == 1


def test_a_worker_whose_message_was_claimed_anew_sends_nothing(app: AppContext):
    enrol_one(app)
    late = claim(app)
    clock_of(app).advance_real(app.policy.lease)
    sweep(app, "release-leases")
    anew = claim(app)

    assert hand_over(app, late) == 0
    assert hand_over(app, anew) == 1


def test_a_call_whose_turn_comes_after_the_lease_is_not_made(app: AppContext):
    enrol_many(app, 3)
    batch = claim(app)
    first = threading.Lock()

    def dawdle(_outgoing):
        if first.acquire(blocking=False):
            clock_of(app).advance_real(app.policy.lease)

    sms_of(app).during_call = dawdle
    with ThreadPoolExecutor(1) as one_at_a_time:
        called = send_batch(app, batch.token, batch.message_ids, executor=one_at_a_time)

    outcomes = sorted(str(attempt.outcome) for attempt in rows(app, Attempt))
    assert called == 1
    assert outcomes == ["accepted", "not-called", "not-called"]
    assert sorted(one.state for one in messages(app) if one.step == "going-home") == [
        "planned",
        "planned",
        "sent",
    ]


def test_a_lease_that_ends_while_the_switches_are_looked_at_is_over(app: AppContext):
    enrol_many(app, 2)
    batch = claim(app)
    sms_of(app).during_call = lambda _: clock_of(app).advance_real(LOOK_EVERY)

    def take_long(_connection, _cursor, statement, *_):
        if "FROM switches" in statement and sms_of(app).calls:
            clock_of(app).advance_real(app.policy.lease)

    listen(app.store.engine, "before_cursor_execute", take_long)
    with ThreadPoolExecutor(1) as one_at_a_time:
        called = send_batch(app, batch.token, batch.message_ids, executor=one_at_a_time)

    assert called == 1
    assert len(sms_of(app).taken) == 1


def test_leases_run_in_real_time_however_fast_the_service_s_clock(app: AppContext):
    enrolment_id = enrol_one(app)
    claim(app)

    clock_of(app).advance_service(2 * HOUR)
    assert sweep(app, "release-leases") == 0

    clock_of(app).advance_real(app.policy.lease)
    assert sweep(app, "release-leases") == 1
    assert message(app, enrolment_id, "going-home").state == "planned"


# ------------------------------------------------------------------------- one bad among many


def _breaking(app: AppContext, template: str) -> AppContext:
    """Return the app context with one template that can't be rendered."""
    good = app.content

    class Broken:
        def language_for(self, *_names, **_more):
            return "en"

        def render(self, name, **more):
            if name == template:
                raise TemplateError(f"{name}: broken")
            return good.render(name, **more)

    return replace(app, content=Broken())  # type: ignore[arg-type]


def test_a_broken_template_holds_its_own_messages_and_lets_the_others_go(app: AppContext):
    enrolment_id = enrol_one(app, 1)
    other = enrol_one(app, 2, procedure_at=PROCEDURE_AT - 24 * HOUR)
    broken = _breaking(app, "going-home")

    tick(broken)

    going_home = message(app, enrolment_id, "going-home")
    assert (going_home.state, going_home.reason) == ("held", "needs-operator")
    assert message(app, other, "dressing").state == "sent"
    (task,) = tasks(app)
    assert (task.kind, task.detail["template"], task.patient_id) == ("set-up", "going-home", None)
    assert rows(app, Attempt)[0].message_id == message(app, other, "dressing").id


def test_once_the_template_is_mended_what_is_still_useful_goes(app: AppContext):
    enrolment_id = enrol_one(app)
    tick(_breaking(app, "going-home"))

    clock_of(app).advance(timedelta(minutes=10))
    assert sweep(_breaking(app, "going-home"), "release-held") == 0
    assert sweep(app, "release-held") == 1

    tick(app)
    assert message(app, enrolment_id, "going-home").state == "sent"


def test_a_patient_whose_key_is_missing_holds_only_their_own_messages(app: AppContext):
    enrol_one(app, 1)
    enrol_one(app, 2)
    with app.store.write() as session:
        first = session.query(Patient).order_by(Patient.id).limit(1).one()
        first.master_key_id = "0" * 16

    tick(app)

    assert sorted(one.state for one in messages(app) if one.step == "going-home") == [
        "held",
        "sent",
    ]


def test_a_bug_in_a_provider_module_is_an_unknown_outcome_and_spares_the_others(app: AppContext):
    enrol_many(app, 3)

    def fail(outgoing):
        if outgoing.to == person(2).mobile:
            raise ZeroDivisionError

    sms_of(app).during_call = fail

    assert tick(app) == 3
    assert sorted(one.state for one in messages(app) if one.step == "going-home") == [
        "sent",
        "sent",
        "unknown",
    ]


def test_an_id_that_a_provider_gives_twice_spoils_one_outcome_alone(app: AppContext):
    class Repeating(ScriptedChannel):
        def send(self, outgoing):
            return replace(
                super().send(outgoing), provider_id="SAME" if self.calls[3:] else f"{outgoing.to}"
            )

    repeating = Repeating(SMS)
    app = replace(app, channels={SMS: repeating, EMAIL: ScriptedChannel(EMAIL)})
    enrol_many(app, 5)

    tick(app)

    states = sorted(one.state for one in messages(app) if one.step == "going-home")
    assert states == ["sent", "sent", "sent", "sent", "unknown"]


def test_outcomes_are_committed_in_groups(app: AppContext, monkeypatch):
    monkeypatch.setattr(calling, "COMMIT_EVERY", 4)
    groups: list[int] = []
    calls, a_group_is_settled = itertools.count(), threading.Event()

    def counting(app, ready, *, actor):
        groups.append(len(ready))
        settle_attempt(app, ready, actor=actor)
        a_group_is_settled.set()

    def dawdle(_outgoing):
        if next(calls) >= 4:
            assert a_group_is_settled.wait(10)

    monkeypatch.setattr(calling, "settle_attempt", counting)
    sms_of(app).during_call = dawdle
    enrol_many(app, 10)

    tick(app)

    assert groups[0] == 4
    assert sum(groups) == 10


def test_an_answer_of_ours_goes_to_the_address_that_wrote(app: AppContext):
    sealed = app.keyring.system.seal("+447700900321", column="messages.address")
    answer = a_message(app, priority=0, address_sealed=sealed, address_index=b"0" * 16)

    tick(app)

    (outgoing,) = sms_of(app).calls
    assert outgoing.to == "+447700900321"
    assert "not watched" in outgoing.text or "999" in outgoing.text
    assert state_of(app, answer) == "sent"


def test_an_answer_that_cannot_be_delivered_asks_nobody(app: AppContext):
    sealed = app.keyring.system.seal("+447700900321", column="messages.address")
    answer = a_message(app, priority=0, address_sealed=sealed, address_index=b"0" * 16)
    sms_of(app).script(refuse("21211", recipient=True))

    tick(app)

    assert state_of(app, answer) == "failed"
    assert tasks(app) == []
    balance_is_even(app)


# ----------------------------------------------------------------------------------- the pace


def test_a_worker_waits_for_its_turn_rather_than_put_messages_back(migrated_sqlite_url: str):
    app = make_app(migrated_sqlite_url, per_second={SMS: 50, EMAIL: 50})
    enrol_many(app, 60)

    assert tick(app) == 60

    assert "pace" not in {one.reason for one in messages(app)}
    app.close()


def test_what_would_wait_too_long_is_put_back_for_that_long(migrated_url: str, seconds: Seconds):
    pace, lease = InProcessRateLimiter(seconds=seconds), timedelta(seconds=2)
    app = make_app(migrated_url, pace=pace, per_second={SMS: 1, EMAIL: 1}, lease=lease)
    enrolment_id = enrol_one(app)
    (batch,) = claim_due(app)
    app.pace.slow_down("sms-sender", timedelta(seconds=30))

    assert send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR) == 0

    going_home = message(app, enrolment_id, "going-home")
    assert (going_home.state, going_home.reason) == ("planned", "pace")
    assert going_home.lease_token is None
    assert going_home.claimable_at == app.clock.now() + timedelta(seconds=30)
    app.close()


def test_one_sender_that_must_wait_does_not_keep_the_other(app: AppContext):
    app.pace.slow_down("sms-sender", HOUR)
    enrol_one(app, 1)
    enrol_one(app, 2, channels=(EMAIL,))

    assert tick(app) == 1
    assert len(email_of(app).calls) == 1


def test_a_provider_that_asks_for_time_is_given_it(app: AppContext, seconds: Seconds):
    app = replace(app, pace=InProcessRateLimiter(seconds=seconds))
    enrol_many(app, 1)
    sms_of(app).script(busy(retry_after=timedelta(seconds=50)))
    tick(app)

    grant = app.pace.take("sms-sender", 1, per_second=1000)

    assert grant == Grant(0, timedelta(seconds=50))


def test_a_clinic_s_own_number_is_the_sender_and_the_measure_of_its_pace(app: AppContext):
    catalogue = app.catalogue
    clinic = replace(catalogue.clinics["derriford-pain"], sms_sender="+447700900000")
    app = replace(app, catalogue=replace(catalogue, clinics={clinic.key: clinic}))
    enrol_one(app)
    (batch,) = claim_due(app)
    app.pace.slow_down("+447700900000", HOUR)

    assert send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR) == 0

    assert ChannelKind(messages(app)[0].channel) is SMS
    assert messages(app)[0].reason == "pace"
