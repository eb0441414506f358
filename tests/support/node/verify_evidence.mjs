// Verifies evidence packs as docs/evidence.md describes them, and nothing else of the product was
// read to write it: RFC 6962, c2sp.org/signed-note, /tlog-checkpoint and /tlog-proof are the rest.
// Reads {pack, key} a line, and answers each with {proved, unsigned} or {refused}. Where `proved` is
// 0, nothing was signed yet when the pack was made.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { inflateRawSync } from "node:zlib";

const ED25519 = 0x01;
const ED25519_SPKI = Buffer.from("302a300506032b6570032100", "hex"); // RFC 8410, before the 32 bytes
const SALT = /^[0-9a-f]{32}$/;
const KEYS = /^(actor actor_salt )?event index role salt( words words_salt)?$/;
const NUMBER = /^(?:0|[1-9][0-9]*)$/;

class Refused extends Error {}

function demand(held, why) {
  if (!held) throw new Refused(why);
}

const sha256 = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

function text(bytes, what) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refused(`${what} is not UTF-8`);
  }
}

function fromBase64(encoded, what) {
  const bytes = Buffer.from(encoded, "base64");
  demand(bytes.toString("base64") === encoded, `${what} is not base64 as RFC 4648 writes it`);
  return bytes;
}

function number(written, what) {
  demand(NUMBER.test(written), `${what} is not a decimal number`);
  return BigInt(written);
}

// --- Zip: every byte of the file belongs to one member or to the directory at its end.

function unzip(file) {
  const end = file.length - 22;
  demand(end >= 0 && file.readUInt32LE(end) === 0x06054b50, "not a zip, or something follows it");
  const count = file.readUInt16LE(end + 10);
  const directory = file.readUInt32LE(end + 16);
  demand(file.readUInt32LE(end + 4) === 0, "a zip of several disks");
  demand(file.readUInt16LE(end + 8) === count, "a zip of several disks");
  demand(directory + file.readUInt32LE(end + 12) === end, "the zip's directory is not at its end");
  const members = new Map();
  let at = directory;
  let expected = 0;
  for (let nth = 0; nth < count; nth++) {
    demand(at + 46 <= end && file.readUInt32LE(at) === 0x02014b50, "the zip's directory is broken");
    const [nameSize, extraSize, noteSize] = [28, 30, 32].map((each) => file.readUInt16LE(at + each));
    const name = text(file.subarray(at + 46, at + 46 + nameSize), "a name in the zip");
    demand(!members.has(name), `two files named ${name}`);
    demand(file.readUInt32LE(at + 42) === expected, `${name} does not follow the file before it`);
    const { bytes, next } = member(file, at, name, directory);
    members.set(name, bytes);
    expected = next;
    at += 46 + nameSize + extraSize + noteSize;
  }
  demand(at === end && expected === directory, "the zip holds more than its files");
  return members;
}

function member(file, entry, name, limit) {
  const start = file.readUInt32LE(entry + 42);
  const [flags, method] = [8, 10].map((each) => file.readUInt16LE(entry + each));
  const [crc, packed, size] = [16, 20, 24].map((each) => file.readUInt32LE(entry + each));
  demand(start + 30 <= limit && file.readUInt32LE(start) === 0x04034b50, `${name} is broken`);
  const [nameSize, extraSize] = [26, 28].map((each) => file.readUInt16LE(start + each));
  const local = text(file.subarray(start + 30, start + 30 + nameSize), "a name in the zip");
  demand(local === name, `${name} has two names`);
  demand((flags & ~0x0806) === 0 && (method === 0 || method === 8), `${name} is packed unusually`);
  const begin = start + 30 + nameSize + extraSize;
  demand(begin + packed <= limit, `${name} is cut`);
  const raw = file.subarray(begin, begin + packed);
  let bytes = raw;
  if (method === 8) {
    try {
      const { buffer, engine } = inflateRawSync(raw, { info: true, maxOutputLength: size || 1 });
      demand(engine.bytesWritten === packed, `${name} has bytes after its end`);
      bytes = buffer;
    } catch (error) {
      throw error instanceof Refused ? error : new Refused(`${name} does not unpack`);
    }
  }
  demand(bytes.length === size && crc32(bytes) === crc, `${name} is not as the zip says`);
  return { bytes, next: begin + packed };
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

// --- c2sp.org/signed-note

function readKey(written) {
  const [name, id, ...rest] = written.split("+");
  const encoded = rest.join("+"); // base64 has plus signs of its own
  demand(name && !/\s/u.test(name) && /^[0-9a-f]{8}$/.test(id), "the key is not name+id+base64");
  const typed = fromBase64(encoded, "the key");
  demand(typed.length === 33 && typed[0] === ED25519, "the key is not one of Ed25519");
  demand(sha256(name, "\n", typed).subarray(0, 4).toString("hex") === id, "the key's id is not its");
  const der = Buffer.concat([ED25519_SPKI, typed.subarray(1)]);
  return { name, id, public: createPublicKey({ key: der, format: "der", type: "spki" }) };
}

function openNote(bytes, key, what) {
  const note = text(bytes, what);
  demand(!/[\u0000-\u0009\u000b-\u001f]/.test(note), `${what} holds a control character`);
  const gap = note.lastIndexOf("\n\n");
  demand(gap >= 0 && note.endsWith("\n"), `${what} is not a signed note`);
  const body = note.slice(0, gap + 1);
  const lines = note.slice(gap + 2).split("\n").slice(0, -1);
  let held = 0;
  for (const line of lines) {
    const [dash, name, encoded, ...more] = line.split(" ");
    demand(dash === "\u2014" && name && encoded && !more.length, `${what}: a signature is malformed`);
    demand(!/[\s+]/u.test(name), `${what}: a signature's name is malformed`);
    const signature = fromBase64(encoded, `${what}: a signature`);
    demand(signature.length > 4, `${what}: a signature is too short`);
    if (name !== key.name || signature.subarray(0, 4).toString("hex") !== key.id) continue;
    const good = verify(null, Buffer.from(body), key.public, signature.subarray(4));
    demand(good, `${what}: the signature does not hold`);
    held += 1;
  }
  demand(held, `${what} is not signed with this key`);
  return body;
}

// --- c2sp.org/tlog-checkpoint, c2sp.org/tlog-proof, RFC 6962

function readCheckpoint(bytes, key) {
  const lines = openNote(bytes, key, "checkpoint.note").split("\n").slice(0, -1);
  const [origin, size, root] = lines;
  demand(lines.length >= 3 && lines.every(Boolean), "checkpoint.note is not a checkpoint");
  demand(origin === key.name, "checkpoint.note is of another log");
  const checkpoint = {
    size: number(size, "checkpoint.note: the size"),
    root: fromBase64(root, "checkpoint.note: the root"),
  };
  demand(checkpoint.root.length === 32, "checkpoint.note: the root is not a SHA-256");
  return checkpoint;
}

function readProof(bytes, name) {
  const proof = text(bytes, name);
  const gap = proof.indexOf("\n\n");
  demand(gap >= 0, `${name} has no checkpoint`);
  const lines = proof.slice(0, gap).split("\n");
  demand(lines.shift() === "c2sp.org/tlog-proof@v1", `${name} is not a tlog-proof`);
  const index = lines.shift() ?? "";
  demand(index.startsWith("index "), `${name} has no index`);
  const path = lines.map((line) => fromBase64(line, `${name}: a hash`));
  demand(path.every((hash) => hash.length === 32), `${name}: a hash is not a SHA-256`);
  return {
    index: number(index.slice(6), `${name}: the index`),
    path,
    checkpoint: Buffer.from(proof.slice(gap + 2)),
  };
}

// RFC 6962, section 2.1.1, read backwards: the last hash of the path is the other half of the tree.
function rootOf(leaf, index, size, path) {
  if (size === 1n) {
    demand(path.length === 0, "a proof is too long");
    return leaf;
  }
  demand(path.length > 0, "a proof is too short");
  const half = 1n << BigInt((size - 1n).toString(2).length - 1);
  const rest = path.slice(0, -1);
  const other = path.at(-1);
  return index < half
    ? sha256("\x01", rootOf(leaf, index, half, rest), other)
    : sha256("\x01", other, rootOf(leaf, index - half, size - half, rest));
}

// --- docs/evidence.md

// A flat object of strings, whole numbers and nulls, in which no key stands twice.
function readEvent(line) {
  const pair =
    / *("(?:[^"\\]|\\.)*") *: *(?:("(?:[^"\\]|\\.)*")|(null)|(0|[1-9][0-9]*)) *(,|$)/sy;
  const inside = /^\{(.*)\}$/s.exec(line)?.[1];
  demand(inside !== undefined, "events.jsonl: a line is not an object");
  const event = new Map();
  for (let more = true; more; ) {
    const found = pair.exec(inside);
    demand(found, "events.jsonl: a line is not of strings, whole numbers and nulls");
    const [, key, string, , whole, comma] = found;
    const name = fromJson(key);
    demand(!event.has(name), `events.jsonl: ${name} stands twice in a line`);
    event.set(name, string ? fromJson(string) : whole ? BigInt(whole) : null);
    more = comma === ",";
  }
  return event;
}

function fromJson(written) {
  let value;
  try {
    value = JSON.parse(written);
  } catch {
    throw new Refused("events.jsonl: not JSON");
  }
  // Half of a surrogate pair would be hashed as U+FFFD, as would every other half.
  demand(typeof value !== "string" || value.isWellFormed(), "events.jsonl: not Unicode");
  return value;
}

function salt(event, name) {
  const written = event.get(name);
  demand(typeof written === "string" && SALT.test(written), `events.jsonl: ${name} is not hex`);
  return Buffer.from(written, "hex");
}

function checkContents(files, key) {
  const body = openNote(files.get("contents.note") ?? Buffer.of(), key, "contents.note");
  const [title, ...lines] = body.split("\n").slice(0, -1);
  demand(title === "evidence pack v1", "contents.note is not an evidence pack's");
  const listed = new Set(["contents.note"]);
  for (const line of lines) {
    const [, digest, name] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
    demand(name, "contents.note: a line is malformed");
    demand(!listed.has(name), `contents.note names ${name} twice`);
    demand(files.has(name), `${name} is missing`);
    demand(sha256(files.get(name)).toString("hex") === digest, `${name} is not as it was signed`);
    listed.add(name);
  }
  for (const name of files.keys()) demand(listed.has(name), `${name} is not in contents.note`);
}

function keysOf(value) {
  if (value === null || typeof value !== "object") return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce((sum, each) => sum + keysOf(each), own);
}

// An event as it was signed; JSON.parse would take the last of a key that stands twice.
function readSigned(written) {
  const event = fromJson(written);
  demand(event && typeof event === "object", "events.jsonl: an event is not an object");
  const strings = written.match(/"(?:[^"\\]|\\.)*"(\s*:)?/g);
  const keys = strings.filter((each) => each.endsWith(":")).length;
  demand(keys === keysOf(event), "events.jsonl: a key stands twice in an event");
  demand(Number.isSafeInteger(event.id), "events.jsonl: an event has no id");
  return event;
}

function checkActor(event) {
  const actor = event.get("actor");
  if (actor === undefined) return;
  demand(typeof actor === "string", "events.jsonl: an actor is not a string");
  const hidden = fromJson(event.get("event")).actor;
  const hash = sha256(salt(event, "actor_salt"), actor).toString("hex");
  demand(hash === hidden, "an event was not done by the named actor");
  demand(event.get("role") === actor.split(":")[0], "an event was not done in the named role");
}

// The exact words that were sent, where the pack holds them: what the event has is their digest.
function checkWords(event) {
  const words = event.get("words");
  if (words === undefined) return;
  demand(typeof words === "string", "events.jsonl: words are not a string");
  const hidden = fromJson(event.get("event")).detail?.words;
  const hash = sha256(salt(event, "words_salt"), words).toString("hex");
  demand(hash === hidden, "an event tells of other words");
}

function verifyPack(file, writtenKey) {
  const key = readKey(writtenKey);
  const files = unzip(file);
  checkContents(files, key);
  demand(files.has("events.jsonl"), "events.jsonl is missing");
  const note = files.get("checkpoint.note");
  const checkpoint = note ? readCheckpoint(note, key) : { size: 0n };
  const unused = new Set([...files.keys()].filter((name) => name.startsWith("proofs/")));
  const lines = text(files.get("events.jsonl"), "events.jsonl").split("\n");
  demand(lines.pop() === "", "events.jsonl is cut");
  let [unsigned, lastId, lastIndex] = [0, -Infinity, -1n];
  for (const line of lines) {
    const event = readEvent(line);
    const signed = event.get("event");
    const keys = [...event.keys()].sort().join(" ");
    demand(KEYS.test(keys), "events.jsonl: a line has other keys than it should");
    demand(typeof signed === "string", "events.jsonl: an event is not a string");
    const { id } = readSigned(signed);
    demand(id > lastId, "events.jsonl: events are out of order, or stand twice");
    lastId = id;
    const leafSalt = salt(event, "salt");
    checkActor(event);
    checkWords(event);
    const index = event.get("index");
    if (index === null) {
      unsigned += 1;
      continue;
    }
    demand(typeof index === "bigint", "events.jsonl: an index is not a number");
    demand(unsigned === 0 && index > lastIndex, "events.jsonl: not in the order of the tree");
    lastIndex = index;
    const name = `proofs/${index}.tlog-proof`;
    demand(unused.delete(name), `${name} is missing, or used twice`);
    const proof = readProof(files.get(name), name);
    demand(proof.index === index, `${name} is of another event`);
    demand(note && proof.checkpoint.equals(note), `${name}: another checkpoint`);
    demand(index < checkpoint.size, `${name} lies beyond the checkpoint`);
    const leaf = sha256("\x00", signed, leafSalt);
    const root = rootOf(leaf, index, checkpoint.size, proof.path);
    demand(root.equals(checkpoint.root), `${name} does not lead to the checkpoint`);
  }
  demand(unused.size === 0, `${[...unused][0]} belongs to no event`);
  return { proved: lines.length - unsigned, unsigned };
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const { pack, key } = JSON.parse(line);
  let told;
  try {
    told = verifyPack(readFileSync(pack), key);
  } catch (error) {
    // Anything but a refusal is a fault of this file, and is told as one.
    told = error instanceof Refused ? { refused: error.message } : { fault: String(error) };
  }
  process.stdout.write(JSON.stringify(told) + "\n");
});
