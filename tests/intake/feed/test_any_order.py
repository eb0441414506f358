"""Events of one patient, in any order: one and the same timeline in the end."""

from __future__ import annotations

import random
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import select

from followup.context import UnitOfWork
from followup.intake.feed.apply import apply_event
from followup.intake.feed.inbox import FeedState
from followup.intake.hl7.read_kept import read_kept
from followup.patients.records import read_patient
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from tests.support.apps import make_app
from tests.support.hl7 import catalogue_with, feed, message
from tests.support.people import ENROLLED_AT, PROCEDURE_AT, nhs_number

MOVED, AGAIN = PROCEDURE_AT + timedelta(days=3), PROCEDURE_AT + timedelta(days=9)
LATER = AGAIN + timedelta(minutes=40)


def true_order(serial: int) -> list[str]:
    """Return what a hospital says of one patient, in the order in which it happened."""
    # Their names are alike: of one birthday they would be asked about.
    born = f"{1930 + serial % 70}{1 + serial % 12:02d}{1 + serial % 28:02d}"
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
        message(event, id_=f"{serial}-{number}", at=f"2026101914{number:02d}00", born=born, **facts)
        for number, (event, facts) in enumerate(events)
    ]


def outcome(app, serial: int) -> tuple[object, ...]:
    """Return what is to come for a patient, and how they are reached."""
    index = app.keyring.indexes.of("nhs number", nhs_number(serial))
    with app.store.read() as session:
        patient = session.scalars(select(Patient).where(Patient.nhs_number_index == index)).one()
        planned = session.scalars(
            select(Message).where(Message.patient_id == patient.id, Message.state == "planned")
        ).all()
    person = read_patient(patient, app.keyring)
    mobile = (int(person.mobile[-3:]) - serial) % 1000
    rows_of = sorted((one.step, one.occurrence, one.channel, one.due_at) for one in planned)
    return rows_of, mobile, person.name.endswith(f"{serial:05d}"), patient.deceased_at


def apply_all(app, events: list[str]) -> None:
    """Apply events one after the other, as the inbox does, in one transaction."""
    (made_up,) = app.catalogue.sites.values()

    def work(unit: UnitOfWork) -> None:
        for text in events:
            event = read_kept(
                text.encode(), encoding="utf-8", site=made_up, received_at=ENROLLED_AT
            )
            assert apply_event(unit, event, made_up).state is not FeedState.PERSON

    app.transact("feed", work)


@pytest.mark.uncounted
@pytest.mark.timeout(420)
@pytest.mark.parametrize("shufflings", [40, pytest.param(500, marks=pytest.mark.long)])
def test_all_shufflings_end_in_one_and_the_same_timeline(migrated_sqlite_url, shufflings):
    dice = random.Random(20261019)
    found = set()
    with closing(make_app(migrated_sqlite_url, catalogue=catalogue_with())) as app:
        for serial in range(1, shufflings + 2):
            events = true_order(serial)
            if serial > 1:
                dice.shuffle(events)
            apply_all(app, events)
            found.add(repr(outcome(app, serial)))

    (only,) = found
    assert "going-home" in only


@pytest.mark.parametrize("seed", range(3))
def test_a_shuffling_ends_as_the_true_order_does_on_both_databases(migrated_url, seed):
    with closing(make_app(migrated_url, catalogue=catalogue_with())) as app:
        feed(app, *true_order(1))
        shuffled = true_order(2)
        random.Random(seed).shuffle(shuffled)
        feed(app, *shuffled)

        assert outcome(app, 1) == outcome(app, 2)
