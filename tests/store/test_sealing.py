"""What identifies a patient lies sealed in the database, and opens with the right key only."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text, update
from sqlalchemy.engine import make_url

from followup.context import AppContext
from followup.delivery.receipts import take_receipt
from followup.delivery.sandbox_outbox import StoredOutbox
from followup.domain.errors import WrongMasterKey
from followup.enrolment.withdraw import withdraw_enrolment, withdrawal_reason
from followup.patients.records import read_patient
from followup.providers.interface import ReportedStatus
from followup.store.encryption.keyring import load_keyring, rotate_master_key
from followup.store.encryption.sealing import BlindIndexes, MasterKeys, Sealer, WrappedKey
from followup.store.models.base import Base
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import ContentVersion
from followup.store.models.operations import ServiceKey
from followup.store.models.patients import Patient
from tests.support.apps import (
    MASTER_KEY,
    enrol_one,
    make_app,
    messages,
    rows,
    run_until,
    sms_of,
    tick,
)
from tests.support.people import EMAIL, ENROLLED_AT, SMS, person
from tests.support.scripted_channel import refuse

OTHER_KEY = bytes(range(1, 33))
SOMEBODY = person(
    1,
    name="Wilhelmina Featherstonehaugh",
    mobile="+447700900777",
    email="wilhelmina.f@example.com",
)
SECRETS = {
    "surname": "Featherstonehaugh",
    "first name": "Wilhelmina",
    "mobile": "7700900777",
    "e-mail": "wilhelmina.f",
    "NHS number": str(SOMEBODY.nhs_number),
    "birth date": str(SOMEBODY.date_of_birth),
    "words of a text": "numb or heavy leg",
    "words of an e-mail": "<html",
    "staff's words": "Wilhelmina's daughter rang",
}


def play(app: AppContext) -> None:
    """Let every table get a row of somebody's: sent, failed, fallen back, answered, withdrawn."""
    who = {name: getattr(SOMEBODY, name) for name in ("name", "mobile", "email")}
    enrolment = enrol_one(app, diabetic=True, **who)
    enrol_one(app, 2, channels=(EMAIL,))
    sms_of(app).script(refuse("30006", recipient=True))
    run_until(app, ENROLLED_AT + timedelta(days=3))
    withdraw_enrolment(app, enrolment, reason="Wilhelmina's daughter rang", actor="cli:test")


def everything_in(app: AppContext) -> str:
    """Return every value of every row of every table, as a dump would show it."""
    found = []
    with app.store.read() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(text(f"SELECT * FROM {table.name}")):
                found += [
                    bytes(value).decode("latin-1")
                    if isinstance(value, bytes | memoryview)
                    else str(value)
                    for value in row
                ]
    return "\n".join(found)


def test_no_row_of_any_table_shows_who_somebody_is(app: AppContext):
    play(app)

    dump = everything_in(app)

    assert "derriford-pain" in dump
    # Content versions hold the templates, of which nobody's message can be told.
    sources = {str(row.sources) for row in _content(app)}
    for source in sources:
        dump = dump.replace(source, "")
    shown = {what for what, secret in SECRETS.items() if secret in dump and "words" not in what}
    assert shown == set()
    assert SECRETS["staff's words"] not in dump


def test_the_raw_file_shows_nothing_either(migrated_sqlite_url: str):
    file = Path(make_url(migrated_sqlite_url).database or "")
    with closing(make_app(migrated_sqlite_url, sandbox=True)) as app:
        who = {name: getattr(SOMEBODY, name) for name in ("name", "mobile", "email")}
        enrol_one(app, diabetic=True, **who)
        run_until(app, ENROLLED_AT + timedelta(days=1))
        sent = next(text for text in _texts(app) if "blood sugar" in text)
        raw = b"".join(each.read_bytes() for each in file.parent.glob(f"{file.name}*"))

    assert b"derriford-pain" in raw
    for what, secret in SECRETS.items():
        if "words" not in what:
            assert secret.encode() not in raw, what
            assert secret.encode("utf-16-le") not in raw, what
    # Whole messages, as sent: the template's pieces are in the table of content versions.
    assert sent.encode() not in raw


def test_the_search_of_the_raw_file_would_find_something(tmp_path: Path):
    file = tmp_path / "plain.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (name TEXT)")
        connection.execute("INSERT INTO t VALUES (?)", [SECRETS["surname"]])
        connection.commit()

    assert SECRETS["surname"].encode() in file.read_bytes()


def test_a_sealed_value_opens_in_its_own_column_alone():
    sealer = Sealer(MASTER_KEY)
    sealed = sealer.seal("+447700900123", column="patients.mobile")

    assert sealer.open(sealed, column="patients.mobile") == "+447700900123"
    with pytest.raises(WrongMasterKey, match=r"a sealed value of patients.email does not open"):
        sealer.open(sealed, column="patients.email")


def test_what_was_said_opens_in_its_own_row_alone():
    sealer, one, other = Sealer(MASTER_KEY), uuid4(), uuid4()
    sealed = sealer.seal("Ring 999", column="attempts.body", row=one)

    assert sealer.open(sealed, column="attempts.body", row=one) == "Ring 999"
    for row in (other, None):
        with pytest.raises(WrongMasterKey, match="or for another place"):
            sealer.open(sealed, column="attempts.body", row=row)


def test_equal_values_are_sealed_differently_each_time():
    sealer = Sealer(MASTER_KEY)

    assert len({sealer.seal("same", column="t.c") for _ in range(100)}) == 100


def test_a_changed_bit_does_not_open():
    sealed = bytearray(Sealer(MASTER_KEY).seal("value", column="t.c"))
    sealed[-1] ^= 1

    with pytest.raises(WrongMasterKey):
        Sealer(MASTER_KEY).open(bytes(sealed), column="t.c")


def test_what_is_absent_stays_absent():
    sealer = Sealer(MASTER_KEY)

    assert sealer.seal_if(None, column="t.c") is None
    assert sealer.open_if(None, column="t.c") is None


def test_a_value_moved_to_another_patient_does_not_open(app: AppContext):
    enrol_one(app, 1)
    enrol_one(app, 2)
    first, second = rows(app, Patient)

    with app.store.write() as session:
        session.execute(
            update(Patient).where(Patient.id == second.id).values(name_sealed=first.name_sealed)
        )
        with pytest.raises(WrongMasterKey):
            read_patient(session.get_one(Patient, second.id, populate_existing=True), app.keyring)


def test_indexes_find_equal_values_of_one_kind_and_tell_kinds_and_keys_apart():
    one, other = BlindIndexes(MASTER_KEY), BlindIndexes(OTHER_KEY)

    assert one.of("sms", "x") == one.of("sms", "x")
    assert (
        len({one.of("sms", "x"), one.of("email", "x"), one.of("sms", "y"), other.of("sms", "x")})
        == 4
    )
    assert one.of_if("sms", None) is None


def test_the_wrong_master_key_says_which_is_missing_and_where_to_put_it(migrated_url: str):
    with pytest.raises(WrongMasterKey) as refusal:
        make_app(migrated_url, master_keys=[OTHER_KEY])

    told = str(refusal.value)
    assert "FOLLOWUP_MASTER_KEYS" in told
    assert MasterKeys((MASTER_KEY,)).current_id in told
    assert MasterKeys((OTHER_KEY,)).current_id in told
    assert MASTER_KEY.hex() not in told


def test_a_key_that_claims_another_s_name_does_not_unwrap():
    wrapped = MasterKeys((MASTER_KEY,)).wrap(bytes(32))

    with pytest.raises(WrongMasterKey):
        MasterKeys((OTHER_KEY,)).unwrap(
            WrappedKey(wrapped.wrapped, MasterKeys((OTHER_KEY,)).current_id)
        )


def test_a_rotation_lets_the_old_key_go(app: AppContext, monkeypatch):
    monkeypatch.setattr("followup.store.encryption.keyring.ROTATE_BATCH", 2)
    for serial in range(1, 6):
        enrol_one(app, serial)
    both = MasterKeys((OTHER_KEY, MASTER_KEY))

    assert rotate_master_key(app.store, both) == 4 + 5
    assert rotate_master_key(app.store, both) == 0

    keyring = load_keyring(app.store, MasterKeys((OTHER_KEY,)))
    names = {
        getattr(read_patient(patient, keyring), "name", None) for patient in rows(app, Patient)
    }
    assert names == {person(serial).name for serial in range(1, 6)}
    assert keyring.audit_key == app.keyring.audit_key


def test_a_rotation_leaves_an_erased_patient_erased(app: AppContext):
    enrol_one(app)
    _erase(app)

    rotate_master_key(app.store, MasterKeys((OTHER_KEY, MASTER_KEY)))

    (patient,) = rows(app, Patient)
    assert patient.data_key is None


def test_after_an_erasure_nothing_opens_and_nothing_is_sent(app: AppContext):
    enrol_one(app)
    _erase(app)

    tick(app)

    (patient,) = rows(app, Patient)
    assert read_patient(patient, app.keyring) is None
    assert sms_of(app).calls == []
    (going_home,) = [one for one in messages(app) if one.step == "going-home"]
    assert (going_home.state, going_home.reason) == ("cancelled", "erased")


def test_a_late_receipt_for_an_erased_patient_is_kept_without_a_fuss(app: AppContext):
    enrol_one(app)
    tick(app)
    (taken,) = sms_of(app).taken.values()
    _erase(app)

    report = sms_of(app).reaches(taken.id, ReportedStatus.FAILED, code="30006", recipient=True)
    take_receipt(app, report, provider="scripted")

    assert [one.state for one in messages(app) if one.step == "going-home"] == ["failed"]


def test_service_keys_are_made_once_however_many_start_at_once(app: AppContext):
    with app.store.write() as session:
        session.query(ServiceKey).delete()

    with ThreadPoolExecutor(4) as pool:
        keyrings = list(
            pool.map(lambda _: load_keyring(app.store, MasterKeys((MASTER_KEY,))), range(4))
        )

    assert len({keyring.audit_key for keyring in keyrings}) == 1
    assert len(rows(app, ServiceKey)) == 4


def test_the_words_that_end_an_enrolment_are_sealed_and_can_be_read(app: AppContext):
    enrolment_id = enrol_one(app)
    withdraw_enrolment(app, enrolment_id, reason=" moved to Cornwall ", actor="cli:test")

    (patient,), (enrolment,) = rows(app, Patient), rows(app, Enrolment)
    assert withdrawal_reason(app, enrolment, patient) == "moved to Cornwall"
    _erase(app)
    (patient,) = rows(app, Patient)
    assert withdrawal_reason(app, enrolment, patient) is None


def _erase(app: AppContext) -> None:
    with app.store.write() as session:
        session.execute(
            update(Patient).values(data_key=None, master_key_id=None, erased_at=app.clock.now())
        )


def _content(app: AppContext):
    return rows(app, ContentVersion)


def _texts(app: AppContext) -> list[str]:
    return [one.body for one in StoredOutbox(app.store, app.keyring).entries(kind=SMS)]
