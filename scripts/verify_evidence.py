"""Verify an evidence pack, on any computer with Python 3 and nothing else.

    python3 verify_evidence.py PACK.zip KEY

KEY is the public key of the log (name+id+base64), got by another way than the pack. Written from
RFC 6962, RFC 8032 and c2sp.org/signed-note, /tlog-checkpoint, /tlog-proof; imports nothing of ours.
"""

from __future__ import annotations

import json
import sys
import zipfile
from base64 import b64decode, b64encode
from hashlib import sha256, sha512

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


Point = tuple[int, int, int, int]


def need(condition: object, reason: str) -> None:
    """Refuse the pack unless something holds."""
    if not condition:
        raise ValueError(reason)


def add(p: Point, q: Point) -> Point:
    """Return the sum of two points of the curve (RFC 8032, section 6, as all up to `is_signed`)."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(scalar: int, point: Point) -> Point:
    """Return a multiple of a point."""
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def point_of(encoded: bytes) -> Point:
    """Return a point by its 32 bytes."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * ROOT_OF_MINUS_1 % P
    need(y < P and (x * x - square) % P == 0 and (x or not sign), "a key is no point of the curve")
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether an Ed25519 signature holds."""
    need((len(public), len(signature)) == (32, 64), "a key or a signature is cut off")
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = times(s, BASE), add(point_of(signature[:32]), times(h, point_of(public)))
    same = (left[0] * right[2] - right[0] * left[2], left[1] * right[2] - right[1] * left[2])
    return s < L and all(value % P == 0 for value in same)


def text_of(note: str, key: str) -> str:
    """Return the text of a note that the key signed."""
    name, key_id, encoded = key.split("+", 2)
    public = b64decode(encoded)
    need(public[:1] == b"\x01", "the key is not of the kind that signs such packs")
    right_id = sha256(name.encode() + b"\n" + public).digest()[:4]
    need(key_id == right_id.hex(), "the key's id does not fit it: was it copied whole?")
    text, _, signatures = note.rpartition("\n\n")
    *lines, end = signatures.split("\n")
    need(not end and all(it.startswith("\u2014 ") for it in lines), "something follows a signature")
    for line in (line for line in lines if line.startswith(f"\u2014 {name} ")):
        value = b64decode(line.rpartition(" ")[2])
        if value[:4] == right_id and line.endswith(b64encode(value).decode()):
            holds = is_signed(public[1:], (text + "\n").encode(), value[4:])
            need(holds, "a signature does not hold")
            return text + "\n"
    raise ValueError("this key signed none of it")


def root_from(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """Return the root to which a proof leads."""
    need(0 <= index < size, "a proof is about a place outside of the tree")
    last, root = size - 1, leaf
    for sibling in proof:
        need(last, "a proof is too long")
        on_the_right = index & 1 or index == last
        root = sha256(b"\x01" + (sibling + root if on_the_right else root + sibling)).digest()
        while on_the_right and not index & 1 and index:
            index, last = index >> 1, last >> 1
        index, last = index >> 1, last >> 1
    need(last == 0, "a proof is too short")
    return root


def verify(pack: str, key: str) -> str:
    """Return what a pack proves, in a sentence; raise `ValueError` where it proves nothing."""
    with zipfile.ZipFile(pack) as archive:
        names = archive.namelist()
        need(len(names) == len(set(names)), "a file stands twice in the pack")
        files = {name: archive.read(name) for name in names}
    listed = text_of(files.pop("contents.note", b"").decode(), key).splitlines()
    need(listed[:1] == ["evidence pack v1"], "no evidence pack of version 1")
    found = sorted(f"{sha256(content).hexdigest()}  {name}" for name, content in files.items())
    need(found == sorted(listed[1:]), "files were changed, added or taken away")
    checkpoint = files.get("checkpoint.note", b"").decode()
    origin, size, root = (text_of(checkpoint, key).split("\n") if checkpoint else ["", "0", ""])[:3]
    proved, waiting, named, ids = 0, 0, 0, list[int]()
    for line in files["events.jsonl"].decode().splitlines():
        entry = json.loads(line)
        event = json.loads(entry["event"])
        ids.append(event["id"])
        if "actor" in entry:
            salted = bytes.fromhex(entry["actor_salt"]) + entry["actor"].encode()
            need(sha256(salted).hexdigest() == event["actor"], f"event {event['id']} names another")
        named, waiting = named + ("actor" in entry), waiting + (entry["index"] is None)
        if entry["index"] is None:
            continue
        leaf = sha256(b"\0" + entry["event"].encode() + bytes.fromhex(entry["salt"])).digest()
        proof = files[f"proofs/{entry['index']}.tlog-proof"].decode()
        head, _, note = proof.partition("\n\n")
        first, second, *hashes = head.split("\n")
        right = ("c2sp.org/tlog-proof@v1", f"index {entry['index']}", checkpoint)
        need((first, second, note) == right, f"the proof of event {event['id']} is another's")
        made = root_from(leaf, entry["index"], int(size), list(map(b64decode, hashes)))
        need(b64encode(made).decode() == root, f"event {event['id']} is not as it was signed")
        proved += 1
    need(ids == sorted(set(ids)), "events are out of order, or stand twice")
    return f"{proved} events proved under {size} of {origin}, {waiting} not signed, {named} named"


if __name__ == "__main__":
    try:
        need(len(sys.argv) == 3, "give the pack and the public key")  # noqa: PLR2004
        print("OK: " + verify(sys.argv[1], sys.argv[2].strip()))
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        sys.exit(f"REFUSED: {error}")
