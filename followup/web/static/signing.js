// Signs words with a key that this browser made and keeps. The key can't be read, not even by this
// script: the browser signs with it. What it makes is a signature file of minisign's, as its page
// "Signature format" has it: Ed25519 over the bytes themselves (`Ed`), and once more over that
// signature and the trusted comment.

const STORE = "keys";
const text = new TextEncoder();

function database() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("followup-signing", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

async function stored(mode, act) {
  const opened = await database();
  try {
    return await new Promise((resolve, reject) => {
      const asked = act(opened.transaction(STORE, mode).objectStore(STORE));
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
  } finally {
    opened.close();
  }
}

const keyOf = (owner) => stored("readonly", (keys) => keys.get(owner));

function joined(...parts) {
  const made = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    made.set(part, at);
    at += part.length;
  }
  return made;
}

const encoded = (bytes) => btoa(String.fromCharCode(...bytes));
const decoded = (line) => Uint8Array.from(atob(line), (character) => character.charCodeAt(0));

async function makeKey(owner) {
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
  const number = crypto.getRandomValues(new Uint8Array(8));
  const open = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const line = encoded(joined(text.encode("Ed"), number, open));
  await stored("readwrite", (keys) => keys.put({ secret: pair.privateKey, number, line }, owner));
  return line;
}

async function signatureOf(key, statement, comment) {
  const sign = async (bytes) =>
    new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, key.secret, bytes));
  const signature = await sign(statement);
  const over = await sign(joined(signature, text.encode(comment)));
  return [
    "untrusted comment: signature of a followup signing key",
    encoded(joined(text.encode("Ed"), key.number, signature)),
    `trusted comment: ${comment}`,
    encoded(over),
    "",
  ].join("\n");
}

async function prepareSigning(place) {
  const { statement, role, name, now, owner } = place.dataset;
  const key = await keyOf(owner);
  if (!key) {
    return;
  }
  const form = place.querySelector("form");
  const loaded = performance.now();
  let signed = false;
  place.hidden = false;
  form.addEventListener("submit", async (event) => {
    if (signed) {
      return;
    }
    event.preventDefault();
    try {
      const seconds = Number(now) + Math.floor((performance.now() - loaded) / 1000);
      const signer = name.split(/\s+/).join(" ");
      const comment = `timestamp:${seconds}\trole:${role}\tsigner:${signer}`;
      form.elements.signature.value = await signatureOf(key, decoded(statement), comment);
      form.elements.public_key.value = key.line;
      signed = true;
      form.submit();
    } catch (error) {
      place.querySelector("[data-told]").textContent = `This browser can’t sign: ${error.message}`;
    }
  });
}

async function prepareKey(place) {
  const form = place.querySelector("form");
  const told = place.querySelector("[data-told]");
  const { owner } = place.dataset;
  const there = await keyOf(owner);
  if (there && !told.textContent) {
    told.textContent = "There is a key of yours in this browser. Another one takes its place.";
  }
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      form.elements.public_key.value = await makeKey(owner);
      form.submit();
    } catch (error) {
      told.textContent = `This browser can’t make a key: ${error.message}`;
    }
  });
}

if (globalThis.crypto?.subtle && globalThis.indexedDB) {
  document.querySelectorAll("[data-sign]").forEach(prepareSigning);
  document.querySelectorAll("[data-own-key]").forEach(prepareKey);
}
