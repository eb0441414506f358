"""Reads FHIR resources into facts of a feed, by what the site file says of systems and codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from followup.domain.contact import parse_email, parse_mobile, parse_nhs_number
from followup.domain.errors import InvalidInput
from followup.domain.sites.site import EventKind, Site
from followup.fhir.codes import NHS_NUMBER
from followup.intake.feed.event import DELETED, REMARKS, STOPPED, Fact, name_fact
from followup.intake.fhir.elements import (
    CodeableConcept,
    ContactPoint,
    Extension,
    HumanName,
    Identifier,
    Period,
    Reference,
)
from followup.intake.fhir.shapes import AppointmentSent, PatientSent, ProcedureSent

NHS_LEFT_OUT = "nhs-number-left-out"
NHS_NOT_VERIFIED = "nhs-number-not-verified"
INTERPRETER = "interpreter-required"

VERIFICATION: Final = "NHSNumberVerificationStatus"
"""How the address of UK Core's extension ends."""
VERIFIED = frozenset(
    {
        "01",
        "nn",
        "number-present-and-verified",
        "number-present-and-traced-using-welsh-nhs-ar",
    }
)
INTERPRETER_NEEDED = ("interpreterRequired", "patient-interpreterRequired")
RESTRICTED = frozenset({"R", "V", "REDACTED"})
"""Of v3-Confidentiality, as PDS marks records whose people must not be traced."""
UNRESTRICTED = frozenset({"U", "L", "M", "N"})
FORMER = frozenset({"old", "temp"})
MIDNIGHT = "00:00:00"

PROCEDURE_STATUS: dict[str, str | None] = {
    "preparation": EventKind.BOOKED.value,
    "on-hold": EventKind.BOOKED.value,
    "in-progress": EventKind.ARRIVED.value,
    "completed": EventKind.DONE.value,
    "stopped": STOPPED,
    "not-done": EventKind.CANCELLED.value,
    "entered-in-error": EventKind.CANCELLED.value,
}
"""`unknown` is not there: it leaves alone what was known."""
APPOINTMENT_STATUS: dict[str, str | None] = {
    # Asked for or waited for, and so not booked.
    "proposed": DELETED,
    "pending": DELETED,
    "waitlist": DELETED,
    "booked": EventKind.BOOKED.value,
    "arrived": EventKind.ARRIVED.value,
    "checked-in": EventKind.ARRIVED.value,
    "fulfilled": EventKind.DONE.value,
    "cancelled": EventKind.CANCELLED.value,
    "noshow": EventKind.CANCELLED.value,
    "entered-in-error": EventKind.CANCELLED.value,
}

Dated = TypeVar("Dated", Identifier, HumanName, ContactPoint)


# ------------------------------------------------------------------------------------ person


def person_facts(patient: PatientSent, *, site: Site, now: datetime) -> dict[str, Fact]:
    """Return what a Patient says of a person, with what was left out among it."""
    remarks: list[str] = []
    facts: dict[str, Fact] = {}
    facts.update(_nhs_number(patient, remarks, now=now))
    facts.update(_name(patient, remarks, now=now))
    # Of a birth date that is not known to the day, nothing is known here.
    if patient.birth_date is not None and len(patient.birth_date) == len("1957-05-17"):
        facts["date_of_birth"] = patient.birth_date
    if patient.telecom is not None:
        facts.update(_reach(in_force(patient.telecom, now=now)))
    facts.update(_language(patient, site=site))
    if patient.deceased_date_time is not None:
        facts["died"] = True
    elif patient.deceased_boolean is not None:
        facts["died"] = patient.deceased_boolean
    facts.update(_restricted(patient))
    if any(_needs_interpreter(each) for each in _extensions(patient)):
        remarks.append(INTERPRETER)
    facts[REMARKS] = remarks
    return facts


def in_force(listed: Iterable[Dated] | None, *, now: datetime) -> list[Dated]:
    """Return those that are not of the past."""
    return [each for each in listed or () if each.use not in FORMER and not _over(each.period, now)]


def _over(period: Period | None, now: datetime) -> bool:
    # A day compares with the beginning of a time, so that it is over the day after.
    return period is not None and period.end is not None and period.end[:10] < f"{now:%Y-%m-%d}"


def _nhs_number(
    patient: PatientSent, remarks: list[str], *, now: datetime
) -> Iterator[tuple[str, Fact]]:
    for each in in_force(patient.identifier, now=now):
        if each.system != NHS_NUMBER or not each.value:
            continue
        number = valid_nhs_number(each.value)
        if number is None:
            remarks.append(NHS_LEFT_OUT)
        elif not is_verified(each):
            remarks.append(NHS_NOT_VERIFIED)
        else:
            yield "nhs_number", number
            return


def is_verified(identifier: Identifier) -> bool:
    """Say whether nothing is said against a number: a number without a status is believed."""
    codes = {
        code
        for each in identifier.extension or ()
        if VERIFICATION in each.url
        for code in _extension_codes(each)
    }
    return not codes or not codes.isdisjoint(VERIFIED)


def _extension_codes(extension: Extension) -> Iterator[str]:
    concept = (extension.model_extra or {}).get("valueCodeableConcept")
    codings = concept.get("coding") if isinstance(concept, dict) else None
    for each in codings if isinstance(codings, list) else ():
        if isinstance(each, dict) and isinstance(each.get("code"), str):
            yield each["code"]


def valid_nhs_number(text: str) -> str | None:
    """Return the digits of a number that may be one."""
    return _parsed(parse_nhs_number, text)


def _name(patient: PatientSent, remarks: list[str], *, now: datetime) -> Iterator[tuple[str, Fact]]:
    uses = ("official", "usual", None)
    names = [each for each in in_force(patient.name, now=now) if each.use in uses]
    names.sort(key=lambda each: uses.index(each.use))
    for each in names:
        parts = [*(each.given or ()), each.family or ""] if each.family else [each.text or ""]
        name = _printable(" ".join(parts))
        if any(letter.isalpha() for letter in name):
            yield from name_fact(name, remarks)
            return


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _reach(listed: Sequence[ContactPoint]) -> dict[str, Fact]:
    # The list is all that there is: a number that is not in it any more is gone.
    found: dict[str, Fact] = {"mobile": DELETED, "other_number": DELETED, "email": DELETED}
    for each in sorted(listed, key=lambda one: one.rank or len(listed) + 1):
        if each.system == "email":
            name, value = "email", _parsed(parse_email, each.value or "")
        elif each.system in {"phone", "sms"}:
            name = "mobile" if each.use == "mobile" else "other_number"
            value = _parsed(parse_mobile, each.value or "")
        else:
            continue
        if value is not None and found[name] is DELETED:
            found[name] = value
    return found


def _parsed(parse: Callable[[str], str], text: str) -> str | None:
    try:
        return parse(text)
    except InvalidInput:
        return None


def _language(patient: PatientSent, *, site: Site) -> Iterator[tuple[str, Fact]]:
    listed = sorted(patient.communication or (), key=lambda each: not each.preferred)
    for each in listed:
        for _, code in each.language.codes():
            yield "language", site.languages.get(code, code)
            return


def _restricted(patient: PatientSent) -> Iterator[tuple[str, Fact]]:
    labels = patient.meta.security if patient.meta else None
    codes = {each.code for each in labels or ()}
    if codes & RESTRICTED:
        yield "restricted", True
    elif codes & UNRESTRICTED:
        yield "restricted", False


def _extensions(patient: PatientSent) -> Iterator[Extension]:
    yield from patient.extension or ()
    for each in patient.communication or ():
        yield from each.extension or ()


def _needs_interpreter(extension: Extension) -> bool:
    if extension.url.rpartition("/")[2] in INTERPRETER_NEEDED:
        return (extension.model_extra or {}).get("valueBoolean") is True
    return any(_needs_interpreter(each) for each in extension.extension or ())


# ------------------------------------------------------------------------------------- visit


def visit_facts(
    sent: ProcedureSent | AppointmentSent, *, site: Site, others: Sequence[Reference]
) -> dict[str, Fact]:
    """Return what a Procedure or an Appointment says of a visit; `others` are its places."""
    facts: dict[str, Fact] = {}
    if isinstance(sent, ProcedureSent):
        if sent.status in PROCEDURE_STATUS:
            facts["status"] = PROCEDURE_STATUS[sent.status]
        facts["time.0"] = _time(_performed(sent), zone=site.zone)
        named = {
            "procedure": [sent.code],
            "service": [sent.category],
        }
    else:
        facts["status"] = APPOINTMENT_STATUS[sent.status]
        facts["time.1"] = _time(sent.start, zone=site.zone)
        named = {
            "procedure": [*(sent.service_type or ()), *(sent.reason_code or ())],
            "service": [*(sent.specialty or ()), *(sent.service_category or ())],
        }
    for name, concepts in named.items():
        codes = sorted(set(_codes(concepts, site=site)))
        if codes:
            facts[name] = codes
    places = sorted({code for each in others for code in _place_codes(each)})
    if places:
        facts["location"] = places
    return facts


def _performed(sent: ProcedureSent) -> str | None:
    if sent.performed_date_time is not None:
        return sent.performed_date_time
    period = sent.performed_period
    return (period.start or period.end) if period else None


def _time(text: str | None, *, zone: ZoneInfo) -> str | None:
    """Return a time in UTC; a day without one, or its midnight, is the day alone and no time."""
    if text is None or "T" not in text or text[11:19] == MIDNIGHT:
        return DELETED
    at = moment(text)
    # Systems that know only the day write the midnight of their wall clock, in UTC or not.
    return DELETED if f"{at.astimezone(zone):%H:%M:%S}" == MIDNIGHT else at.isoformat()


def moment(text: str) -> datetime:
    """Return an instant in UTC."""
    seconds, dot, rest = text.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{seconds}.{rest[:digits][:6]}{rest[digits:]}"
    return datetime.fromisoformat(text).astimezone(UTC)


def _codes(concepts: Iterable[CodeableConcept | None], *, site: Site) -> Iterator[str]:
    plain = site.fhir.code_systems if site.fhir else frozenset()
    for concept in concepts:
        for system, code in concept.codes() if concept else ():
            if system is not None:
                yield f"{system}|{code}"
            if system in plain:
                yield code


def _place_codes(place: Reference) -> Iterator[str]:
    if place.reference:
        yield place.reference
    if place.identifier and place.identifier.value:
        yield f"{place.identifier.system or ''}|{place.identifier.value}"
