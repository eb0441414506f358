"""The event horizon: nothing below it can still appear, and it never stands still for long."""

from __future__ import annotations

from sqlalchemy import text

from followup.context import AppContext
from followup.outbox.horizon import advance_horizon, newest_number
from followup.store.audit_log import AuditEntry, record_event
from tests.support.apps import enrol_one


def horizon(app: AppContext) -> int:
    return app.store.transact(advance_horizon)


def newest(app: AppContext) -> int:
    with app.store.read() as session:
        return newest_number(session)


def an_event(session, app: AppContext) -> None:
    record_event(session, app.by("cli:test"), AuditEntry(action="worklist.opened"))


def test_while_nobody_writes_it_is_the_newest_event(app):
    assert horizon(app) == newest(app) == 0
    enrol_one(app)
    horizon(app)

    assert horizon(app) == newest(app) > 0


def test_it_waits_for_a_transaction_that_took_an_earlier_number(postgres_app):
    horizon(postgres_app)
    with postgres_app.store.write() as slow:
        an_event(slow, postgres_app)
        with postgres_app.store.write() as quick:
            an_event(quick, postgres_app)
        late = newest(postgres_app)

        seen = [horizon(postgres_app) for _ in range(3)]

    assert late > 1
    assert max(seen) < late - 1
    assert horizon(postgres_app) == late


def test_it_goes_on_although_somebody_is_always_writing(postgres_app):
    """Each writer begins before the one before it ends, as under load."""
    horizon(postgres_app)
    seen = []
    before = postgres_app.store.write()
    an_event(before.__enter__(), postgres_app)
    for _ in range(6):
        after = postgres_app.store.write()
        an_event(after.__enter__(), postgres_app)
        before.__exit__(None, None, None)
        seen.append(horizon(postgres_app))
        before = after
    before.__exit__(None, None, None)

    assert seen == sorted(seen)
    assert seen[-1] >= newest(postgres_app) - 3


def test_a_number_that_was_rolled_back_is_not_waited_for(postgres_app):
    with postgres_app.store.write() as session:
        an_event(session, postgres_app)
        session.rollback()
    with postgres_app.store.write() as session:
        an_event(session, postgres_app)

    horizon(postgres_app)
    assert horizon(postgres_app) == newest(postgres_app) == 2


def test_whoever_only_reads_or_waits_for_a_row_holds_nothing_up(postgres_app):
    with postgres_app.store.write() as session:
        an_event(session, postgres_app)
    horizon(postgres_app)
    with postgres_app.store.write() as reader:
        reader.execute(text("SELECT * FROM audit_events FOR SHARE"))
        with postgres_app.store.write() as session:
            an_event(session, postgres_app)

        assert horizon(postgres_app) == newest(postgres_app)


def test_a_rival_that_moves_it_is_not_waited_for(postgres_app):
    with postgres_app.store.write() as session:
        an_event(session, postgres_app)
    horizon(postgres_app)
    known = horizon(postgres_app)
    with postgres_app.store.write() as rival:
        advance_horizon(rival)

        assert horizon(postgres_app) == known
