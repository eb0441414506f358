"""Signed notes, checked against the example that their specification publishes."""

from __future__ import annotations

from base64 import b64decode

import pytest

from followup.signatures.signed_notes import NoteKey, NoteSigner

# github.com/C2SP/C2SP, signed-note.md and golang.org/x/mod/sumdb/note.
PETER = NoteKey("PeterNeumann", b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:])
NOTE = """\
If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6K\
E6RyyBwJnAM=
"""
SIGNER = NoteSigner(bytes(32), name="followup-audit/{}")


def test_a_published_note_is_read():
    assert str(PETER).startswith("PeterNeumann+c74f20a3+ARpc2Qc")
    assert PETER.signed(NOTE) == NOTE.partition("\n\n")[0] + "\n"


def test_what_is_signed_is_read_again():
    note = SIGNER.sign("a line\n\nand another\n")

    assert SIGNER.key.signed(note) == "a line\n\nand another\n"
    assert PETER.signed(note) is None


def test_a_note_that_differs_anywhere_is_none():
    note = SIGNER.sign("a line\n5\n").encode()
    for at in range(len(note)):
        for bit in range(8):
            changed = bytearray(note)
            changed[at] ^= 1 << bit
            text = changed.decode(errors="replace")

            assert SIGNER.key.signed(text) is None, (at, bit, text)


@pytest.mark.parametrize("note", ["", "\n", "text\n", "text\n\n", "text\n\n— name\n", "— a b\n\n"])
def test_what_is_no_note_is_none(note: str):
    assert SIGNER.key.signed(note) is None
