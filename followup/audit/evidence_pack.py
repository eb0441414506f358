"""Evidence pack: what was done about one patient or enrolment, with proofs that anybody can check.

A zip of plain files. Every event stands in it byte for byte as it was signed, with its proof under
a checkpoint in the format of C2SP (tlog-proof), so that whoever has our public key from elsewhere
needs neither us nor our software: `scripts/verify_evidence.py` is one way, and short.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from sqlalchemy.orm import Session

from followup.audit.damaged_rows import tells_damage
from followup.audit.leaf_proofs import LeafProofs, ProvedEvent
from followup.audit.leaves import canonical_event, salts_of
from followup.audit.sent_words import SentWords, sent_words
from followup.audit.tree import newest_checkpoint, read_checkpoint, trail_signer
from followup.context import AppContext
from followup.domain.errors import TrailDamaged
from followup.store.models.audit import AuditEvent

EVENTS, CONTENTS, CHECKPOINT = "events.jsonl", "contents.note", "checkpoint.note"
FIRST_LINE = "evidence pack v1"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold: the same content makes the same bytes."""

EXPLAINED = """\
What this is
============
Evidence from a follow-up system: what was done, in which order, and proof that nobody changed it
since it was signed.

  report.*          the same for people to read
  {events}      every event, one a line, exactly as it was signed ("event"), with its salt
  proofs/*.tlog-proof   for each event: its place in the signed tree, and the way to its root
  {checkpoint}   the signed head of the tree that the proofs lead to
  {contents}     every file here by its SHA-256, signed

How to check it
===============
1. Get the public key from the clinic by another way than this file: `followup audit --verify` shows
   it. It begins with {origin}
2. python3 verify_evidence.py PACK.zip KEY
   It needs Python alone. Or write your own: a leaf is SHA-256 of a zero byte, "event" as it stands,
   and its salt; trees are those of RFC 6962, proofs and checkpoints those of c2sp.org/tlog-proof,
   c2sp.org/tlog-checkpoint and c2sp.org/signed-note. Who acted stands in an event as the SHA-256 of
   "actor_salt" and the name, which are in the pack only if it was made to name people. "words" are
   the exact words of a message; its event holds the SHA-256 of "words_salt" and them.

What it does not prove: that nothing was left out of the pack, and anything about events without a
proof, which are younger than the checkpoint.
"""


@tells_damage
def evidence_pack(
    session: Session,
    app: AppContext,
    events: Sequence[AuditEvent],
    *,
    report: Mapping[str, bytes],
    named: bool,
) -> bytes:
    """Return the zip. `report` holds files to lay beside the proofs; `named` shows who acted.

    Raises `TrailDamaged` where one of the events is not as it was signed.
    """
    signer = trail_signer(app)
    checkpoint = newest_checkpoint(session)
    proved: dict[int, ProvedEvent] = {}
    files: dict[str, bytes] = dict(report)
    if checkpoint is not None:
        proofs = LeafProofs(session, app, checkpoint)
        covered = [event.id for event in events if event.id <= checkpoint.upto_id]
        head = read_checkpoint(checkpoint.note, signer.key)
        # Of the newest leaves nothing is kept but the root.
        whole = head is not None and head.root == proofs.root()
        if not whole or not all(proofs.check(covered).values()):
            raise TrailDamaged(
                "an event of this pack is not as it was signed: run followup audit --verify"
            )
        proved = {proof.event_id: proof for proof in proofs.prove(covered)}
        files[CHECKPOINT] = checkpoint.note.encode()
        for proof in proved.values():
            files[_proof_name(proof.index)] = _tlog_proof(proof, checkpoint.note).encode()
    sent = sent_words(session, app, events)
    lines = [
        _line(app, event, proved.get(event.id), named=named, words=sent.get(event.id))
        for event in events
    ]
    files[EVENTS] = "".join(f"{line}\n" for line in lines).encode()
    files["README.txt"] = EXPLAINED.format(
        events=EVENTS, checkpoint=CHECKPOINT, contents=CONTENTS, origin=signer.key.name
    ).encode()
    listed = "".join(
        f"{sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())
    )
    files[CONTENTS] = signer.sign(f"{FIRST_LINE}\n{listed}").encode()
    return _zipped(files)


def without_names(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a report's JSON with those who acted by the way they came in, and not by name."""
    if isinstance(value, dict):
        return {
            key: role_of(item)
            if key in {"actor", "closed_by"} and isinstance(item, str)
            else without_names(item)
            for key, item in value.items()
        }
    return [without_names(item) for item in value] if isinstance(value, list) else value


def role_of(actor: str) -> str:
    """Return how somebody came in, as in `web`: of the service itself, which part it was."""
    return actor.partition(":")[0]


def _line(
    app: AppContext,
    event: AuditEvent,
    proof: ProvedEvent | None,
    *,
    named: bool,
    words: SentWords | None,
) -> str:
    leaf_salt, actor_salt = salts_of(app.keyring.audit_key, event.id)
    line: dict[str, object] = {
        "index": None if proof is None else proof.index,
        "event": canonical_event(event, actor_salt).decode(),
        "salt": leaf_salt.hex(),
        "role": role_of(event.actor),
    }
    if named:
        line |= {"actor": event.actor, "actor_salt": actor_salt.hex()}
    if words:
        line |= {"words": words.words, "words_salt": words.salt}
    return json.dumps(line)


def _proof_name(index: int) -> str:
    return f"proofs/{index}.tlog-proof"


def _tlog_proof(proof: ProvedEvent, checkpoint: str) -> str:
    hashes = "".join(f"{b64encode(it).decode()}\n" for it in proof.proof)
    return f"c2sp.org/tlog-proof@v1\nindex {proof.index}\n{hashes}\n{checkpoint}"


def _zipped(files: Mapping[str, bytes]) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(ZipInfo(name, EPOCH), content, compress_type=ZIP_DEFLATED)
    return made.getvalue()
