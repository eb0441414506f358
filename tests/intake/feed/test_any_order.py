"""Events of one patient, in any order: one and the same timeline in the end."""

from __future__ import annotations

import random
from contextlib import closing
from datetime import timedelta
from shutil import copyfile
from tempfile import TemporaryDirectory

import pytest

from followup.patients.records import read_patient
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import FeedMessage
from followup.store.models.patients import Patient
from tests.support.apps import make_app, messages, rows
from tests.support.hl7 import catalogue_with, feed, message
from tests.support.people import PROCEDURE_AT

SHUFFLINGS = 500
MOVED, AGAIN = PROCEDURE_AT + timedelta(days=3), PROCEDURE_AT + timedelta(days=9)
LATER = AGAIN + timedelta(minutes=40)


def true_order(serial: int) -> list[str]:
    """Return what a hospital says of one patient, in the order in which it happened."""
    booked = {"serial": serial, "appointment": f"AP{serial}"}
    arrived = {"serial": serial, "visit": f"V{serial}"}
    new = f"+44770090{(serial + 500) % 1000:04d}^PRN^CP"
    events = [
        ("SIU^S12", {**booked, "time": PROCEDURE_AT, "nhs": ""}),
        ("SIU^S13", {**booked, "time": MOVED, "nhs": ""}),
        ("ADT^A31", {"serial": serial, "procedure": None, "phones": new}),
        ("SIU^S15", {**booked, "time": MOVED}),
        ("SIU^S14", {**booked, "time": AGAIN, "phones": new}),
        ("ADT^A04", {**arrived, "time": AGAIN, "phones": new}),
        ("ADT^A08", {**arrived, "time": LATER, "phones": new}),
        ("ADT^A31", {"serial": serial, "procedure": None, "phones": new, "died": "Y"}),
        ("ADT^A31", {"serial": serial, "procedure": None, "phones": new, "died": "N"}),
        ("ADT^A03", {**arrived, "time": LATER, "phones": new}),
    ]
    return [
        message(event, id_=f"{serial}-{number}", at=f"2026101914{number:02d}00", **facts)
        for number, (event, facts) in enumerate(events)
    ]


def outcome(app, serial: int) -> tuple[object, ...]:
    """Return what is to come for a patient, and how they are reached."""
    (patient,) = [
        one
        for one in rows(app, Patient)
        if read_patient(one, app.keyring).name == f"Test Patient-{serial:05d}"
    ]
    enrolments = {one.id for one in rows(app, Enrolment) if one.patient_id == patient.id}
    planned = sorted(
        (one.step, one.occurrence, one.channel, one.due_at)
        for one in messages(app)
        if one.enrolment_id in enrolments and one.state == "planned"
    )
    person = read_patient(patient, app.keyring)
    mobile = int(person.mobile[-3:]) - serial % 1000
    return planned, mobile % 1000, person.nhs_number is not None, patient.deceased_at


@pytest.mark.uncounted
def test_500_shufflings_end_in_one_and_the_same_timeline(migrated_sqlite):
    dice = random.Random(20261019)
    found = set()
    for group in range(SHUFFLINGS // 50):
        with TemporaryDirectory() as folder:
            copyfile(migrated_sqlite, f"{folder}/followup.sqlite3")
            url = f"sqlite:///{folder}/followup.sqlite3"
            with closing(make_app(url, catalogue=catalogue_with())) as app:
                for number in range(50):
                    serial = 1 + group * 50 + number
                    events = true_order(serial)
                    if number:
                        dice.shuffle(events)
                    feed_all(app, events)
                    found.add(repr(outcome(app, serial)))
                asked = {
                    (it.event, it.reason) for it in rows(app, FeedMessage) if it.state == "person"
                }
                assert asked == set()

    (only,) = found
    assert str(LATER.day) in only


def feed_all(app, events: list[str]) -> None:
    for event in events:
        feed(app, event)


@pytest.mark.parametrize("seed", range(3))
def test_a_shuffling_ends_as_the_true_order_does_on_both_databases(migrated_url, seed):
    with closing(make_app(migrated_url, catalogue=catalogue_with())) as app:
        feed_all(app, true_order(1))
        shuffled = true_order(2)
        random.Random(seed).shuffle(shuffled)
        feed_all(app, shuffled)

        assert outcome(app, 1) == outcome(app, 2)
