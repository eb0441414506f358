"""CSV row as the document of an enrolment: its cells under the names that JSON has for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import chain
from typing import Any
from typing import Protocol as Shape
from zoneinfo import ZoneInfo

from followup.catalogue.load import Catalogue
from followup.domain.errors import InvalidInput, Problem
from followup.domain.protocols.protocol import Protocol
from followup.intake.answer_words import read_answer
from followup.intake.csv_births import birth_date_in_full
from followup.intake.csv_cells import (
    DIGITS,
    as_address,
    as_digits,
    as_mobile,
    as_nhs_number,
    as_typed,
)
from followup.intake.csv_columns import (
    IN_PARTS,
    OF_ENROLMENT,
    OF_PATIENT,
    plain,
    spellings,
)
from followup.intake.csv_labels import without_label
from followup.intake.csv_names import as_name
from followup.intake.csv_procedure_times import clock_in_full, procedure_in_full
from followup.intake.local_times import parse_clock, parse_day, parse_procedure_time, parse_time

CHANNEL_WORDS = {
    "text": "sms", "texts": "sms", "e-mail": "email", "e-mails": "email", "emails": "email",
}  # fmt: skip
DAY_OF_NOTHING = re.compile(
    r"(?:\d{1,2}/\d{1,2}/(?:1899|1900)|(?:1899|1900)-\d{2}-\d{2})[ T]", re.ASCII
)
"""The day that a spreadsheet puts before a time that has none."""
NO_QUESTIONS = frozenset((*OF_ENROLMENT, *OF_PATIENT, *chain.from_iterable(IN_PARTS.values())))
READ_AS: Mapping[str, tuple[Callable[[str], str], ...]] = {
    "mobile": (as_typed, as_mobile),
    "nhs_number": (as_typed, as_nhs_number),
    "email": (as_address,),
    "name": (as_name,),
    "date_of_birth": (as_typed,),
    **dict.fromkeys(("procedure_at", "procedure_date", "procedure_time"), (as_typed,)),
}
"""What is put right in the cells of a field, in this order."""
AS_THEY_ARE = frozenset({"reference", "clinic", "protocol", "channels", "language"})
# Stand in for cells that are wrong, so that the other cells of the row are checked too.
SOME_TIME, SOME_DAY = "2000-01-01T00:00:00+00:00", "2000-01-01"


class Named(Shape):
    """What has a name for people."""

    @property
    def name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Defaults:
    """The clinic and the protocol of rows that name none; `clinics` are those they may name."""

    clinic: str | None = None
    protocol: str | None = None
    clinics: frozenset[str] | None = None


def document_of(
    catalogue: Catalogue,
    cells: Mapping[str, str],
    choices: Choices,
    *,
    today: date,
    problems: list[Problem],
) -> dict[str, Any]:
    """Return the document that a row's cells are; what is wrong with it goes to `problems`."""
    cells = {name: _told(name, cell, choices) for name, cell in cells.items()}
    document: dict[str, Any] = {name: cells[name] for name in OF_ENROLMENT if name in cells}
    patient: dict[str, Any] = {name: cells[name] for name in OF_PATIENT if name in cells}
    for field, default, known in (
        ("clinic", choices.defaults.clinic, choices.clinics),
        ("protocol", choices.defaults.protocol, choices.protocols),
    ):
        written = document.get(field) or default or ""
        key = known.get(written) or known.get(plain(written))
        if key is None:
            keys = sorted(set(known.values()))
            problems.append(Problem(field, f"name one of: {', '.join(keys)}"))
            key = keys[0]
        document[field] = key
    zone = catalogue.clinics[document["clinic"]].zone
    document["procedure_at"] = _procedure_at(cells, zone, today=today, problems=problems)
    if "date_of_birth" in patient:
        patient["date_of_birth"] = _day(patient["date_of_birth"], today=today, problems=problems)
    patient |= _name_in_parts(cells, problems=problems)
    if "channels" in document:
        document["channels"] = _channels(document["channels"])
    protocol = catalogue.protocols[document["protocol"]]
    document["attributes"] = _answers(protocol, cells, problems=problems)
    document["patient"] = patient
    return document


@dataclass(frozen=True, slots=True)
class Choices:
    """What rows may call their clinic and protocol: by key or name, in any spelling."""

    defaults: Defaults
    clinics: Mapping[str, str]
    protocols: Mapping[str, str]
    spelt: Mapping[str, str]
    """Which field a heading means, or a label in a cell."""

    @classmethod
    def of(cls, catalogue: Catalogue, defaults: Defaults) -> Choices:
        """Return those that rows may name."""
        allowed = defaults.clinics
        clinics = {
            key: clinic
            for key, clinic in catalogue.clinics.items()
            if allowed is None or key in allowed
        }
        return cls(defaults, _names(clinics), _names(catalogue.protocols), spellings(catalogue))


def _told(field: str, cell: str, choices: Choices) -> str:
    """Return what a cell says of its field, without what lists put around it."""
    text = as_digits(cell) if field in DIGITS else cell
    if field in AS_THEY_ARE or text.isdigit():
        return text
    text = without_label(field, text, spelt=choices.spelt)
    for read in READ_AS.get(field, ()):
        text = read(text)
    return text


def _names(known: Mapping[str, Named]) -> dict[str, str]:
    by_name = {plain(each.name): key for key, each in known.items()}
    return {**by_name, **{plain(key): key for key in known}, **{key: key for key in known}}


def _procedure_at(
    cells: Mapping[str, str], zone: ZoneInfo, *, today: date, problems: list[Problem]
) -> str:
    field = "procedure_date" if "procedure_date" in cells else "procedure_at"
    try:
        if field not in cells:
            raise InvalidInput.of(field, "this is missing: fill it in")
        written = procedure_in_full(cells[field], today=today, field=field)
        if "procedure_time" in cells:
            written = _joined(written, cells["procedure_time"], zone=zone)
            field = "procedure_time"
        return parse_procedure_time(written, zone=zone, field=field).isoformat()
    except InvalidInput as error:
        problems.extend(error.problems)
        return SOME_TIME


def _joined(day: str, clock: str, *, zone: ZoneInfo) -> str:
    """Return a date and a time of two columns as one; spreadsheets add midnight to a date."""
    at = parse_clock(clock_in_full(DAY_OF_NOTHING.sub("", clock)), field="procedure_time")
    try:
        moment = datetime.combine(parse_day(day, field="procedure_date"), at)
    except InvalidInput:
        if day.partition(" ")[0] == day and "T" not in day.upper():
            raise
        told = parse_time(day, zone=zone, field="procedure_date").astimezone(zone)
        if told.time() not in {at, time.min}:
            raise InvalidInput.of(
                "procedure_time", "the date has another time beside it: correct one of them"
            ) from None
        moment = datetime.combine(told.date(), at)
    return moment.isoformat()


def _name_in_parts(cells: Mapping[str, str], *, problems: list[Problem]) -> dict[str, str]:
    parts = [part for part in IN_PARTS["name"] if part in cells]
    if not parts:
        return {}
    problems.extend(
        Problem(part, "this is missing: fill it in")
        for part in IN_PARTS["name"]
        if part not in parts
    )
    return {"name": as_name(" ".join(cells[part] for part in parts))}


def _day(text: str, *, today: date, problems: list[Problem]) -> str:
    try:
        written = birth_date_in_full(text, today=today)
        return parse_day(written, field="date_of_birth").isoformat()
    except InvalidInput as error:
        problems.extend(error.problems)
        return SOME_DAY


def _channels(cell: str) -> list[str]:
    words = re.findall(r"[a-z-]+", cell.lower())
    return [CHANNEL_WORDS.get(word, word) for word in words if word != "and"]


def _answers(
    protocol: Protocol, cells: Mapping[str, str], *, problems: list[Problem]
) -> dict[str, bool]:
    asked = {each.key: each.question for each in protocol.attributes}
    found: dict[str, bool] = {}
    for name, cell in cells.items():
        if name in NO_QUESTIONS:
            continue
        answer = read_answer(name, cell)
        if name not in asked:
            problems.append(Problem(name, f"{protocol.name} does not ask this: leave it empty"))
        elif answer is None:
            problems.append(Problem(name, f"write yes or no: {asked[name]}"))
        else:
            found[name] = answer
    return found
