"""Draft of a protocol: what is wrong with the text of its file, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from followup.catalogue.load import with_its_document
from followup.catalogue.toml_files import parse_toml
from followup.content.check import faults_of_steps
from followup.context import AppContext
from followup.domain.clinics.clinic import Clinic
from followup.domain.errors import ProtocolError
from followup.domain.protocols.protocol import Protocol
from followup.domain.protocols.protocol_file import parse_protocol
from followup.domain.protocols.review import protocol_reservations
from followup.releases.preview import protocol_findings

LONGEST_PROTOCOL = 64_000
"""Characters of one file: ours have twelve thousand at most."""
MOST_MESSAGES = 100
"""How many messages a patient may be sent by a draft that is previewed."""
MOST_FAULTS = 50
FILE = "the file"
TABLES = {"step": "steps", "attribute": "attributes", "left_out": "left_out", "beyond": "beyond",
          "call_questions": "call_questions"}  # fmt: skip
PLACE = re.compile(
    r"(?P<table>step|attribute|left_out|beyond|call_questions) "
    r"(?:\"(?P<key>[^\"]*)\"|(?P<number>\d+))(?:, (?P<field>\w+))?"
)
FIELD = re.compile(r"(?P<first>\w+)(?:, (?P<second>\w+))?")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: the number of a line (from 1) and what it says, or None and ""."""

    told: str
    line: int | None = None
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolDraft:
    """A text as a protocol, None where it is none; `errors` stand in its way, `findings` do not."""

    protocol: Protocol | None
    errors: tuple[Fault, ...] = ()
    findings: tuple[Fault, ...] = ()


def read_draft(
    app: AppContext, text: str, *, live: Protocol, clinics: Sequence[Clinic]
) -> ProtocolDraft:
    """Return what a text is as a protocol in place of the one that is in force at these clinics.

    Findings are what `followup check` would say of it and does not say of the one in force.
    """
    if len(text) > LONGEST_PROTOCOL:
        told = f"it has {len(text)} characters: make it {LONGEST_PROTOCOL} at most"
        return ProtocolDraft(protocol=None, errors=(Fault(told),))
    try:
        protocol = parse_protocol(parse_toml(text.encode(), name=FILE), file=FILE)
    except ProtocolError as error:
        return ProtocolDraft(protocol=None, errors=tuple(_faults(text, str(error).splitlines())))
    protocol = with_its_document(protocol, app.catalogue.folder)
    errors = [*_out_of_place(protocol, live)]
    if not errors:
        errors += faults_of_steps(app.content, clinics, protocol)
    if errors:
        return ProtocolDraft(protocol=None, errors=tuple(_faults(text, errors)))
    today = app.clock.now().date()
    known = set(protocol_reservations([live], clinics, today=today))
    found = [
        one for one in protocol_reservations([protocol], clinics, today=today) if one not in known
    ]
    for clinic in clinics:
        found += protocol_findings(app, clinic, protocol, before=live)
    return ProtocolDraft(protocol=protocol, findings=tuple(_faults(text, dict.fromkeys(found))))


def _out_of_place(protocol: Protocol, live: Protocol) -> Iterator[str]:
    if protocol.key != live.key:
        yield f'key: is "{protocol.key}": keep "{live.key}", by which follow-ups know it'
    many = sum(len(step.occurrences) for step in protocol.steps)
    if many > MOST_MESSAGES:
        yield f"it sends {many} messages: send {MOST_MESSAGES} at most"


def _faults(text: str, told: Sequence[str] | dict[str, None]) -> Iterator[Fault]:
    lines = text.splitlines()
    for each in [*told][:MOST_FAULTS]:
        said = each.removeprefix(FILE).lstrip(",: ")
        at = _line(lines, said)
        if at is None:
            yield Fault(said)
        else:
            yield Fault(re.sub(r"^line \d+: ", "", said), at + 1, lines[at].strip())


def _line(lines: Sequence[str], told: str) -> int | None:
    """Return the index of the line that a complaint is about, as nearly as its words say."""
    if not lines:
        return None
    if match := re.match(r"line (\d+):", told):
        return min(int(match[1]), len(lines)) - 1
    named = re.search(r'unknown key "([^"]+)"', told)
    field = named[1] if named else None
    if match := PLACE.search(told):
        table = _table(lines, TABLES[match["table"]], match["key"], match["number"])
        return None if table is None else _in_table(lines, table, match["field"] or field)
    match = FIELD.match(told)
    first, second = (match["first"], match["second"]) if match else (field, None)
    for at, line in enumerate(lines):
        if line.strip() == f"[{first}]":
            said = told.partition(": ")[2].partition(" ")[0]
            return _in_table(lines, _until_next(lines, at), second or field or said)
    return _field(lines, range(len(lines)), field or first)


def _table(lines: Sequence[str], name: str, key: str | None, number: str | None) -> range | None:
    """Return the lines of one of the tables of that name: by its key, or its place from 1."""
    tables = [
        _until_next(lines, at) for at, line in enumerate(lines) if line.strip() == f"[[{name}]]"
    ]
    if number is not None:
        return tables[int(number) - 1] if 0 < int(number) <= len(tables) else None
    for table in tables:
        if any(lines[at].strip().split("#")[0].strip() == f'key = "{key}"' for at in table):
            return table
    return None


def _until_next(lines: Sequence[str], start: int) -> range:
    ends = (at for at in range(start + 1, len(lines)) if lines[at].startswith("["))
    return range(start, next(ends, len(lines)))


def _in_table(lines: Sequence[str], table: range, name: str | None) -> int:
    """Return the index of the line that gives a field its value, or of the table's head."""
    found = _field(lines, table, name)
    return table.start if found is None else found


def _field(lines: Sequence[str], inside: range, name: str | None) -> int | None:
    if name is None:
        return None
    start = re.compile(rf"\s*{re.escape(name)}\s*=")
    return next((at for at in inside if start.match(lines[at])), None)
