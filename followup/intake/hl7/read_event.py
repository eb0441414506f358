"""Reads an HL7 v2 message into an event of the feed, by what the site file says of its codes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime

from followup.domain.contact import parse_email, parse_mobile, parse_nhs_number
from followup.domain.errors import InvalidInput
from followup.domain.sites.site import EventKind, Site
from followup.intake.feed.event import DELETED, Fact, FeedEvent, VisitKeys, name_fact, stamp_of
from followup.intake.hl7.acknowledge import ErrorCode, Fault
from followup.intake.hl7.header import Header
from followup.intake.hl7.message import EMPTY_QUOTES, ParsedMessage
from followup.intake.hl7.times import is_midnight, read_day, read_moment

LONGEST_KEY = 120
NHS_LEFT_OUT = "nhs-number-left-out"
PERSONAL = frozenset({EventKind.PERSON, EventKind.MERGED})
YES, NO = "Y", "N"


class Refused(Exception):
    """A message that is refused for what it says."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.text)


def _refuse(code: ErrorCode, place: str, text: str) -> Refused:
    return Refused(Fault(code, place, text))


def read_event(header: Header, text: str, *, site: Site, sent_at: datetime) -> FeedEvent:
    """Return the event of a message; raise `Refused`, or `Unreadable` for what is no message.

    `sent_at` is when we got it: for messages whose MSH-7 says nothing.
    """
    kind = site.events.get(header.event)
    if kind is None:
        raise _refuse(
            ErrorCode.EVENT_CODE, "MSH-9", "the site file says of no such event what it means"
        )
    message = ParsedMessage(text)
    stamp = _stamp(message, header, site=site, sent_at=sent_at)
    if kind is EventKind.IGNORED:
        return FeedEvent(kind=kind, stamp=stamp, person_key="")
    if not message.has("PID"):
        raise _refuse(ErrorCode.SEQUENCE, "PID-1", "there is no PID segment")
    person, remarks = _person(message, site=site, kind=kind)
    merged = None
    if kind is EventKind.MERGED:
        merged = _key_of(message, "MRG-1", site=site)
        if merged is None:
            raise _refuse(ErrorCode.MISSING, "MRG-1", "MRG-1 names nobody who is merged")
    visit = _visit(message, site=site)
    if visit is None and kind not in PERSONAL:
        raise _refuse(
            ErrorCode.MISSING, site.fields.visit[0], "neither visit nor appointment has a number"
        )
    facts = dict(_facts(message, site=site)) if visit is not None else {}
    number = person.get("nhs_number")
    if kind not in PERSONAL:
        facts["status"] = _status(kind)
    return FeedEvent(
        kind=kind,
        stamp=stamp,
        person_key=_person_key(message, person, site=site),
        nhs_key=f"nhs {number}" if isinstance(number, str) else None,
        person=person,
        visit=visit,
        facts=facts,
        merged_key=merged,
        remarks=remarks,
    )


def _stamp(message: ParsedMessage, header: Header, *, site: Site, sent_at: datetime) -> str:
    sent = _moment(message, "MSH-7", site=site) or sent_at
    happened = _moment(message, "EVN-2", site=site) or sent
    return stamp_of(
        happened, sent_at=sent, sequence=message.first("MSH-13"), control_id=header.control_id
    )


def _status(kind: EventKind) -> str:
    return EventKind.BOOKED.value if kind is EventKind.MOVED else kind.value


def _moment(message: ParsedMessage, path: str, *, site: Site) -> datetime | None:
    text = message.first(path)
    if not text or text == EMPTY_QUOTES:
        return None
    try:
        return read_moment(text, zone=site.zone)
    except (ValueError, OverflowError):
        raise _refuse(ErrorCode.DATA_TYPE, path, f"{path} is no date and time") from None


# ------------------------------------------------------------------------------------ person


def _person(
    message: ParsedMessage, *, site: Site, kind: EventKind
) -> tuple[dict[str, Fact], tuple[str, ...]]:
    facts: dict[str, Fact] = {}
    remarks: list[str] = []
    nhs = _identifier(message, "PID-3", site.nhs_ids)
    if nhs == EMPTY_QUOTES:
        facts["nhs_number"] = DELETED
    elif nhs:
        try:
            facts["nhs_number"] = parse_nhs_number(nhs)
        except InvalidInput:
            remarks.append(NHS_LEFT_OUT)
    facts.update(_name(message, remarks))
    facts.update(_born(message))
    facts.update(_reach(message, site=site))
    language = message.first("PID-15.1")
    if language in site.languages:
        facts["language"] = site.languages[language]
    facts.update(_flags(message, site=site, kind=kind))
    return facts, tuple(remarks)


def _name(message: ParsedMessage, remarks: list[str]) -> Iterator[tuple[str, Fact]]:
    names = [each for each in message.repetitions("PID-5") if any(each)]
    if not names:
        return
    # The legal name where names are told apart (XPN-7), else the first.
    legal = next((each for each in names if _at(each, 7) in {"L", "A"}), names[0])
    parts = [_at(legal, 2), _at(legal, 3), _at(legal, 1)]
    name = " ".join(part for part in parts if part and part != EMPTY_QUOTES)
    if any(letter.isalpha() for letter in name):
        yield from name_fact(name, remarks)


def _born(message: ParsedMessage) -> Iterator[tuple[str, Fact]]:
    text = message.first("PID-7")
    if text == EMPTY_QUOTES:
        yield "date_of_birth", DELETED
    elif text:
        try:
            yield "date_of_birth", read_day(text).isoformat()
        except ValueError:
            raise _refuse(ErrorCode.DATA_TYPE, "PID-7", "PID-7 is no date of birth") from None


def _reach(message: ParsedMessage, *, site: Site) -> Iterator[tuple[str, Fact]]:
    phones = message.repetitions("PID-13")
    if not any(any(each) for each in phones):
        return
    if phones and _at(phones[0], 1) == EMPTY_QUOTES:
        yield "mobile", DELETED
        yield "other_number", DELETED
        yield "email", DELETED
        return
    # What is listed is all that there is: a mobile that is left out of a list is gone.
    found: dict[str, Fact] = {}
    for each in phones:
        number, use, equipment = (_at(each, place) for place in (1, 2, 3))
        address = _at(each, 4) or (number if "@" in number else "")
        if address and address != EMPTY_QUOTES:
            if (email := _email(address)) is not None:
                found.setdefault("email", email)
        elif (mobile := _mobile(number)) is not None:
            is_mobile = any(one.is_it(use, equipment) for one in site.mobiles)
            found.setdefault("mobile" if is_mobile else "other_number", mobile)
    yield from found.items()


def _mobile(number: str) -> str | None:
    try:
        return parse_mobile(number)
    except InvalidInput:
        return None


def _email(address: str) -> str | None:
    try:
        return parse_email(address)
    except InvalidInput:
        return None


def _flags(message: ParsedMessage, *, site: Site, kind: EventKind) -> Iterator[tuple[str, Fact]]:
    indicator, died_at = message.first("PID-30"), message.first("PID-29")
    by_discharge = kind is EventKind.DONE and message.first("PV1-36") in site.death_codes
    if indicator == YES or by_discharge or (died_at not in {"", EMPTY_QUOTES} and indicator != NO):
        yield "died", True
    elif indicator in {NO, EMPTY_QUOTES} or died_at == EMPTY_QUOTES:
        yield "died", False
    protection = message.first("PD1-12")
    if protection:
        yield "restricted", protection == YES


# ------------------------------------------------------------------------------- identifiers


def _identifier(message: ParsedMessage, path: str, kinds: frozenset[str]) -> str:
    """Return the first identifier of one of these kinds, by CX-4 or CX-5."""
    for each in message.repetitions(path):
        if _at(each, 1) and not kinds.isdisjoint({_at(each, 4), _at(each, 5)}):
            return _at(each, 1)
    return ""


def _key_of(message: ParsedMessage, path: str, *, site: Site) -> str | None:
    """Return how the site knows somebody: by its own number, else by the NHS number."""
    local = _identifier(message, path, site.local_ids)
    if local and local != EMPTY_QUOTES:
        return f"local {local}"
    nhs = _identifier(message, path, site.nhs_ids)
    return f"nhs {nhs.replace(' ', '')}" if nhs and nhs != EMPTY_QUOTES else None


def _person_key(message: ParsedMessage, person: dict[str, Fact], *, site: Site) -> str:
    key = _key_of(message, "PID-3", site=site)
    if key is not None:
        return key
    name, born = person.get("name"), person.get("date_of_birth")
    if not isinstance(name, str) or not isinstance(born, str):
        raise _refuse(
            ErrorCode.MISSING, "PID-3", "PID holds no identifier that counts, nor name and birth"
        )
    return f"person {name.casefold()} {born}"


# ------------------------------------------------------------------------------------- visit


def _visit(message: ParsedMessage, *, site: Site) -> VisitKeys | None:
    visit = _first_of(message, site.fields.visit)
    appointment = _first_of(message, site.fields.appointment)
    if not visit and not appointment:
        return None
    return VisitKeys(visit=_short(visit), appointment=_short(appointment))


def _short(key: str) -> str | None:
    if len(key) > LONGEST_KEY:
        return hashlib.sha256(key.encode()).hexdigest()
    return key or None


def _first_of(message: ParsedMessage, paths: Sequence[str]) -> str:
    found = (message.first(path) for path in paths)
    return next((text for text in found if text and text != EMPTY_QUOTES), "")


def _facts(message: ParsedMessage, *, site: Site) -> Iterator[tuple[str, Fact]]:
    for name, paths in (
        ("procedure", site.fields.procedure),
        ("service", site.fields.service),
        ("location", site.fields.location),
    ):
        codes = [code for path in paths for code in message.all(path)]
        if codes:
            yield name, sorted({code for code in codes if code != EMPTY_QUOTES})
    for rank, path in enumerate(site.fields.time):
        written = message.first(path)
        if written == EMPTY_QUOTES:
            yield f"time.{rank}", DELETED
        elif is_midnight(written):
            # The day alone is known: nobody is treated at midnight.
            continue
        elif (at := _moment(message, path, site=site)) is not None:
            yield f"time.{rank}", at.isoformat()


def _at(components: Sequence[str], number: int) -> str:
    return components[number - 1] if number <= len(components) else ""
