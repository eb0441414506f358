"""Export of what is held on a person: all of theirs, and nothing of anybody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from shutil import copyfile
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import pytest
from sqlalchemy import LargeBinary, Table, Uuid, select

from followup.casework.phone_calls import record_call
from followup.context import AppContext
from followup.domain.call_outcome import CallOutcome
from followup.domain.errors import Conflict, NotFound
from followup.domain.roles import Role
from followup.intake.uploaded_lists import upload_list
from followup.patients import records
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.staff.members import MemberDetails, insert_member
from followup.store.data_map import SEALED, all_tables, data_map
from followup.store.models.audit import AuditEvent
from followup.store.models.patients import Patient
from followup.subject_access.export import export_person
from followup.subject_access.rows import WITHHELD
from tests.support.apps import enrol_one, make_app, rows, tick
from tests.support.hl7 import catalogue_with, feed, message
from tests.support.people import CLINIC, nhs_number
from tests.support.two_records import TwoRecords, merge, two_records, undo

BY = "web:sam@example.com"
SHARED, FED, ALONE = 50, 60, 3
LIST = "\n".join(
    (
        "NHS No,Name,DOB,Procedure at,Mobile,Diabetic,Steroid",
        f"{nhs_number(601)},Another Row,17/05/1957,19/10/2026 14:30,07700900601,y,y",
        f"{nhs_number(FED)},My Own Row,12/05/1950,18/10/2026 14:30,07700900060,y,y",
    )
)


@dataclass(frozen=True)
class Lived:
    """A clinic of some days: two that are one, two that share a mobile, one whom a feed brought."""

    app: AppContext
    both: TwoRecords
    people: dict[int, UUID]


@pytest.fixture(scope="module")
def lived(migrated_sqlite: Path, sqlite_folder: Path) -> Iterator[Lived]:
    file = sqlite_folder / "everything-held.sqlite3"
    copyfile(migrated_sqlite, file)
    with closing(make_app(f"sqlite:///{file}", sandbox=True, catalogue=catalogue_with())) as app:
        yield _live(app)


def _live(app: AppContext) -> Lived:
    both = two_records(app)
    shared = "+447700900050"
    for serial in (SHARED, 51):
        enrol_one(app, serial, mobile=shared)
    enrol_one(app, ALONE)
    wrong = two_records(
        app,
        ours={"nhs_number": nhs_number(8), "reference": "MIXED-1", "name": "Mia Taken"},
        theirs={"reference": "MIXED-2", "name": "Mia Token", "mobile": "+447700900223"},
    )
    feed(app, message(serial=FED, id_="F1"))
    assert tick(app)
    merge(app, both)
    undo(app, merge(app, wrong, reason="Mia Token said so"))
    sam = MemberDetails(
        email="sam@example.com", name="Sam Staffname", roles=[Role.ENROL], clinics=None
    )
    with app.store.write() as session:
        staff = insert_member(session, app.by("cli:test"), sam, password_hash=None).id
    upload_list(
        app, staff, actor=BY, clinic=CLINIC, protocol="nerve-root-block", name="x.csv",
        content=LIST.encode(),
    )  # fmt: skip
    for serial, said in ((SHARED, "Whose words are these"), (ALONE, "my leg is weak"), (7, "ours")):
        number = "+447700900222" if serial == 7 else f"+4477009000{serial:02d}"
        text = InboundText(provider_id=f"SM{serial}", from_=number, to="", body=said)
        take_inbound(app, text, provider="sandbox")
    people = {
        int(one.name[-5:]): one_id
        for one_id, one in _everybody(app).items()
        if one.name and one.name[-5:].isdigit()
    }
    for id_ in (*people.values(), both.survivor):
        # Staff quote an id as they copied it, in any letters.
        note = f"note on {id_.hex[:5]}{id_.hex[-7:]}, not {str(people[FED]).upper()}"
        record_call(app, id_, outcome=next(iter(CallOutcome)), note=note, actor=BY)
    return Lived(app, both, people)


def _everybody(app: AppContext) -> dict[UUID, records.Person]:
    with app.store.read() as session:
        found = session.scalars(select(Patient)).all()
        return {
            one.id: person for one in found if (person := records.read_patient(one, app.keyring))
        }


def _exported(lived: Lived, patient: UUID) -> tuple[str, dict[str, Any]]:
    made = export_person(lived.app, patient, actor=BY)
    with ZipFile(BytesIO(made.content)) as archive:
        page, data = (archive.read(name).decode() for name in ("your-data.html", "data.json"))
    return page + data, json.loads(data)


def _every_id(lived: Lived) -> dict[str, set[str]]:
    """Return the ids of all rows that are about somebody, as text with and without hyphens."""
    found: dict[str, set[str]] = {}
    with lived.app.store.read() as session:
        for name, table in all_tables().items():
            about = data_map().tables[name].person is not None or name in {"staff", "drafts"}
            if about and "id" in table.c and isinstance(table.c.id.type, Uuid):
                found[name] = {str(id_) for id_ in session.scalars(select(table.c.id))}
    return found


def test_it_holds_all_of_one_person_and_nothing_of_any_other(lived: Lived):
    everybody, ids = _everybody(lived.app), set().union(*_every_id(lived).values())
    words = {"note": {f"note on {id_.hex[:5]}{id_.hex[-7:]}" for id_ in everybody}}
    for patient in (*lived.people.values(), lived.both.survivor, *everybody):
        if patient == lived.both.duplicate:
            continue
        whole, data = _exported(lived, patient)
        mine = {row["id"] for row in data["tables"]["patients"]["rows"]}
        own = {value for id_ in mine for value in _values(everybody[UUID(id_)])}
        held = {row["id"] for it in data["tables"].values() for row in it["rows"] if "id" in row}

        assert not [value for value in own if value not in whole]
        others = {v for id_, one in everybody.items() if str(id_) not in mine for v in _values(one)}
        said = words["note"] - {f"note on {patient.hex[:5]}{patient.hex[-7:]}"}
        secret = {"Another Row", "Staffname", "sam@example.com", "Whose words", *said}
        assert not [value for value in (others - own) | secret if value in whole]
        strange = {str(id_) for id_ in ids} - held
        folded = whole.lower()
        assert not [id_ for id_ in strange if id_ in folded or id_.replace("-", "") in folded]


def _values(person: records.Person) -> set[str]:
    return {it for it in (person.name, person.nhs_number, person.mobile, person.email) if it}


def test_it_has_what_each_way_brought(lived: Lived):
    page, data = _exported(lived, lived.both.survivor)
    assert {row["id"] for row in data["tables"]["patients"]["rows"]} == {
        str(lived.both.survivor), str(lived.both.duplicate),
    }  # fmt: skip
    assert "ours" in page
    assert "She says so" in page
    fed = lived.people[FED]
    page, data = _exported(lived, fed)
    assert "My Own Row" in page
    assert data["tables"]["feed_people"]["rows"][0]["facts"]
    assert data["tables"]["feed_messages"]["rows"][0]["control_id"] == "F1"
    assert len(data["tables"]["attempts"]["rows"]) == page.count("<dt>Delivery status</dt>") > 0
    assert "staff (enrol and manage)" in page
    # What was sent stands there in its words, and with its address.
    sent = data["tables"]["attempts"]["rows"]
    assert all(len(row["body"]) > 100 and row["address"].startswith("+447") for row in sent)
    assert WITHHELD not in page
    events = [it.action for it in rows(lived.app, AuditEvent) if it.patient_id == fed]
    assert "patient.data-exported" in events


def test_what_can_not_be_exported_is_refused(lived: Lived):
    with pytest.raises(NotFound, match="there is no patient"):
        export_person(lived.app, UUID(int=1), actor=BY)
    with pytest.raises(Conflict, match="export that one"):
        export_person(lived.app, lived.both.duplicate, actor=BY)


# ------------------------------------------------------------------ what the data map covers

NOT_BY_PERSON = {"uploaded_lists": "rows are found by what stands in them"}


def test_every_table_that_leads_to_a_patient_is_exported():
    led = {"patients"}
    tables = all_tables()
    while more := {name for name, it in tables.items() if name not in led and _leads(it) & led}:
        led |= more
    covered = {name for name, note in data_map().tables.items() if note.person is not None}

    assert led <= covered, f"followup/store/data_map.toml: person = … of {led - covered}"
    for name in covered | NOT_BY_PERSON.keys():
        note, table = data_map().tables[name], tables[name]
        for column in table.columns:
            if isinstance(column.type, LargeBinary) and not column.key.endswith(SEALED):
                assert column.key in note.left_out, f"{name}.{column.key} is no text: leave it out"
        for place in (note.person or {}).values():
            assert place.split(".")[1] in tables[place.split(".")[0]].c


def _leads(table: Table) -> set[str]:
    keys = {it.column.table.name for it in table.foreign_keys}
    guessed = {"patient_id": "patients", "message_id": "messages", "enrolment_id": "enrolments"}
    guessed |= {"attempt_id": "attempts", "person_id": "feed_people"}
    return keys | {to for name, to in guessed.items() if name in table.c}
