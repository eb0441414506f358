"""Review dates act, and a person is told of words that may not go out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from followup.context import AppContext
from followup.domain.errors import Conflict, InvalidInput
from followup.domain.item_kind import ItemKind
from followup.enrolment.bulk import enrol_all
from followup.monitoring.anomalies import delayed_messages
from followup.releases.reviews import extension_statement
from followup.releases.sign import approve, make_signature, sign, withdraw
from followup.store.models.worklist import WorklistItem
from tests.support.apps import clock_of, enrol_one, sweep, tick
from tests.support.people import CLINIC, PROTOCOL, request
from tests.support.signing import ANN, APPROVER, AUTHOR, BOB, approved, live_app, live_folder

DUE = date(2027, 8, 31)
"""When the source of the test clinic's protocol is due for review."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return live_folder(tmp_path)


@pytest.fixture
def live(migrated_url: str, folder: Path) -> Iterator[AppContext]:
    app = live_app(migrated_url, folder)
    yield app
    app.close()


def items(app: AppContext, kind: ItemKind, *, state: str = "open") -> list[WorklistItem]:
    sweep(app, "check-words")
    with app.store.read() as session:
        query = select(WorklistItem).where(WorklistItem.kind == kind.value)
        return [*session.scalars(query.where(WorklistItem.state == state))]


def causes(app: AppContext) -> set[tuple[object, object]]:
    return {(item.detail["protocol"], item.detail["cause"]) for item in items(app, ItemKind.WORDS)}


def test_a_person_is_told_within_a_tick_and_the_item_closes_once_it_is_put_right(
    live: AppContext, folder: Path
):
    enrol_one(live)
    assert causes(live) == {(PROTOCOL, "words-not-approved")}

    approved(live)
    clock_of(live).advance(timedelta(seconds=2))
    assert causes(live) == set()

    file = folder / "clinics" / f"{CLINIC}.toml"
    before = file.read_bytes()
    file.write_bytes(before.replace(b"01752", b"01753"))
    clock_of(live).advance(timedelta(seconds=2))
    (item,) = items(live, ItemKind.WORDS)
    assert item.detail["cause"] == "words-changed"
    assert f"clinics/{CLINIC}.toml" in item.detail["sentence"]
    assert len(items(live, ItemKind.WORDS)) == 1

    file.write_bytes(before)
    clock_of(live).advance(timedelta(seconds=2))
    assert causes(live) == set()
    assert {item.outcome for item in items(live, ItemKind.WORDS, state="closed")} == {
        "approved-again"
    }


def test_the_operator_is_alarmed_of_what_is_on_hold(live: AppContext):
    enrol_one(live)
    tick(live)

    (problem,) = [one for one in delayed_messages(live) if one.code.startswith("words-on-hold")]
    assert "two people have not approved its words yet" in problem.sentence


def at(app: AppContext, day: date) -> None:
    clock_of(app).advance_to(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))


def test_a_review_date_warns_twice_and_then_ends_new_enrolments(live: AppContext):
    enrol_one(live)
    assert items(live, ItemKind.REVIEW) == []

    at(live, DUE - timedelta(days=90))
    assert [item.detail["cause"] for item in items(live, ItemKind.REVIEW)] == ["90-days"]
    at(live, DUE - timedelta(days=30))
    assert len(items(live, ItemKind.REVIEW)) == 2
    at(live, DUE)
    enrol_one(live, 2, procedure_at=clock_of(live).now())

    at(live, DUE + timedelta(days=1))
    assert len(items(live, ItemKind.REVIEW)) == 3
    with pytest.raises(Conflict, match="was due for review by 31 August 2027"):
        enrol_one(live, 3, procedure_at=clock_of(live).now())
    with pytest.raises(Conflict, match="was due for review"):
        enrol_all(live, [request(4, procedure_at=clock_of(live).now())], actor="cli:test")


def test_who_is_enrolled_goes_on_past_the_review_date(live: AppContext):
    approved(live)
    at(live, DUE)
    enrol_one(live, procedure_at=clock_of(live).now())

    at(live, DUE + timedelta(days=1))

    assert tick(live) > 0


def test_two_people_extend_a_review_date_with_a_reason(live: AppContext):
    at(live, DUE + timedelta(days=1))
    extension = extend(live, DUE + timedelta(days=60))
    with pytest.raises(Conflict):
        enrol_one(live, procedure_at=clock_of(live).now())

    made = make_signature(live, extension.statement, BOB, APPROVER)
    approve(live, extension.digest, made, actor="cli:bob")
    enrol_one(live, procedure_at=clock_of(live).now())

    withdraw(live, extension.digest, reason="The new leaflet is out.", actor="cli:ann")
    with pytest.raises(Conflict):
        enrol_one(live, 2, procedure_at=clock_of(live).now())


def extend(app: AppContext, until: date, *, reason: str = "The authors meet in October."):
    with app.store.read() as session:
        statement = extension_statement(
            session, app, clinic=CLINIC, protocol=PROTOCOL, until=until, reason=reason
        )
    return sign(app, statement, make_signature(app, statement.text, ANN, AUTHOR), actor="cli:ann")


@pytest.mark.parametrize(
    ("until", "reason"),
    [(DUE, "why"), (DUE + timedelta(days=367), "why"), (DUE + timedelta(days=9), " ")],
    ids=["not later", "too late", "no reason"],
)
def test_an_extension_has_a_reason_and_an_end(live: AppContext, until, reason):
    with pytest.raises(InvalidInput):
        extend(live, until, reason=reason)


def test_a_practice_system_enrols_past_the_review_date(live: AppContext):
    at(live, DUE + timedelta(days=1))
    practice = replace(live, policy=replace(live.policy, live=False))

    enrol_one(practice, procedure_at=clock_of(live).now())

    assert items(practice, ItemKind.REVIEW) == []
