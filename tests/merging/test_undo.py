"""Taking a merge back: everything as it was, or a sentence that says why not."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.errors import Conflict
from followup.domain.merging.facts import Side
from followup.enrolment.contact_details import correct_contacts
from followup.enrolment.enrol import enrol
from followup.enrolment.pause import pause_enrolment
from followup.enrolment.withdraw import withdraw_enrolment
from followup.merging.move_rows import ATTEMPTS, OWNED
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.store.models.base import Base
from followup.store.models.merges import PatientMerge
from followup.store.models.messages import InboundMessage, Message
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from tests.support.apps import (
    balance_is_even,
    clock_of,
    make_app,
    messages,
    rows,
    run_until,
    sweep,
    tick,
)
from tests.support.people import PROCEDURE_AT, nhs_number, request
from tests.support.two_records import ACTOR, DAY, TwoRecords, merge, patient_of, two_records, undo

SAME_TIME = {"procedure_at": PROCEDURE_AT}
SAME_DAY = {"procedure_at": PROCEDURE_AT - timedelta(minutes=40)}
OLDER = {"procedure_at": PROCEDURE_AT - 3 * DAY}
TOLD_ELSEWHERE = {"audit_events", "audit_seals", "patient_merges", "alembic_version"}
MOVES = {"state_since", "state_since_real"}
"""When a message came into its state; the trail tells of each move."""


def dump(app: AppContext) -> dict[tuple[Any, ...], dict[Any, Any]]:
    """Return all that the database holds but for the trail, with what is sealed opened."""
    found = {}
    with app.store.read() as session:
        keys = {
            one.id: app.keyring.patient(one.data_key, one.master_key_id)
            for one in session.scalars(select(Patient))
        }
        owners = dict(session.execute(select(Message.id, Message.patient_id)).all())
        sealed = {each.table.__tablename__: each for each in (*OWNED, ATTEMPTS)}
        for table in Base.metadata.sorted_tables:
            if table.name in TOLD_ELSEWHERE:
                continue
            for row in session.execute(select(table)).mappings():
                values = {name: value for name, value in row.items() if name not in MOVES}
                of = sealed.get(table.name)
                owner = row.get("patient_id") or owners.get(row.get("message_id"))
                for name, column in of.columns.items() if of and owner else ():
                    place = row["id"] if of.by_row else None
                    values[name] = keys[owner].open_if(values[name], column=column, row=place)
                found[table.name, *(row[key.name] for key in table.primary_key)] = values
    return found


def differences(before, after):
    return {
        key: (before.get(key), after.get(key))
        for key in {*before, *after}
        if before.get(key) != after.get(key)
    }


def set_the_scene(app: AppContext, scene: dict[str, Any]) -> TwoRecords:
    both = two_records(app, ours=scene["ours"], theirs={**scene["when"], **scene["theirs"]})
    for name in scene["paused"]:
        pause_enrolment(app, getattr(both, name), actor=ACTOR)
    if scene["sent"]:
        tick(app)
    if scene["stop"]:
        text(app, scene["stop"])
    if scene["died"]:
        withdraw_enrolment(
            app, getattr(both, scene["died"]), reason="died", deceased=True, actor=ACTOR
        )
    sweep(app)
    return both


def text(app: AppContext, number: str, body: str = "STOP", *, serial: int = 1) -> None:
    inbound = InboundText(
        provider_id=f"SM{serial:032x}", from_=number, to="+447700900999", body=body
    )
    take_inbound(app, inbound)


SCENES = st.fixed_dictionaries(
    {
        "when": st.sampled_from([SAME_TIME, SAME_DAY, OLDER]),
        "ours": st.sampled_from([{}, {"mobile": None, "channels": (ChannelKind.EMAIL,)}]),
        "theirs": st.sampled_from(
            [
                {},
                {"nhs_number": nhs_number(8)},
                {"attributes": {"diabetic": True, "steroid_given": True}},
            ]
        ),
        "paused": st.lists(st.sampled_from(["kept", "other"]), unique=True),
        "sent": st.booleans(),
        "stop": st.sampled_from([None, "+447700900222", "+447700900001"]),
        "died": st.sampled_from([None, None, "kept", "other"]),
    }
)


@settings(max_examples=12, derandomize=True)
@given(scene=SCENES, right=st.sampled_from(Side), inverse=st.booleans())
def test_merged_and_taken_back_everything_is_as_it_was(
    migrated_sqlite: Path, scene: dict[str, Any], right: Side, *, inverse: bool
):
    with TemporaryDirectory() as folder:
        file = Path(folder) / "followup.sqlite3"
        copyfile(migrated_sqlite, file)
        with closing(make_app(f"sqlite:///{file}")) as app:
            both = set_the_scene(app, scene)
            if inverse:
                both = TwoRecords(
                    survivor=both.duplicate,
                    duplicate=both.survivor,
                    kept=both.other,
                    other=both.kept,
                )
            before = dump(app)

            merged = merge(app, both, nhs_number=right, answers=right)
            changed = differences(before, dump(app))
            undo(app, merged)

            assert changed
            assert differences(before, dump(app)) == {}


def test_what_was_planned_again_goes_to_both_and_what_passed_meanwhile_says_so(sqlite_app):
    app = sqlite_app
    both = two_records(app, theirs=SAME_TIME)
    merged = merge(app, both)
    run_until(app, PROCEDURE_AT + timedelta(hours=20))

    undo(app, merged)
    sweep(app)

    lost = [one for one in messages(app, both.other) if one.state == "expired"]
    assert [one.reason for one in lost] == ["window-over"] * len(lost)
    run_until(app, PROCEDURE_AT + timedelta(days=9))
    assert "cancelled" not in {one.state for one in messages(app, both.other)}
    gone = {both.kept: Counter(), both.other: Counter()}
    for one in messages(app):
        if one.sent_at:
            gone[one.enrolment_id][one.step, one.occurrence] += 1
    assert gone[both.other]
    assert {count for counts in gone.values() for count in counts.values()} == {1}
    balance_is_even(app)


def test_for_a_day_only_and_once(sqlite_app):
    merged = merge(sqlite_app, two_records(sqlite_app))
    ann = {"reference": "A", "name": "Ann", "nhs_number": nhs_number(30), "mobile": "+447700900301"}
    bea = {"reference": "B", "name": "Bea", "mobile": "+447700900302"}
    other = merge(sqlite_app, two_records(sqlite_app, ours=ann, theirs=bea))
    undo(sqlite_app, merged)
    with pytest.raises(Conflict, match="undone already"):
        undo(sqlite_app, merged)

    clock_of(sqlite_app).advance(timedelta(hours=24))
    with pytest.raises(Conflict, match="24 hours"):
        undo(sqlite_app, other)
    assert sweep(sqlite_app, "forget-merges") == 1
    assert [one.before for one in rows(sqlite_app, PatientMerge)] == [None, None]


def test_a_later_merge_is_undone_first(sqlite_app):
    app = sqlite_app
    both = two_records(app)
    third = patient_of(
        app,
        enrol(
            app, request(9, date_of_birth=request(1).person.date_of_birth), actor=ACTOR
        ).enrolment_id,
    )
    first = merge(app, both)
    later = TwoRecords(survivor=third, duplicate=both.survivor, kept=both.kept, other=both.other)
    decided = {"date_of_birth": Side.SURVIVOR, "nhs_number": Side.SURVIVOR}
    second = merge(app, later, **decided)
    assert {one.merged_into for one in rows(app, Patient)} == {None, third}

    with pytest.raises(Conflict, match="merged again since"):
        undo(app, first)
    undo(app, second)

    by_id = {one.id: one.merged_into for one in rows(app, Patient)}
    assert by_id == {third: None, both.survivor: None, both.duplicate: both.survivor}


def test_a_change_since_forbids_it(sqlite_app):
    both = two_records(sqlite_app)
    merged = merge(sqlite_app, both)
    correct_contacts(sqlite_app, both.survivor, mobile="+447700900333", email=None, actor=ACTOR)

    with pytest.raises(Conflict, match="were changed since"):
        undo(sqlite_app, merged)


def test_a_text_goes_back_with_the_number_that_it_came_from(sqlite_app):
    app = sqlite_app
    both = two_records(app)
    merged = merge(app, both)
    text(app, "+447700900222", "Is it normal that it itches?", serial=1)
    text(app, "+447700900001", "How are you?", serial=2)
    assert {one.patient_id for one in rows(app, InboundMessage)} == {both.survivor}

    undo(app, merged)

    owners = {one.provider_id[-1]: one.patient_id for one in rows(app, InboundMessage)}
    assert owners == {"1": both.duplicate, "2": both.survivor}
    items = [one for one in rows(app, WorklistItem) if one.inbound_id]
    assert [one.patient_id for one in items] == [both.duplicate]


def test_a_text_that_could_be_of_either_forbids_it(sqlite_app):
    both = two_records(sqlite_app, theirs={"mobile": "+447700900001"})
    merged = merge(sqlite_app, both)
    text(sqlite_app, "+447700900001", "How are you?")

    with pytest.raises(Conflict, match="written since"):
        undo(sqlite_app, merged)


def test_advice_that_went_to_the_other_ones_number_forbids_it(sqlite_app):
    both = two_records(sqlite_app, ours=OLDER, theirs=SAME_TIME)
    merged = merge(sqlite_app, both)
    tick(sqlite_app)
    assert any(one.sent_at for one in messages(sqlite_app, both.other))

    with pytest.raises(Conflict, match="address of the other record"):
        undo(sqlite_app, merged)
