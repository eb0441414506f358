"""Verify an evidence pack by Python 3 alone: python3 verify_evidence.py PACK.zip KEY .

KEY is the public key of the log (name+id+base64), got by another way than the pack. Written from
RFC 6962, RFC 8032 and c2sp.org/signed-note, /tlog-checkpoint, /tlog-proof; imports nothing of ours.
Ends with 0 where something is proved, 1 where the pack is refused, 2 where nothing is signed yet.
"""

import json
import re
import sys
from base64 import b64decode, b64encode
from hashlib import sha256, sha512
from pathlib import Path
from zipfile import ZipFile

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
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
    rest = times(scalar >> 1, add(point, point)) if scalar else (0, 1, 1, 0)
    return add(rest, point) if scalar & 1 else rest


def point_of(encoded: bytes) -> Point:
    """Return a point by its 32 bytes."""
    sign, y = divmod(int.from_bytes(encoded, "little"), 1 << 255)
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
    name, _, encoded = key.split("+", 2)
    typed = b"\x01" + b64decode(encoded)[1:]
    key_id = sha256(name.encode() + b"\n" + typed).digest()[:4]
    need(key == f"{name}+{key_id.hex()}+{b64encode(typed).decode()}", "the key is not whole")
    text, _, signatures = note.rpartition("\n\n")
    need(re.fullmatch("(\u2014 \\S+ \\S+\n)+", signatures), "something follows a signature")
    need(not re.search("[\0-\x09\x0b-\x1f]", note), "a note holds a control character")
    for line, value in ((it, b64decode(it.split(" ")[2])) for it in signatures.split("\n")[:-1]):
        if value[:4] == key_id and line == f"\u2014 {name} {b64encode(value).decode()}":
            need(is_signed(typed[1:], f"{text}\n".encode(), value[4:]), "a signature does not hold")
            return f"{text}\n"
    raise ValueError("this key signed none of it")


def root_from(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """Return the root to which a proof leads (RFC 6962, 2.1.1): its last hash is the other half."""
    need(0 <= index < size and (size > 1) == bool(proof), "a proof is of another place or length")
    if size == 1:
        return leaf
    half, rest = 1 << ((size - 1).bit_length() - 1), proof[:-1]
    if index < half:
        return sha256(b"\x01" + root_from(leaf, index, half, rest) + proof[-1]).digest()
    mine = root_from(leaf, index - half, size - half, rest)
    return sha256(b"\x01" + proof[-1] + mine).digest()


def verify(pack: str, key: str) -> str:
    """Return what a pack proves, in a sentence; raise `ValueError` where it proves nothing."""
    with ZipFile(pack) as archive:
        members = archive.infolist()
        files = {member.orig_filename: archive.read(member) for member in members}
        held = sum(30 + len(it.orig_filename.encode()) + it.compress_size for it in members)
        whole = (archive.start_dir, len(files), Path(pack).read_bytes()[-22:-18])
    need(whole == (held, len(members), b"PK\5\6"), "the zip holds more than its files, once each")
    title, *listed = text_of(files.pop("contents.note").decode(), key).split("\n")[:-1]
    found = sorted(f"{sha256(content).hexdigest()}  {name}" for name, content in files.items())
    need([title, *sorted(listed)] == ["evidence pack v1", *found], "files are not as listed")
    note, name = files.get("checkpoint.note", b"").decode(), key.partition("+")[0]
    origin, size, root = (text_of(note, key).split("\n") if note else [name, "0", ""])[:3]
    need((origin, str(int(size))) == (name, size), "the checkpoint is of another log")
    ids, places = list[int](), list[int]()
    keys = "index event salt role( actor actor_salt)?( words words_salt)?"
    *lines, end = files["events.jsonl"].decode().split("\n")
    for line, entry in ((it, json.loads(it)) for it in lines):
        event, index, salt = json.loads(entry["event"]), entry["index"], entry["salt"]
        what, place = f"event {event['id']}", int(size) if index is None else index
        again = json.dumps(event, sort_keys=True, separators=(",", ":")), json.dumps(entry), int
        need(again == (entry["event"], line, type(place)), f"{what} is not in canonical JSON")
        need(re.fullmatch(keys, " ".join(entry)), f"{what} has other keys")
        salts = [re.fullmatch("[0-9a-f]{32}", entry[it]) for it in entry if "salt" in it]
        need(all(salts), f"{what}: its salt fits other names")
        ids, places = [*ids, event["id"]], [*places, place]
        told = {"actor": event["actor"], "words": (event["detail"] or {}).get("words")}
        for it in told.keys() & entry.keys():
            salted = bytes.fromhex(entry[f"{it}_salt"]) + entry[it].encode()
            need(sha256(salted).hexdigest() == told[it], f"{what} has another {it}")
        need(entry["role"] == entry.get("actor", entry["role"]).split(":")[0], f"{what}: its role")
        if index is not None:
            leaf = sha256(b"\0" + entry["event"].encode() + bytes.fromhex(salt)).digest()
            proof = files.pop(f"proofs/{index}.tlog-proof", b"").decode()
            path = [b64decode(it) for it in proof.partition("\n\n")[0].split("\n")[2:]]
            hashes = "".join(f"{b64encode(it).decode()}\n" for it in path)
            right = f"c2sp.org/tlog-proof@v1\nindex {index}\n{hashes}\n{note}"
            need(proof == right, f"the proof of {what} is another's, or is not as c2sp.org says")
            made = b64encode(root_from(leaf, index, int(size), path)).decode()
            need(made == root, f"{what} is not as it was signed")
    # Events are signed in their order: what is not signed yet comes after all that is.
    in_order = ids == sorted(set(ids)) and places == sorted(places) and not end
    need(in_order and "proofs/" not in " ".join(files), "events are out of order, or some are gone")
    done, left = len(ids) - places.count(int(size)), places.count(int(size))
    named, words = ("".join(lines).count(f'", "{it}_salt": "') for it in ("actor", "words"))
    of = f"{size} of {name}, {left} not signed, {named} named, {words} with words"
    return f"{done} events proved under {of}"


if __name__ == "__main__":
    try:
        need(len(sys.argv) == 3, "give the pack and the public key")  # noqa: PLR2004
        told = verify(sys.argv[1], sys.argv[2].strip())
    except Exception as error:  # noqa: BLE001 - whatever stops it, nothing is proved
        sys.exit(f"REFUSED: {error}")
    print(f"OK: {told}" if told[:2] != "0 " else f"NOTHING IS PROVED YET, ask again later: {told}")
    sys.exit(2 if told[:2] == "0 " else 0)
