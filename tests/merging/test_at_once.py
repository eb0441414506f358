"""Merging while others do something: two people with the same pair, and a worker that sends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Lock

import pytest

from followup.delivery.receipts import take_receipt
from followup.domain.errors import Conflict
from followup.messages.view import message_views
from followup.providers.interface import ReportedStatus
from followup.sending.claim import claim_due
from followup.sending.send_batch import send_batch
from followup.store.models.audit import AuditEvent
from followup.store.models.patients import Patient
from tests.support.apps import EXECUTOR, balance_is_even, messages, rows, sms_of, tick
from tests.support.people import PROCEDURE_AT
from tests.support.two_records import merge, two_records

SAME_TIME = {"procedure_at": PROCEDURE_AT}


def words(app):
    with app.store.read() as session:
        found = messages(app)
        return [view.text for view in message_views(session, app, found) if view.attempts]


@pytest.mark.parametrize("inverse", [False, True], ids=["same way", "other way"])
def test_of_two_people_who_merge_a_pair_at_once_one_does(postgres_app, inverse):
    app = postgres_app
    both = two_records(app)
    other = replace(both, survivor=both.duplicate, duplicate=both.survivor) if inverse else both
    start = Barrier(2)

    def try_it(pair):
        start.wait()
        try:
            return merge(app, pair)
        except Conflict as refused:
            return str(refused)

    with ThreadPoolExecutor(2) as pool:
        came = list(pool.map(try_it, [both, other]))

    refused = [one for one in came if isinstance(one, str)]
    assert len(refused) == 1
    assert ("other way" if inverse else "merged already") in refused[0]
    assert len([one for one in rows(app, AuditEvent) if one.action == "patient.merged"]) == 1
    assert len({one.patient_id for one in messages(app)}) == 1


def test_what_the_provider_is_being_called_for_is_the_survivors_when_it_answers(postgres_app):
    app = postgres_app
    both = two_records(app, theirs=SAME_TIME)
    merged, one_at_a_time = [], Lock()

    def merge_meanwhile(_outgoing):
        with one_at_a_time:
            if not merged:
                merged.append(merge(app, both))

    sms_of(app).during_call = merge_meanwhile
    tick(app)

    sent = [one for one in messages(app) if one.sent_at]
    assert sent
    assert {one.patient_id for one in sent} == {both.survivor}
    assert all(words(app))
    for provider_id in list(sms_of(app).taken):
        report = sms_of(app).reaches(provider_id, ReportedStatus.DELIVERED)
        take_receipt(app, report, provider="scripted")
    assert {one.state for one in messages(app) if one.sent_at} == {"delivered"}
    balance_is_even(app)


def test_a_merge_and_a_worker_at_once_lose_nothing_and_send_nothing_to_nobody(postgres_app):
    app = postgres_app
    both = two_records(app, theirs=SAME_TIME)
    [batch] = claim_due(app)
    start = Barrier(2)

    def send():
        start.wait()
        return send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR)

    def join():
        start.wait()
        return merge(app, both)

    with ThreadPoolExecutor(2) as pool:
        called, _ = [one.result() for one in (pool.submit(send), pool.submit(join))]
    called += tick(app)

    assert called in {1, 2}
    assert {one.state for one in messages(app)} <= {"sent", "planned", "cancelled"}
    assert {one.reason for one in messages(app) if one.state == "cancelled"} <= {
        "merged", "received-already"
    }  # fmt: skip
    assert all(words(app))
    assert {one.merged_into for one in rows(app, Patient)} == {None, both.survivor}
    balance_is_even(app)
