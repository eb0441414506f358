"""The seal over the audit trail: any edit, removal or insertion is found, and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import delete, text, update

from followup.audit import seals as audit
from followup.audit.seals import events_of_enrolment, seal_trail, verify_trail
from followup.context import AppContext
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.audit import AuditEvent, AuditSeal
from followup.store.models.enrolments import Enrolment
from tests.support.apps import clock_of, enrol_many, enrol_one, make_app, rows, tick
from tests.support.people import ENROLLED_AT

LONG_AGO = timedelta(minutes=11)


@pytest.fixture
def sealed(app: AppContext) -> AppContext:
    """An app context with three seals over its trail, and one event that none covers yet."""
    for serial in range(1, 4):
        enrol_one(app, serial)
        tick(app)
        clock_of(app).advance(LONG_AGO)
        assert seal_trail(app) == 4
    enrol_one(app, 4)
    return app


def triggers_of(session, table: str) -> list[str]:
    """Return what stands behind DROP TRIGGER for each trigger of a table."""
    if session.get_bind().dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"
    else:
        query = (
            "SELECT tgname || ' ON ' || :table FROM pg_trigger "
            "WHERE tgrelid = CAST(:table AS regclass) AND NOT tgisinternal"
        )
    found = list(session.scalars(text(query), {"table": table}))
    assert found
    return found


def tamper(app: AppContext, change) -> None:
    """Do what the triggers forbid, as an owner of the database can who takes them away."""
    with app.store.write() as session:
        for table in ("audit_events", "audit_seals"):
            for trigger in triggers_of(session, table):
                session.execute(text(f"DROP TRIGGER {trigger}"))
        session.execute(change)


def test_an_untouched_trail_is_intact(sealed: AppContext):
    verdict = verify_trail(sealed)

    assert verdict.intact
    assert (verdict.seals, verdict.events, verdict.unsealed) == (3, 12, 1)


def test_an_empty_trail_is_intact(app: AppContext):
    assert seal_trail(app) == 0
    assert verify_trail(app).intact


def test_what_is_recent_is_not_sealed_yet(app: AppContext):
    enrol_one(app)

    assert seal_trail(app) == 0

    clock_of(app).advance_real(LONG_AGO)
    assert seal_trail(app) == 1
    assert seal_trail(app) == 0


def test_sealing_is_by_real_time(app: AppContext):
    enrol_one(app)
    clock_of(app).advance_service(timedelta(days=30))

    assert seal_trail(app) == 0


def test_an_old_event_behind_a_recent_one_waits_for_it(app: AppContext):
    enrol_one(app, 1)
    clock_of(app).advance(LONG_AGO)
    enrol_one(app, 2)
    clock_of(app).advance_real(-LONG_AGO)
    enrol_one(app, 3)
    clock_of(app).advance_real(LONG_AGO)

    assert seal_trail(app) == 1


def test_a_long_trail_is_sealed_in_portions(app: AppContext, monkeypatch):
    monkeypatch.setattr(audit, "SEAL_BATCH", 3)
    enrol_many(app, 7)
    clock_of(app).advance(LONG_AGO)

    assert [seal_trail(app) for _ in range(4)] == [3, 3, 1, 0]
    assert verify_trail(app).intact


EDITS = {
    "another time": {"at": ENROLLED_AT - LONG_AGO},
    "another actor": {"actor": "cli:somebody"},
    "another action": {"action": "message.delivered"},
    "another clinic": {"clinic": None},
    "another message": {"message_id": None},
    "another patient": {"patient_id": None},
    "another enrolment": {"enrolment_id": None},
    "another detail": {"detail": {"from": "planned", "to": "sent"}},
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edited_event_is_found(sealed: AppContext, edit):
    second_seal = rows(sealed, AuditSeal)[1]
    victim = second_seal.upto_id

    tamper(sealed, update(AuditEvent).where(AuditEvent.id == victim).values(**edit))

    verdict = verify_trail(sealed)
    assert not verdict.intact
    assert verdict.broken_between == (second_seal.after_id + 1, second_seal.upto_id)


def test_a_removed_event_is_found(sealed: AppContext):
    tamper(sealed, delete(AuditEvent).where(AuditEvent.id == 2))

    assert verify_trail(sealed).broken_between == (1, 4)


def test_an_event_slipped_in_is_found(sealed: AppContext):
    with sealed.store.write() as session:
        record_event(session, sealed.by("cli:late"), AuditEntry(action="message.delivered"))
    last = max(event.id for event in rows(sealed, AuditEvent))

    tamper(sealed, delete(AuditEvent).where(AuditEvent.id == 4))
    tamper_id(sealed, last, 4)

    assert verify_trail(sealed).broken_between == (1, 4)


def tamper_id(app: AppContext, old: int, new: int) -> None:
    with app.store.write() as session:
        session.execute(update(AuditEvent).where(AuditEvent.id == old).values(id=new))


def test_two_events_that_changed_places_are_found(sealed: AppContext):
    tamper(sealed, update(AuditEvent).where(AuditEvent.id == 1).values(id=1000))
    tamper_id(sealed, 2, 1)
    tamper_id(sealed, 1000, 2)

    assert not verify_trail(sealed).intact


def test_a_removed_seal_is_found(sealed: AppContext):
    tamper(sealed, delete(AuditSeal).where(AuditSeal.after_id == 4))

    assert not verify_trail(sealed).intact


def test_a_seal_made_by_another_key_is_found(sealed: AppContext):
    tamper(sealed, update(AuditSeal).where(AuditSeal.after_id == 4).values(digest=b"\0" * 32))

    assert verify_trail(sealed).broken_between == (5, 8)


def test_two_that_seal_at_once_make_one_chain(migrated_url: str):
    app = make_app(migrated_url)
    enrol_many(app, 10)
    clock_of(app).advance(LONG_AGO)
    together = Barrier(4)

    def seal(_):
        together.wait()
        return seal_trail(app)

    with ThreadPoolExecutor(4) as pool:
        sealed = sum(pool.map(seal, range(4)))

    assert sealed == 10
    assert verify_trail(app).intact
    assert verify_trail(app).events == 10
    app.close()


def test_one_that_is_beaten_to_every_seal_leaves_the_rest_to_its_rivals(
    migrated_url: str, monkeypatch
):
    monkeypatch.setattr(audit, "SEAL_BATCH", 1)
    app = make_app(migrated_url)
    enrol_many(app, 40)
    clock_of(app).advance(LONG_AGO)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: [seal_trail(app) for _ in range(20)], range(4)))

    while seal_trail(app):
        pass
    assert verify_trail(app).intact
    assert verify_trail(app).events == 40
    app.close()


def test_an_auditor_sees_all_of_one_enrolment_and_nothing_of_others(app: AppContext):
    one, other = enrol_one(app, 1), enrol_one(app, 2)
    tick(app)

    with app.store.read() as session:
        enrolment = session.get_one(Enrolment, one)
        events = events_of_enrolment(session, enrolment_id=one, patient_id=enrolment.patient_id)

    assert [event.action for event in events] == [
        "enrolment.created",
        "message.claimed",
        "message.sending",
        "message.sent",
    ]
    assert other not in {event.enrolment_id for event in events}


def test_an_end_that_was_cut_off_is_found_by_a_seal_that_was_kept(sealed: AppContext):
    kept = verify_trail(sealed).head
    last = rows(sealed, AuditSeal)[-1]

    tamper(sealed, delete(AuditSeal).where(AuditSeal.id == last.id))
    tamper_again(sealed, delete(AuditEvent).where(AuditEvent.id > last.after_id))

    assert verify_trail(sealed).intact, "the chain alone does not show it"
    assert verify_trail(sealed, kept_head=kept).lost_head
    assert not verify_trail(sealed, kept_head=kept).intact


def test_a_seal_that_was_kept_is_found_however_long_the_trail_has_grown(sealed: AppContext):
    kept = verify_trail(sealed).head
    clock_of(sealed).advance(LONG_AGO)
    assert seal_trail(sealed) > 0

    assert verify_trail(sealed, kept_head=kept).intact
    assert verify_trail(sealed).head != kept


def tamper_again(app: AppContext, change) -> None:
    with app.store.write() as session:
        session.execute(change)
