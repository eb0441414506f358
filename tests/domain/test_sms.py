"""Segments of a text, counted against real concatenated messages packed octet by octet."""

from __future__ import annotations

import math
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from followup.domain.text.sms import (
    GSM_BASIC,
    GSM_EXTENSION,
    PLAIN_MARKS,
    SmsSize,
    downgrade,
    measure,
)

# 3GPP TS 23.038, 6.2.1: sixteen characters a line, from 0x00 on; 0x1B is the escape.
DEFAULT_ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
# The same, 6.2.1.1: the extension table.
EXTENSION_TABLE = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\",
    0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}  # fmt: skip
ESCAPE = 0x1B
OCTETS = 140
HEADER = 6

SEPTETS = {letter: [code] for code, letter in enumerate(DEFAULT_ALPHABET) if code != ESCAPE} | {
    letter: [ESCAPE, code] for code, letter in EXTENSION_TABLE.items()
}


def packed(septets: list[int], *, header: int) -> bytes:
    """Pack seven-bit characters into octets behind a header, from a septet boundary on."""
    fill = -header * 8 % 7
    bits = "".join(f"{septet:07b}"[::-1] for septet in septets)
    bits = "0" * fill + bits
    octets = [bits[at : at + 8].ljust(8, "0")[::-1] for at in range(0, len(bits), 8)]
    return bytes(header) + bytes(int(octet, 2) for octet in octets)


def unpacked(octets: bytes, count: int, *, header: int) -> list[int]:
    bits = "".join(f"{octet:08b}"[::-1] for octet in octets[header:])[-header * 8 % 7 :]
    return [int(bits[at * 7 : at * 7 + 7][::-1], 2) for at in range(count)]


def segments_by_octets(text: str) -> list[bytes]:
    """Return the user data of each message that a handset would send for a text."""
    if not text:
        return []
    in_gsm_7 = all(letter in SEPTETS for letter in text)

    def encoded(part: str, header: int) -> bytes:
        if in_gsm_7:
            return packed([code for letter in part for code in SEPTETS[letter]], header=header)
        return bytes(header) + part.encode("utf-16-be")

    if len(encoded(text, 0)) <= OCTETS:
        return [encoded(text, 0)]
    parts = [""]
    for letter in text:
        if len(encoded(parts[-1] + letter, HEADER)) > OCTETS:
            parts.append("")
        parts[-1] += letter
    return [encoded(part, HEADER) for part in parts]


GSM_LETTERS = st.sampled_from(sorted(SEPTETS))
DOUBLE_LETTERS = st.sampled_from("€[]{}~|^\\")
TEXTS = st.one_of(
    st.text(GSM_LETTERS, max_size=500),
    # Mostly extension characters: every boundary is a likely place to straddle.
    st.text(st.one_of(DOUBLE_LETTERS, st.just("a")), min_size=60, max_size=500),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    st.text(st.sampled_from("aé😀👍🏽ŵ"), min_size=20, max_size=300),
)


@given(TEXTS)
@example("")
@example("a" * 160)
@example("a" * 161)
@example("a" * 152 + "€" + "a" * 152)
@example("ŵ" * 70)
@example("ŵ" * 66 + "😀" + "ŵ" * 66)
def test_a_text_takes_as_many_segments_as_a_handset_would_send(text):
    assert measure(text).segments == len(segments_by_octets(text))


@given(TEXTS)
def test_what_is_left_is_what_still_fits(text):
    size = measure(text)
    filler = "a" if size.encoding == "GSM-7" else "ŵ"

    assert measure(text + filler * size.left).segments == max(size.segments, 1)
    assert measure(text + filler * (size.left + 1)).segments == max(size.segments, 1) + 1


@given(st.lists(st.integers(0, 127), max_size=160))
def test_the_handset_of_these_tests_reads_back_what_it_packs(septets):
    assert unpacked(packed(septets, header=HEADER), len(septets), header=HEADER) == septets


def test_the_handset_packs_as_the_standard_shows():
    septets = [code for letter in "hellohello" for code in SEPTETS[letter]]

    assert packed(septets, header=0).hex().upper() == "E8329BFD4697D9EC37"
    assert len(packed(septets * 16, header=0)) == OCTETS
    assert len(packed((septets * 16)[:153], header=HEADER)) == OCTETS


def test_the_alphabet_is_that_of_the_standard():
    assert set(DEFAULT_ALPHABET) - {"\x1b"} == GSM_BASIC
    assert set(EXTENSION_TABLE.values()) == GSM_EXTENSION
    assert len(GSM_BASIC) == 127


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", ("GSM-7", 0, 0, 160)),
        ("a", ("GSM-7", 1, 1, 159)),
        ("€", ("GSM-7", 1, 2, 158)),
        ("a" * 160, ("GSM-7", 1, 160, 0)),
        ("a" * 161, ("GSM-7", 2, 161, 145)),
        ("€" * 80, ("GSM-7", 1, 160, 0)),
        # 306 units would fill two segments, were it not for the one left empty in the first.
        ("€" * 153, ("GSM-7", 3, 306, 151)),
        ("ŵ", ("UCS-2", 1, 1, 69)),
        ("ŵ" * 70, ("UCS-2", 1, 70, 0)),
        ("ŵ" * 71, ("UCS-2", 2, 71, 63)),
        ("😀" * 35, ("UCS-2", 1, 70, 0)),
        ("😀" * 67, ("UCS-2", 3, 134, 65)),
        # One letter outside the alphabet makes the whole text dear.
        ("a" * 70 + "á", ("UCS-2", 2, 71, 63)),
    ],
    ids=lambda part: f"{part[:1]!r} x {len(part)}" if isinstance(part, str) else None,
)
def test_sizes_of_known_texts(text, size):
    encoding, segments, units, left = size

    assert measure(text) == SmsSize(encoding=encoding, segments=segments, units=units, left=left)


def test_dividing_the_length_would_count_too_few():
    text = "€" * 153

    assert math.ceil(measure(text).units / 153) < measure(text).segments


# ---------------------------------------------------------------------------- downgrade


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("don’t ‘worry’", "don't 'worry'"),
        ("“rest”", '"rest"'),
        (
            "9–5, bed—rest, non\N{NON-BREAKING HYPHEN}stop, \N{MINUS SIGN}2",
            "9-5, bed-rest, non-stop, -2",
        ),
        ("soon…", "soon..."),
        ("01752\N{NO-BREAK SPACE}437706", "01752 437706"),
        ("a\tb\N{NARROW NO-BREAK SPACE}c\N{EM SPACE}d", "a b c d"),
        ("a\r\nb\N{LINE SEPARATOR}c\rd", "a\nb\nc\nd"),
        ("• walk", "- walk"),
        ("soft\N{SOFT HYPHEN}ly\N{ZERO WIDTH SPACE}", "softly"),
        ("\N{ZERO WIDTH NO-BREAK SPACE}Hello", "Hello"),
        ("\N{LATIN SMALL LIGATURE FI}ve \N{LATIN SMALL LIGATURE FFL}", "five ffl"),
        ("2×", "2x"),
        ("cafe\N{COMBINING ACUTE ACCENT}", "café"),
        ("\N{OHM SIGN}", "Ω"),
        ("\N{GREEK VARIA}", "'"),
    ],
)
def test_typography_is_written_plainly_and_costs_no_more(written, plain):
    assert downgrade(written) == plain
    assert measure(downgrade(written)).encoding == "GSM-7"


@pytest.mark.parametrize(
    "text",
    [
        "Siân ŵyr",
        "àéñöß",
        "1½ tablets",
        "👨‍👩‍👧",
        "\N{ARABIC LETTER LAM}\N{ZERO WIDTH NON-JOINER}\N{ARABIC LETTER ALEF}",
        "l·l",
        "38°C",
    ],
)
def test_letters_signs_and_pictures_are_left_as_they_are(text):
    assert downgrade(text) == text


@given(st.one_of(st.text(), st.text(st.sampled_from([*map(chr, PLAIN_MARKS), *"e\u0301\r\n"]))))
@example("\r\v")
@example("\r\r\n")
def test_downgrading_twice_changes_nothing_more(text):
    assert downgrade(downgrade(text)) == downgrade(text)


@given(st.text())
def test_no_letter_of_any_language_is_lost_or_changed(text):
    def letters(of: str) -> list[str]:
        joined = {"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl"}
        plain = unicodedata.normalize("NFC", "".join(joined.get(it, it) for it in of))
        return [it for it in plain if unicodedata.category(it)[0] in "LN" and it != "x"]

    assert letters(downgrade(text)) == letters(text)


@given(st.text(GSM_LETTERS))
def test_a_text_that_fits_the_alphabet_stays_as_it_is_but_for_its_line_ends(text):
    assert downgrade(text) == "\n".join(text.replace("\r\n", "\n").split("\r"))
