"""Evidence packs, checked by a program that has nothing but the pack and a public key."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from random import Random
from uuid import UUID
from zipfile import ZipFile

import pytest
from sqlalchemy import update

from followup.audit.evidence_pack import CONTENTS, EVENTS, evidence_pack, without_names
from followup.audit.sent_words import sent_words
from followup.audit.tree import trail_signer
from followup.context import AppContext
from followup.domain.erasure.grounds import ErasureGround
from followup.domain.errors import TrailDamaged
from followup.erasure.requests import decide_erasure, propose_erasure
from followup.signatures.signed_notes import NoteSigner
from followup.store.models.audit import AuditEvent
from followup.store.models.messages import Attempt
from followup.store.models.patients import Patient
from tests.audit.test_verify import open_to_changes, record, sign
from tests.support.apps import enrol_one, rows, sealer_of, tick

VERIFIER = Path("scripts/verify_evidence.py").resolve()
WHO = "web:a.nurse@clinic.example"


def verdict(pack: Path, key: str) -> subprocess.CompletedProcess[str]:
    """Run the verifier in a Python that knows nothing of this checkout."""
    return subprocess.run(
        [sys.executable, "-I", "-S", VERIFIER, pack, key],
        capture_output=True, text=True, cwd=pack.parent, timeout=60, check=False,
    )  # fmt: skip


def packed(app: AppContext, wanted: slice, *, named: bool = False) -> bytes:
    with app.store.read() as session:
        events = session.query(AuditEvent).order_by(AuditEvent.id).all()[wanted]
        report = {"report.json": b"{}"}
        return evidence_pack(session, app, events, report=report, named=named)


@pytest.fixture
def trail(sqlite_app: AppContext) -> AppContext:
    """A trail of some tiles, most of it signed."""
    for number in (3, 300, 600):
        record(sqlite_app, number)
        sign(sqlite_app)
    record(sqlite_app, 2)
    return sqlite_app


def test_packs_are_proved_by_the_verifier_alone(trail: AppContext, tmp_path: Path):
    key, random = str(trail_signer(trail).key), Random(3)
    for number in range(6):
        wanted = slice(first := random.randrange(900), first + random.randrange(1, 12))
        pack = tmp_path / f"{number}.zip"
        pack.write_bytes(packed(trail, wanted))

        done = verdict(pack, key)

        assert done.returncode == 0, done.stderr
        assert "not signed, 0 named" in done.stdout

    pack = tmp_path / "newest.zip"
    pack.write_bytes(packed(trail, slice(-4, None), named=True))
    done = verdict(pack, key)
    # The note of the newest checkpoint and what came after it wait for the next one.
    assert done.stdout.startswith("OK: 2 events proved under 904 of followup-audit/")
    assert done.stdout.endswith(", 2 not signed, 4 named, 0 with words\n")


def test_who_acted_is_shown_only_where_that_was_asked_for(trail: AppContext):
    with ZipFile(BytesIO(packed(trail, slice(0, 3)))) as archive:
        events = archive.read(EVENTS).decode()
    with ZipFile(BytesIO(packed(trail, slice(0, 3), named=True))) as archive:
        named = archive.read(EVENTS).decode()

    assert [json.loads(line)["role"] for line in events.splitlines()] == ["worker"] * 3
    assert "actor_salt" not in events
    assert [json.loads(line)["actor"] for line in named.splitlines()] == ["worker"] * 3
    told = {
        "events": [{"actor": WHO, "id": 1}],
        "worklist": [{"closed_by": WHO}, {"closed_by": None}],
    }
    assert without_names(told) == {
        "events": [{"actor": "web", "id": 1}],
        "worklist": [{"closed_by": "web"}, {"closed_by": None}],
    }


def test_the_same_evidence_makes_the_same_bytes(trail: AppContext):
    assert packed(trail, slice(0, 9)) == packed(trail, slice(0, 9))


def repacked(pack: bytes, change) -> bytes:
    with ZipFile(BytesIO(pack)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    made = BytesIO()
    with ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def resigned(files: dict[str, bytes], signer: NoteSigner) -> None:
    """List the files anew and sign the list: by whom, the test says."""
    from hashlib import sha256  # noqa: PLC0415

    files.pop(CONTENTS)
    listed = "".join(f"{sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    files[CONTENTS] = signer.sign(f"evidence pack v1\n{listed}").encode()


def edit_event(files: dict[str, bytes]) -> None:
    files[EVENTS] = files[EVENTS].replace(b"message.sent", b"message.lost", 1)


def swap_proofs(files: dict[str, bytes]) -> None:
    one, other = [name for name in files if name.startswith("proofs/")][:2]
    files[one], files[other] = files[other], files[one]


def twice(files: dict[str, bytes]) -> None:
    files[EVENTS] += files[EVENTS].splitlines(keepends=True)[0]


def other_actor(files: dict[str, bytes]) -> None:
    files[EVENTS] = files[EVENTS].replace(b'"actor": "worker"', b'"actor": "web:x"', 1)


def cut_proof(files: dict[str, bytes]) -> None:
    name = next(name for name in files if name.startswith("proofs/"))
    head, note = files[name].split(b"\n\n", 1)
    files[name] = head.rpartition(b"\n")[0] + b"\n\n" + note


def other_tree(files: dict[str, bytes]) -> None:
    size = files["checkpoint.note"].split(b"\n")[1]
    for name in [name for name in files if name.endswith(("note", "tlog-proof"))]:
        files[name] = files[name].replace(b"\n" + size + b"\n", b"\n%d\n" % (int(size) + 1), 1)


TAMPERED = [edit_event, swap_proofs, twice, other_actor, cut_proof, other_tree]


@pytest.mark.parametrize("change", TAMPERED, ids=lambda change: change.__name__)
@pytest.mark.parametrize("signed_anew", [False, True], ids=["as it was listed", "listed anew"])
def test_a_pack_that_was_tampered_with_is_refused(
    trail: AppContext, tmp_path: Path, change, *, signed_anew: bool
):
    """Also one that somebody with our key listed anew: the checkpoint of the tree still tells."""

    def tamper(files: dict[str, bytes]) -> None:
        change(files)
        if signed_anew:
            resigned(files, trail_signer(trail))

    pack = tmp_path / "pack.zip"
    pack.write_bytes(repacked(packed(trail, slice(0, 5), named=True), tamper))

    done = verdict(pack, str(trail_signer(trail).key))

    assert done.returncode == 1
    assert done.stderr.startswith("REFUSED: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["report.json", EVENTS, "README.txt", CONTENTS, "checkpoint.note"])
def test_a_file_that_is_gone_or_changed_is_noticed(trail: AppContext, tmp_path: Path, name: str):
    whole, key = packed(trail, slice(0, 5)), str(trail_signer(trail).key)
    changes = {
        "gone": lambda files: files.pop(name),
        "changed": lambda files: files.__setitem__(name, files[name] + b" "),
        "added": lambda files: files.__setitem__("more.txt", b""),
    }
    for what, change in changes.items():
        pack = tmp_path / f"{what}.zip"
        pack.write_bytes(repacked(whole, change))
        assert verdict(pack, key).returncode == 1, what


def test_another_key_proves_nothing(trail: AppContext, tmp_path: Path):
    signer = NoteSigner(bytes(32), name="followup-audit/{}")
    pack = tmp_path / "pack.zip"
    pack.write_bytes(packed(trail, slice(0, 5)))

    for key in (str(signer.key), str(trail_signer(trail).key)[:-4], "nonsense"):
        done = verdict(pack, key)
        assert done.returncode == 1
        assert done.stderr.startswith("REFUSED: ")
    pack.write_bytes(b"no zip")
    assert "REFUSED" in verdict(pack, str(signer.key)).stderr


@pytest.mark.parametrize("edited", [4, 900], ids=["in a tile", "among the newest"])
def test_no_pack_is_made_of_events_that_are_not_as_they_were_signed(trail: AppContext, edited: int):
    open_to_changes(trail)
    with trail.store.write() as session:
        session.execute(update(AuditEvent).where(AuditEvent.id == edited).values(action="x"))

    with pytest.raises(TrailDamaged, match="not as it was signed"):
        packed(trail, slice(edited - 3, edited + 3))


def test_before_anything_is_signed_a_pack_says_so(sqlite_app: AppContext, tmp_path: Path):
    record(sqlite_app, 2)
    pack = tmp_path / "pack.zip"
    pack.write_bytes(packed(sqlite_app, slice(None)))

    key = trail_signer(sqlite_app).key
    done = verdict(pack, str(key))

    told = f"0 events proved under 0 of {key.name}, 2 not signed, 0 named, 0 with words\n"
    assert done.stdout == f"NOTHING IS PROVED YET, ask again later: {told}"
    assert done.returncode == 2


def test_the_verifier_is_short_and_stands_alone():
    source = VERIFIER.read_text()

    assert len(source.splitlines()) <= 150
    assert "followup." not in source.replace("`followup audit", "")


def test_a_pack_binds_the_exact_words_and_erased_ones_are_not_told(
    sqlite_app: AppContext, tmp_path: Path
):
    patient = _sent_to(sqlite_app)
    sign(sqlite_app)
    key, pack = str(trail_signer(sqlite_app).key), tmp_path / "sent.zip"
    pack.write_bytes(packed(sqlite_app, slice(0, None)))
    done = verdict(pack, key)
    with ZipFile(pack) as archive:
        lines = [json.loads(line) for line in archive.read(EVENTS).splitlines()]
    carried = [json.loads(line["words"]) for line in lines if "words" in line]
    attempts = rows(sqlite_app, Attempt)
    assert (done.returncode, len(carried)) == (0, len(attempts)), done.stderr
    assert f", {len(attempts)} with words" in done.stdout
    assert all(each.keys() == {"html", "subject", "text"} and each["text"] for each in carried)

    # The database alone could be made to tell of other words: they are not handed out as proved.
    with sqlite_app.store.write() as session:
        first = session.get_one(Attempt, attempts[0].id)
        sealer = sealer_of(sqlite_app, session.get_one(Patient, patient))
        first.body_sealed = sealer.seal("other words", column="attempts.body", row=first.id)
    with sqlite_app.store.read() as session:
        events = session.query(AuditEvent).all()
        assert len(sent_words(session, sqlite_app, events)) == len(attempts) - 1
    asked = propose_erasure(sqlite_app, patient, ground=ErasureGround.ASKED, actor="web:one")
    decide_erasure(sqlite_app, asked, actor="web:two")
    pack.write_bytes(packed(sqlite_app, slice(0, None)))
    assert ", 0 with words" in verdict(pack, key).stdout


def _sent_to(app: AppContext) -> UUID:
    enrol_one(app, 1)
    assert tick(app)
    (patient,) = rows(app, Patient)
    return patient.id
