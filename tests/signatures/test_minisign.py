"""Signatures and keys: Debian's minisign verifies ours, and ours verifies its."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from followup.domain.errors import BadSignature, InvalidInput
from followup.domain.releases.signer import read_public_key
from followup.signatures.minisign import Signature, read_signature, verify
from followup.signatures.secret_key import Effort, locked, new_signing_key, unlocked
from tests.support.signing import ANN, BOB

QUICK = Effort(2**15, 2**20)
"""A passphrase of a test is worth no second of work."""
WORDS = "Take your dressing off tomorrow.\n"


def minisign(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    program = shutil.which("minisign")
    assert program, "minisign is missing: .ci/run installs it"
    return subprocess.run(
        [program, *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_minisign_verifies_a_signature_of_ours_and_refuses_one_space_more(tmp_path: Path):
    (tmp_path / "words").write_text(WORDS)
    (tmp_path / "words.minisig").write_text(ANN.sign(WORDS.encode(), trusted_comment="c").text())

    taken = minisign(tmp_path, "-V", "-P", ANN.public.line, "-m", "words")
    (tmp_path / "words").write_text(WORDS.replace("\n", " \n"))
    refused = minisign(tmp_path, "-V", "-P", ANN.public.line, "-m", "words")

    assert (taken.returncode, refused.returncode) == (0, 1)
    assert "Trusted comment: c" in taken.stdout


@pytest.mark.parametrize("form", ["-H", "-l"], ids=["prehashed", "legacy"])
def test_ours_verifies_what_minisign_signed(tmp_path: Path, form):
    made = minisign(tmp_path, "-G", "-W", "-p", "public", "-s", "secret")
    (tmp_path / "words").write_text(WORDS)
    minisign(tmp_path, "-S", form, "-s", "secret", "-m", "words", "-t", "by hand")
    key = read_public_key((tmp_path / "public").read_text().splitlines()[1])
    signature = read_signature((tmp_path / "words.minisig").read_text())

    assert made.returncode == 0
    assert signature.prehashed is (form == "-H")
    assert verify(WORDS.encode(), signature, key=key) == "by hand"
    with pytest.raises(InvalidInput, match="under no passphrase"):
        unlocked((tmp_path / "secret").read_text(), "")


def test_minisign_signs_by_a_secret_key_of_ours(tmp_path: Path):
    key = new_signing_key()
    (tmp_path / "secret").write_text(locked(key, "four words are enough", effort=QUICK))
    (tmp_path / "words").write_text(WORDS)

    minisign(tmp_path, "-S", "-s", "secret", "-m", "words", stdin="four words are enough\n")

    signature = read_signature((tmp_path / "words.minisig").read_text())
    assert "file:words" in verify(WORDS.encode(), signature, key=key.public)


def test_a_secret_key_opens_by_its_passphrase_alone():
    key = new_signing_key()
    text = locked(key, "four words are enough", effort=QUICK)

    assert unlocked(text, "four words are enough") == key
    assert key.seed.hex() not in repr(key)
    with pytest.raises(InvalidInput, match="does not open"):
        unlocked(text, "four words are enough ")


@pytest.mark.parametrize(
    "text",
    ["", "untrusted comment: x\nnot base64\n", "untrusted comment: x\nAAAA\n"],
    ids=["nothing", "no base64", "too short"],
)
def test_what_is_no_secret_key_is_refused(text):
    with pytest.raises(InvalidInput, match="no secret key"):
        unlocked(text, "four words are enough")


def test_a_secret_key_that_asks_for_more_memory_than_minisign_does_is_refused(monkeypatch):
    text = locked(ANN, "four words are enough", effort=QUICK)
    monkeypatch.setattr("followup.signatures.secret_key._MOST_MEMORY", QUICK.memory - 1)

    with pytest.raises(InvalidInput, match="no secret key"):
        unlocked(text, "four words are enough")


def test_a_passphrase_that_is_soon_guessed_is_refused():
    with pytest.raises(InvalidInput, match="12 characters"):
        locked(ANN, "hunter2", effort=QUICK)


def a_signature() -> Signature:
    return ANN.sign(WORDS.encode(), trusted_comment="timestamp:1\trole:author")


def test_another_byte_another_key_and_another_comment_are_refused():
    signature = a_signature()
    forged = signature.text().replace("role:author", "role:approver")

    with pytest.raises(BadSignature, match="one of them was changed"):
        verify(WORDS.encode() + b" ", signature, key=ANN.public)
    with pytest.raises(BadSignature, match="was made with the key"):
        verify(WORDS.encode(), signature, key=BOB.public)
    with pytest.raises(BadSignature, match="trusted comment"):
        verify(WORDS.encode(), read_signature(forged), key=ANN.public)


@pytest.mark.parametrize(
    "text",
    [
        "one line",
        a_signature().text().replace("trusted comment: timestamp", "comment: timestamp"),
        "untrusted comment: x\nAAAA\ntrusted comment: x\nAAAA",
        "untrusted comment: x\n%%%%\ntrusted comment: x\nAAAA",
    ],
    ids=["one line", "no trusted comment", "too short", "no base64"],
)
def test_what_is_no_signature_file_is_refused(text):
    with pytest.raises(BadSignature):
        read_signature(text)


def test_a_comment_of_two_lines_is_refused():
    with pytest.raises(BadSignature, match="one line"):
        ANN.sign(b"", trusted_comment="a\nb")


@pytest.mark.parametrize("line", ["", "RWQ", "AAAA" * 14], ids=["nothing", "cut", "another kind"])
def test_what_is_no_public_key_is_refused(line):
    with pytest.raises(InvalidInput, match="no public key"):
        read_public_key(line)
