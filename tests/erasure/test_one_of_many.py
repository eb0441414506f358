"""One of many patients is erased: no file tells of them, and everything of all others is proved."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from shutil import copyfile
from uuid import UUID

import pytest
from sqlalchemy import select

from followup.audit.evidence_pack import evidence_pack
from followup.audit.queries import events_of_patient
from followup.audit.tree import sign_trail, trail_signer
from followup.audit.verify import verify_trail
from followup.context import AppContext
from followup.recovery.backup import make_backup
from followup.recovery.restore import mark_restored
from followup.store.models.audit import AuditCheckpoint
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt, Message
from followup.store.models.patients import Patient, SearchKey
from scripts.verify_evidence import verify as verify_pack
from tests.erasure.test_erasure import erase, patient_of
from tests.support.apps import clock_of, enrol_many, make_app, rows, run_until
from tests.support.people import ENROLLED_AT


def sign_all(app: AppContext) -> None:
    clock_of(app).advance_real(timedelta(hours=1))
    while sign_trail(app):
        pass


def kept_of(app: AppContext, patient: UUID) -> set[bytes]:
    """Return all that is kept sealed or as a hash of one patient alone, and their reference."""
    messages = select(Message.id).where(Message.patient_id == patient)
    found: dict[bool, set[bytes]] = {True: set(), False: set()}
    with app.store.read() as session:
        for model, mine in (
            (Patient, Patient.id == patient),
            (SearchKey, SearchKey.patient_id == patient),
            (Enrolment, Enrolment.patient_id == patient),
            (Message, Message.patient_id == patient),
            (Attempt, Attempt.message_id.in_(messages)),
        ):
            for is_mine in (True, False):
                for row in session.execute(
                    select(model.__table__).where(mine if is_mine else ~mine)
                ):
                    found[is_mine] |= {it for it in row if isinstance(it, bytes) and len(it) > 8}
        (reference,) = session.scalars(
            select(Enrolment.reference).where(Enrolment.patient_id == patient)
        )
    return found[True] - found[False] | {f"{reference}".encode()}


def traces(file: Path, kept: set[bytes]) -> set[bytes]:
    """Return what of it stands in a database's file, or in what SQLite keeps beside it."""
    beside = [one for one in file.parent.glob(f"{file.name}*") if one.is_file()]
    content = [one.read_bytes() for one in beside]
    return {value for value in kept if any(value in one for one in content)}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("many", [6, pytest.param(1_000, marks=pytest.mark.long)])
def test_no_file_tells_of_them_and_everything_of_all_others_is_proved(
    migrated_sqlite_url: str, tmp_path: Path, many: int
):
    app = make_app(migrated_sqlite_url)
    object.__setattr__(app, "shred_list", tmp_path / "erased.note")
    file = Path(app.store.engine.url.database or "")
    # REF-499: REF-5 or REF-50 and the id behind it, 01…, read as REF-501 or REF-500.
    victim = patient_of(app, enrol_many(app, many)[many // 2 - 2])
    run_until(app, ENROLLED_AT + timedelta(days=1))
    sign_all(app)
    kept = kept_of(app, victim)
    backup = make_backup(file, tmp_path / "backup", at=app.clock.real_now()).path
    assert traces(backup, kept) == kept
    assert len(kept) > 20

    erase(app, victim)

    assert traces(file, kept) == set(), "also while it is in use"
    sign_all(app)
    key, pack = str(trail_signer(app).key), tmp_path / "pack.zip"
    with app.store.read() as session:
        for patient in session.scalars(select(Patient.id)).all():
            events = events_of_patient(session, patient)
            pack.write_bytes(evidence_pack(session, app, events, report={}, named=False))
            assert verify_pack(str(pack), key).startswith(f"{len(events)} ")
    for checkpoint in rows(app, AuditCheckpoint):
        assert verify_trail(app, kept=checkpoint.note).intact
    app.close()
    assert traces(file, kept) == set()

    restored = tmp_path / "restored.sqlite3"
    copyfile(backup, restored)
    with closing(make_app(f"sqlite:///{restored}")) as again:
        object.__setattr__(again, "shred_list", app.shred_list)
        assert mark_restored(again, taken_at=None, actor="cli:operator").erased == 1
        assert traces(restored, kept) == set()
        assert [it.id for it in rows(again, Patient) if it.erased_at] == [victim]
