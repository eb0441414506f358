"""Evidence packs, read by two verifiers that share nothing: ours, and one from the documents."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from random import Random
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from followup.audit.evidence_pack import CHECKPOINT, CONTENTS, EVENTS, evidence_pack
from followup.audit.tree import trail_signer
from followup.context import AppContext
from followup.signatures.signed_notes import NoteSigner
from followup.store.audit_log import AuditEntry, record_events
from followup.store.models.audit import AuditEvent
from scripts.verify_evidence import L
from scripts.verify_evidence import verify as verify_ours
from tests.audit.test_evidence_pack import packed, resigned
from tests.audit.test_verify import record, sign

OUTSIDER = Path(__file__).parents[1] / "support/node/verify_evidence.mjs"
WHO = "web:a.nurse@clinic.example"

Files = dict[str, bytes]
Change = Callable[[Files], object]


def record_of_many(app: AppContext) -> None:
    """Put events of people into the trail, with words that verifiers could read differently."""
    entries = [
        AuditEntry(action="message.sent", clinic="c\u2028\u00e9\U0001f642", detail={"number": 1.5})
    ]
    with app.store.write() as session:
        record_events(session, app.by(WHO), entries * 5)


@pytest.fixture
def trail(sqlite_app: AppContext) -> AppContext:
    for number in (3, 300):
        record(sqlite_app, number)
        record_of_many(sqlite_app)
        sign(sqlite_app)
    record_of_many(sqlite_app)
    return sqlite_app


def verdicts(folder: Path, packs: dict[str, bytes], key: str) -> dict[str, tuple[str, str]]:
    """Return what ours says of each pack, and the outsider; all in one process of it."""
    paths = {name: folder / f"{number}.zip" for number, name in enumerate(packs)}
    for name, path in paths.items():
        path.write_bytes(packs[name])
    asked = "".join(f"{json.dumps({'pack': str(it), 'key': key})}\n" for it in paths.values())
    done = subprocess.run(
        ["node", OUTSIDER], input=asked, capture_output=True, text=True, timeout=120, check=True,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    answers = map(json.loads, done.stdout.splitlines())
    return {
        name: (said_by_us(path, key), said_by_outsider(answer))
        for (name, path), answer in zip(paths.items(), answers, strict=True)
    }


def said_by_us(pack: Path, key: str) -> str:
    try:
        proved, _, rest = verify_ours(str(pack), key).partition(" ")
    except Exception as error:  # noqa: BLE001 - the program refuses on each
        return f"refused: {error}"
    return f"{proved} proved, {rest.split(', ')[1]}"


def said_by_outsider(answer: dict[str, str]) -> str:
    if "refused" in answer:
        return f"refused: {answer['refused']}"
    return f"{answer['proved']} proved, {answer['unsigned']} not signed"


def zipped(files: Files) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def unzipped(pack: bytes) -> Files:
    with ZipFile(BytesIO(pack)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_both_verifiers_prove_the_same_of_whole_packs(trail: AppContext, tmp_path: Path):
    random = Random(7)
    ranges = [slice(at := random.randrange(300), at + random.randrange(1, 20)) for _ in range(16)]
    ranges += [slice(0, 1), slice(-3, None), slice(-12, None), slice(0, 0)]
    packs = {
        f"{number} {wanted}": packed(trail, wanted, named=bool(number % 2))
        for number, wanted in enumerate(ranges)
    }

    told = verdicts(tmp_path, packs, str(trail_signer(trail).key))

    assert len(told) == 20
    assert {name: ours for name, (ours, _) in told.items() if "refused" in ours} == {}
    assert [ours for ours, _ in told.values()] == [outsider for _, outsider in told.values()]
    assert any(", 0 not" not in ours for ours, _ in told.values())


def in_line(old: str, new: str, *, last: bool = False) -> Change:
    """Change the first event's line, or the last's, which is not signed yet."""

    def change(files: Files) -> None:
        lines = files[EVENTS].decode().splitlines(keepends=True)
        at = -1 if last else 0
        assert old in lines[at], (old, lines[at])
        lines[at] = lines[at].replace(old, new, 1)
        files[EVENTS] = "".join(lines).encode()

    return change


def entries_of(change: Callable[[list[dict[str, object]]], object]) -> Change:
    def of_files(files: Files) -> None:
        entries = [json.loads(line) for line in files[EVENTS].splitlines()]
        change(entries)
        files[EVENTS] = "".join(f"{json.dumps(entry)}\n" for entry in entries).encode()

    return of_files


def in_proofs(old: str, new: str) -> Change:
    def change(files: Files) -> None:
        name = first_proof(files)
        assert old in files[name].decode()
        files[name] = files[name].replace(old.encode(), new.encode(), 1)

    return change


def first_proof(files: Files) -> str:
    return f"proofs/{json.loads(files[EVENTS].splitlines()[0])['index']}.tlog-proof"


def rename_actor(entries: list[dict[str, object]]) -> None:
    """Move the beginning of a name into its salt: the hash over both stays as it was signed."""
    entry = entries[0]
    actor = str(entry["actor"])
    entry["actor_salt"] = str(entry["actor_salt"]) + actor[:4].encode().hex()
    entry["actor"], entry["role"] = actor[4:], actor[4:].partition(":")[0]


def lengthen_event(entries: list[dict[str, object]]) -> None:
    """Cut an event's end off and put it into its salt: the leaf stays as it was signed."""
    event = str(entries[0]["event"])
    entries[0]["event"] = event[:-1]
    entries[0]["salt"] = event[-1:].encode().hex() + str(entries[0]["salt"])


def slip_in(entries: list[dict[str, object]]) -> None:
    """Tell that an event is not signed yet, which stands between others that are."""
    entries[1]["index"] = None


def slip_in_with_proof_gone(files: Files) -> None:
    index = json.loads(files[EVENTS].splitlines()[1])["index"]
    entries_of(slip_in)(files)
    files.pop(f"proofs/{index}.tlog-proof")


def true_index(files: Files) -> None:
    """Write the leaf 1 as true, which some languages take for 1."""
    entries_of(lambda entries: entries[1].update(index=True))(files)
    files["proofs/True.tlog-proof"] = files.pop("proofs/1.tlog-proof")


def change_hash(hash_of: Callable[[str], str]) -> Change:
    def change(files: Files) -> None:
        name = first_proof(files)
        lines = files[name].decode().split("\n")
        lines[2] = hash_of(lines[2])
        files[name] = "\n".join(lines).encode()

    return change


def loose_end(encoded: str) -> str:
    """Return other base64 of the same bytes: its last character has two bits that nobody reads."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return f"{encoded[:-2]}{alphabet[alphabet.index(encoded[-2]) + 1]}="


BY_ANYBODY: dict[str, Change] = {
    "an event edited": in_line("message.sent", "message.lost"),
    "a report edited": lambda files: files.update({"report.json": b"{ }"}),
    "a file added": lambda files: files.update({"more.txt": b""}),
    "a file gone": lambda files: files.pop("README.txt"),
    "the contents gone": lambda files: files.pop(CONTENTS),
    "contents with CRLF": lambda files: files.update(
        {CONTENTS: files[CONTENTS].replace(b"\n", b"\r\n")}
    ),
    "a name in another Unicode form": lambda files: files.update(
        {"re\u0301port.json": files.pop("report.json")}
    ),
    "a name with NUL": lambda files: files.update({"report.jso\u00f1": files.pop("report.json")}),
}
"""Without the key of the trail."""

BY_KEY_HOLDER: dict[str, Change] = {
    "an event edited, listed anew": in_line("message.sent", "message.lost"),
    "an event twice": lambda files: files.update(
        {EVENTS: files[EVENTS].splitlines(keepends=True)[0] + files[EVENTS]}
    ),
    "events in another order": lambda files: files.update(
        {EVENTS: b"".join(files[EVENTS].splitlines(keepends=True)[::-1])}
    ),
    "events cut": lambda files: files.update({EVENTS: files[EVENTS][:-1]}),
    "events with CRLF": lambda files: files.update({EVENTS: files[EVENTS].replace(b"\n", b"\r\n")}),
    "events behind a byte order mark": lambda files: files.update(
        {EVENTS: b"\xef\xbb\xbf" + files[EVENTS]}
    ),
    "an event gone, its proof left": lambda files: files.update(
        {EVENTS: b"".join(files[EVENTS].splitlines(keepends=True)[1:])}
    ),
    "a proof gone": lambda files: files.pop(first_proof(files)),
    "a name's beginning in its salt": entries_of(rename_actor),
    "an event's end in its salt": entries_of(lengthen_event),
    "a name under a key that nobody reads": entries_of(lambda all_: all_[0].update(Actor=WHO)),
    "the salt of a name alone": entries_of(lambda all_: all_[0].pop("actor")),
    "no role": entries_of(lambda all_: all_[0].pop("role")),
    "another actor": in_line('"actor": "web:a', '"actor": "web:b', last=True),
    "another role": in_line('"role": "worker"', '"role": "web"'),
    "another role, not signed yet": in_line('"role": "web"', '"role": "worker"', last=True),
    "a salt in capitals": entries_of(
        lambda all_: all_[0].update(salt=str(all_[0]["salt"]).upper())
    ),
    "a salt with spaces": in_line('"salt": "', '"salt": " '),
    "words of no message": entries_of(lambda all_: all_[0].update(words="{}", words_salt="0" * 32)),
    "words without their salt": entries_of(lambda all_: all_[0].update(words="{}")),
    "no salt": in_line('"salt"', '"pepper"'),
    "index twice": in_line('{"index"', '{"index": 7, "index"'),
    "event twice in a line": in_line('"event"', '"event": "{}", "event"'),
    "salt twice": in_line('"salt"', '"salt": "00", "salt"'),
    "a key twice in an event not signed yet": in_line(
        '{\\"action\\"', '{\\"action\\":\\"x\\",\\"action\\"', last=True
    ),
    "a negative index": in_line('"index": ', '"index": -'),
    "an index of 2 to the power of 64": in_line('"index": ', '"index": 1844674407370955161'),
    "an index with a fraction": in_line(",", ".0,"),
    "an index with an exponent": in_line(",", "e0,"),
    "an index beyond numbers": in_line(",", "e999,"),
    "an index in a string": in_line('"index": 0', '"index": "0"'),
    "true for an index": true_index,
    "an event that is half a surrogate pair": in_line("message.sent", "\\ud800"),
    "an event among the signed ones told as not signed": slip_in_with_proof_gone,
    "an event told as not signed, its proof left": entries_of(slip_in),
    "a proof's index with a zero": in_proofs("index 0", "index 00"),
    "a proof's index with a plus": in_proofs("index 0", "index +0"),
    "a proof with an extra line": in_proofs("index 0", "extra AAAA\nindex 0"),
    "a proof with CRLF": in_proofs("\n", "\r\n"),
    "a proof of another version": in_proofs("proof@v1", "proof@v2"),
    "a proof under another checkpoint": in_proofs("\n\n", "\n\n\n"),
    "a proof with a hash too many": change_hash(lambda it: f"{it}\n{it}"),
    "a proof with a hash too few": in_proofs("index 0\n", "index 0"),
    "a hash with bits that nobody reads": change_hash(loose_end),
    "a hash with a character that is no base64": change_hash(lambda it: f"{it[:3]}*{it[3:]}"),
    "a hash without its padding": change_hash(lambda it: it.rstrip("=")),
    "a hash with more padding": change_hash(lambda it: f"{it}="),
    "a hash with a space": change_hash(lambda it: f"{it} "),
    "a hash cut": change_hash(lambda it: b64encode(b64decode(it)[:31]).decode()),
}
"""With it, but against a checkpoint that was signed before."""


def test_both_verifiers_refuse_packs_that_were_tampered_with(trail: AppContext, tmp_path: Path):
    signer = trail_signer(trail)
    with trail.store.read() as session:
        whole = [*range(4), -1]
        events = session.query(AuditEvent).order_by(AuditEvent.id).all()
        pack = evidence_pack(
            session, trail, [events[at] for at in whole], report={"report.json": b"{}"}, named=True
        )
    tampered = {"whole": pack, "packed anew": zipped(unzipped(pack))}
    for changes in (BY_ANYBODY, BY_KEY_HOLDER):
        for what, change in changes.items():
            files = unzipped(pack)
            change(files)
            assert files != unzipped(pack), what
            if changes is BY_KEY_HOLDER:
                resigned(files, signer)
            tampered[what] = zipped(files)
    tampered |= dict(other_checkpoints(pack, signer)) | dict(other_zips(pack))

    told = verdicts(tmp_path, tampered, str(signer.key))

    assert {told.pop("whole"), told.pop("packed anew")} == {
        ("4 proved, 1 not signed", "4 proved, 1 not signed")
    }
    assert len(told) >= 60
    assert {
        what: both
        for what, both in told.items()
        if not all(said.startswith("refused: ") for said in both)
    } == {}


def other_checkpoints(pack: bytes, signer: NoteSigner) -> Iterator[tuple[str, bytes]]:
    """Make packs under checkpoints that are not as c2sp.org says, signed and listed anew."""
    whole = unzipped(pack)
    note = whole[CHECKPOINT].decode()
    origin, size, root = note.split("\n")[:3]
    text, signature = f"{origin}\n{size}\n{root}\n", note.split("\n")[4]
    name, value = signature.split(" ")[1:]
    raw = b64decode(value)
    s = int.from_bytes(raw[-32:], "little") + L
    others = {
        "another size": signer.sign(f"{origin}\n{int(size) * 4}\n{root}\n"),
        "a size with a zero": signer.sign(f"{origin}\n0{size}\n{root}\n"),
        "a size with a plus": signer.sign(f"{origin}\n+{size}\n{root}\n"),
        "a size with an underscore": signer.sign(f"{origin}\n{size[0]}_{size[1:]}\n{root}\n"),
        "a size in other digits": signer.sign(f"{origin}\n{chr(0x660)}{size}\n{root}\n"),
        "another log": signer.sign(f"elsewhere.example\n{size}\n{root}\n"),
        "a root that nobody reads to its end": signer.sign(
            f"{origin}\n{size}\n{loose_end(root)}\n"
        ),
        "a checkpoint with CRLF": signer.sign(text.replace("\n", "\r\n")),
        "a checkpoint with a tab": signer.sign(f"{text}\tmore\n"),
        "a checkpoint without a root": signer.sign(f"{origin}\n{size}\n"),
        "a checkpoint and more": f"{note}more\n",
        "a checkpoint cut": note[:-1],
        "a signature with junk before it": note.replace(value, f"*{value}"),
        "a signature with other bits": note.replace(value, loose_end(value)),
        "a signature with another S": note.replace(
            value, b64encode(raw[:-32] + s.to_bytes(32, "little")).decode()
        ),
        "a signature cut": note.replace(value, b64encode(raw[:-1]).decode()),
        "a signature of another name": note.replace(f"\u2014 {name}", f"\u2014 {name}x"),
        "a signature of another key": NoteSigner(bytes(32), name=origin).sign(text),
    }
    for what, other in others.items():
        files = {
            each: content.replace(note.encode(), other.encode()) for each, content in whole.items()
        }
        resigned(files, signer)
        yield what, zipped(files)
    files = unzipped(pack)
    del files[CHECKPOINT]
    resigned(files, signer)
    yield "no checkpoint", zipped(files)


def other_zips(pack: bytes) -> Iterator[tuple[str, bytes]]:
    """Make zips that another reader than the verifier could unpack to something else."""
    files = unzipped(pack)
    yield "bytes before the zip", b"before" + pack
    yield "bytes after the zip", pack + b"after"
    yield "two zips in one", zipped({"report.json": b"{ }"}) + pack
    yield "two zips in one, the other way", pack + zipped({"report.json": b"{ }"})
    made = BytesIO(pack)
    with ZipFile(made, "a") as archive:
        archive.comment = b"a comment"
    yield "a comment", made.getvalue()
    made = BytesIO(pack)
    with pytest.warns(UserWarning, match="Duplicate name"), ZipFile(made, "a") as archive:
        archive.writestr("report.json", b"{ }")
    yield "two reports", made.getvalue()
    yield "a name cut by NUL", pack.replace(b"README.txt", b"README.tx\0")
    odd = {(f"{name}\0x" if name == "README.txt" else name): it for name, it in files.items()}
    stand_in = {name.replace("\0", "!"): it for name, it in odd.items()}
    yield "a name with more after NUL", zipped(stand_in).replace(b"README.txt!x", b"README.txt\0x")
    directory = pack.index(b"PK\x01\x02")
    other = pack[directory:].replace(b"\x08\x00", b"\x63\x00", 1)
    yield "a method that is none", pack[:directory] + other
    hidden = zipped({"report.json": b"{ }"})
    hidden = hidden[: hidden.index(b"PK\x01\x02")]
    end = bytearray(pack[-22:])
    struct.pack_into("<I", end, 16, directory + len(hidden))
    yield "a file that is in no directory", pack[:directory] + hidden + pack[directory:-22] + end
    yield "no zip", b"no zip"
    yield "nothing", b""
