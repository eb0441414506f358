"""MSH segment: read from bytes before anything else, for it says how the rest is written."""

from __future__ import annotations

from dataclasses import dataclass

VERSIONS = frozenset({"2.3", "2.3.1", "2.4", "2.5", "2.5.1"})
ENCODINGS = {
    "ASCII": "ascii",
    "8859/1": "iso8859-1",
    "8859/15": "iso8859-15",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
}
"""HL7 table 0211, as far as it is met in the United Kingdom; UNICODE is UTF-8 in practice."""
LONGEST_ID = 199
SHORTEST = 9
"""MSH, the field separator, four or more encoding characters, and the next separator."""


class Unreadable(Exception):
    """Bytes that are no HL7 v2 message; the text says why, and nothing of what they say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What MSH says. Text of it is ASCII: what is not stands as question marks."""

    separators: str
    application: str
    facility: str
    receiving_application: str
    receiving_facility: str
    event: str
    control_id: str
    processing: str
    version: str
    charset: str


def read_header(message: bytes) -> Header:
    """Return what MSH says; raise `Unreadable` where there is none."""
    line = message.replace(b"\n", b"\r").lstrip(b"\r").partition(b"\r")[0]
    if not line.startswith(b"MSH") or len(line) < SHORTEST:
        raise Unreadable("the message does not begin with MSH")
    separator = line[3:4]
    if separator.isalnum() or not separator.isascii() or separator.isspace():
        raise Unreadable("MSH names no field separator")
    # The separator itself counts as MSH-1.
    fields = [
        "MSH",
        separator.decode(),
        *(
            each.decode("ascii", "replace").replace("\ufffd", "?")
            for each in line[4:].split(separator)
        ),
    ]
    component = fields[2][:1]

    def field(number: int) -> str:
        return fields[number].strip() if number < len(fields) else ""

    def first(number: int) -> str:
        return field(number).partition(component)[0] if component else field(number)

    return Header(
        separators=fields[2],
        application=first(3),
        facility=first(4),
        receiving_application=first(5),
        receiving_facility=first(6),
        event="^".join(field(9).split(component)[:2]) if component else field(9),
        control_id=field(10),
        processing=first(11),
        version=first(12),
        charset=field(18).partition("~")[0].strip(),
    )


def decoded(message: bytes, header: Header, *, default: str) -> tuple[str, str]:
    """Return the text with the name of its encoding; raise `Unreadable` where it is another's."""
    encoding = ENCODINGS.get(header.charset) if header.charset else default
    if encoding is None:
        raise Unreadable("MSH-18 names a character set that is not known here")
    try:
        text = message.decode(encoding)
    except UnicodeDecodeError:
        raise Unreadable("the text is not in the character set that is named or agreed") from None
    if encoding != "utf-8" and not text.isascii() and _is_utf_8(message):
        # Any bytes are Latin-1, and a patient would be addressed as MÃ¼ller.
        raise Unreadable("the text is in UTF-8, and another character set is named or agreed")
    return text, encoding


def _is_utf_8(message: bytes) -> bool:
    """Say whether bytes that are more than ASCII are UTF-8: text in other sets never is."""
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
