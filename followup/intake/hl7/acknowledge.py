"""Acknowledgements (HL7 v2 chapter 2.9): AA, AR and AE, with code and place of what is wrong.

A text in them is ours and fixed: nothing of a message is repeated but its id and its sender.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from followup.intake.hl7.header import VERSIONS, Header

PLACE = re.compile(r"(?P<segment>[A-Z][A-Z0-9]{2})-(?P<field>\d+)(?:\.(?P<component>\d+))?")
SAFE = re.compile(r"[^ -~]|[|^~\\&]")


class AckCode(StrEnum):
    """HL7 table 0008."""

    ACCEPTED = "AA"
    """It is ours now."""
    REFUSED = "AR"
    """Refused for what it says: it will be refused again."""
    ERROR = "AE"
    """Unreadable, or not able now."""


class ErrorCode(StrEnum):
    """HL7 table 0357, with its texts."""

    SEQUENCE = "100"
    MISSING = "101"
    DATA_TYPE = "102"
    TABLE_VALUE = "103"
    MESSAGE_TYPE = "200"
    EVENT_CODE = "201"
    PROCESSING_ID = "202"
    VERSION_ID = "203"
    UNKNOWN_KEY = "204"
    DUPLICATE_KEY = "205"
    LOCKED = "206"
    INTERNAL = "207"


TEXTS = {
    ErrorCode.SEQUENCE: "Segment sequence error",
    ErrorCode.MISSING: "Required field missing",
    ErrorCode.DATA_TYPE: "Data type error",
    ErrorCode.TABLE_VALUE: "Table value not found",
    ErrorCode.MESSAGE_TYPE: "Unsupported message type",
    ErrorCode.EVENT_CODE: "Unsupported event code",
    ErrorCode.PROCESSING_ID: "Unsupported processing id",
    ErrorCode.VERSION_ID: "Unsupported version id",
    ErrorCode.UNKNOWN_KEY: "Unknown key identifier",
    ErrorCode.DUPLICATE_KEY: "Duplicate key identifier",
    ErrorCode.LOCKED: "Application record locked",
    ErrorCode.INTERNAL: "Application internal error",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a message: a code of table 0357, a place such as PID-7, and our words."""

    code: ErrorCode
    place: str
    text: str


def acknowledgement(
    header: Header | None, code: AckCode, *, at: datetime, own_id: str, fault: Fault | None = None
) -> bytes:
    """Return the answer to a message; where it has no header that can be read, to nobody in it."""
    version = header.version if header and header.version in VERSIONS else "2.4"
    to = header or _NOBODY
    lines = [
        "|".join(
            [
                "MSH",
                "^~\\&",
                _safe(to.receiving_application),
                _safe(to.receiving_facility),
                _safe(to.application),
                _safe(to.facility),
                at.strftime("%Y%m%d%H%M%S+0000"),
                "",
                _type_of(to.event),
                own_id,
                _safe(to.processing) or "P",
                version,
            ]
        ),
        "|".join(["MSA", code.value, _safe(to.control_id), *([fault.text] if fault else [])]),
    ]
    if fault is not None:
        lines.append(_error(fault, version=version))
    return "".join(f"{line}\r" for line in lines).encode("ascii", "replace")


_NOBODY = Header(
    separators="^~\\&",
    application="",
    facility="",
    receiving_application="",
    receiving_facility="",
    event="",
    control_id="",
    processing="",
    version="",
    charset="",
)


def _type_of(event: str) -> str:
    trigger = event.partition("^")[2]
    return f"ACK^{trigger}" if re.fullmatch("[A-Z][0-9]{2}", trigger) else "ACK"


def _error(fault: Fault, *, version: str) -> str:
    match = PLACE.fullmatch(fault.place)
    parts = [match["segment"], "1", match["field"]] if match else []
    if match and match["component"]:
        parts += ["1", match["component"]]
    coded = f"{fault.code}^{TEXTS[fault.code]}^HL70357"
    # Before 2.5, ERR-1 holds both; whoever reads a newer ERR finds the rest behind it.
    old = "^".join([*parts[:3], coded.replace("^", "&")]) if version < "2.5" else ""
    return "|".join(["ERR", old, "^".join(parts), coded, "E", "", "", "", fault.text])


def _safe(text: str) -> str:
    """Return text of a message that can stand in ours, whatever its separators were."""
    return SAFE.sub("", text)[:200]
