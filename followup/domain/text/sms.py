"""What a text message costs: the alphabet it goes in, and how many segments it takes.

The rules are those of 3GPP TS 23.038 (alphabets) and TS 23.040 (concatenation): 140 octets to a
message, six of which a long one spends on the header that joins its segments. No character is cut
in two, so a two-unit one that does not fit leaves a unit empty: dividing gives too few segments.
Nor is what a reader takes for one character, such as an emoji of a family: Twilio moves all of its
code points to the next segment together.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from wcwidth import iter_graphemes

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each takes two units: an escape and itself.
GSM_EXTENSION = frozenset("\f^{}\\[~]|€")

Encoding = Literal["GSM-7", "UCS-2"]
# The units of a message that stands alone, and of each segment of a longer one.
SINGLE_UNITS: dict[Encoding, int] = {"GSM-7": 160, "UCS-2": 70}
SEGMENT_UNITS: dict[Encoding, int] = {"GSM-7": 153, "UCS-2": 67}
LAST_IN_ONE_UNIT = 0xFFFF

# Marks that a writer or an editor puts in and a reader does not miss. Letters stay as they are,
# even where they cost more: a name or a word of another language is not ours to misspell. So do
# signs like one half, which would run together with a number before it.
PLAIN_MARKS = str.maketrans(
    # Single quotation marks of every shape, prime, grave and acute accent.
    dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u0060\u00b4", "'")
    # Double quotation marks and double prime.
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
    # Hyphens, dashes and the minus sign; bullets.
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
    | dict.fromkeys("\u2022\u2023\u25aa\u25cf", "-")
    # Ellipsis, multiplication sign, fraction slash.
    | {"\u2026": "...", "\u00d7": "x", "\u2044": "/"}
    # Letters that an editor has joined.
    | {"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl"}
    # Spaces of every width, and ends of lines and paragraphs.
    | dict.fromkeys("\t\u00a0\u1680\u202f\u205f\u3000", " ")
    | dict.fromkeys(map(chr, range(0x2000, 0x200B)), " ")
    | dict.fromkeys("\v\u0085\u2028\u2029", "\n")
    # Invisible: soft hyphen, zero-width space, marks of direction, word joiner, byte order mark.
    | dict.fromkeys("\u00ad\u200b\u200e\u200f\u2060\ufeff", "")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSize:
    """The size of a text: `units` are septets of GSM-7 or 16-bit units of UCS-2.

    `left` is how many units fit behind the text before it takes another segment.
    """

    encoding: Encoding
    segments: int
    units: int
    left: int


def downgrade(text: str) -> str:
    """Return the text with typography that GSM-7 lacks written plainly: quotes, dashes, spaces.

    Done twice, it changes nothing more. Letters that GSM-7 lacks stay, and make the text UCS-2.
    """
    composed = unicodedata.normalize("NFC", text.translate(PLAIN_MARKS))
    # Composing may have made a plain space or accent out of one of its doubles.
    plain = composed.translate(PLAIN_MARKS)
    return plain.replace("\r\n", "\n").replace("\r", "\n")


def measure(text: str) -> SmsSize:
    """Return the size of the text as it stands; downgrade it first."""
    if GSM_BASIC.union(GSM_EXTENSION).issuperset(text):
        return _size("GSM-7", [2 if letter in GSM_EXTENSION else 1 for letter in text])
    return _size("UCS-2", [*_cluster_widths(text)])


def _cluster_widths(text: str) -> Iterator[int]:
    """Yield how many units must stay together, as often as the text has such runs."""
    for cluster in iter_graphemes(text):
        widths = [2 if ord(letter) > LAST_IN_ONE_UNIT else 1 for letter in cluster]
        # What no segment can hold is cut between its code points, as there is no other way.
        yield from widths if sum(widths) > SEGMENT_UNITS["UCS-2"] else [sum(widths)]


def _size(encoding: Encoding, widths: Sequence[int]) -> SmsSize:
    units = sum(widths)
    if units <= SINGLE_UNITS[encoding]:
        left = SINGLE_UNITS[encoding] - units
        return SmsSize(encoding=encoding, segments=min(units, 1), units=units, left=left)
    segments, left = 0, 0
    for width in widths:
        if width > left:
            segments, left = segments + 1, SEGMENT_UNITS[encoding]
        left -= width
    return SmsSize(encoding=encoding, segments=segments, units=units, left=left)
