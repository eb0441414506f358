"""Rules of single texts: lock screen, numbers and links, a few characters too many."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import urlsplit

import phonenumbers

from followup.domain.clinics.clinic import Clinic
from followup.domain.protocols.protocol import Protocol
from followup.domain.safety.finding import SafetyFinding
from followup.domain.safety.said import SaidText
from followup.domain.text.plain_language import NAME_PATTERN
from followup.domain.text.sms import SEGMENT_UNITS, SINGLE_UNITS

FEW_CHARACTERS = 5
DRUGS = (
    *("amitriptyline", "apixaban", "aspirin", "clopidogrel", "codeine", "dabigatran"),
    *("dexamethasone", "diazepam", "duloxetine", "gabapentin", "ibuprofen", "insulin"),
    *("metformin", "methylprednisolone", "morphine", "naproxen", "paracetamol", "pregabalin"),
    *("rivaroxaban", "tramadol", "triamcinolone", "warfarin"),
)
PRIVATE = re.compile(
    rf"\b(?:{'|'.join(DRUGS)})\b|\b\d+ ?m[cg]g?\b|\bdiabet\w*|\bcancer\b|\bHIV\b|\bdepress\w*"
    r"|\barthritis\b|\bsciatica\b|\bsteroids?\b|\bpatient\b",
    re.IGNORECASE,
)
NATIONAL_NUMBERS = frozenset({"116123"})
"""Samaritans."""
NUMBER = re.compile(r"(?<![\w/])\+?\d(?:[ -]?\d){6,}(?!\w)")
DRAMA_NUMBERS = re.compile(
    r"\+44(?:7700900|1632960|2079460|1134960|1144960|1154960|1164960|1174960|1184960|1214960"
    r"|1314960|1414960|1514960|1614960|1914980|2896496|2920180|8081570|9098790|3069990)\d+"
)
"""What Ofcom keeps for drama: they reach nobody."""
EXAMPLE_HOST = re.compile(r"(?:^|[@.])(?:example(?:\.(?:com|net|org))?|invalid|test|localhost)$")


def lock_screen(said: Iterable[SaidText], protocol: Protocol | None) -> Iterator[SafetyFinding]:
    """Find what tells the room about the patient: a diagnosis, a name, a drug, the procedure."""
    procedure = protocol and re.sub(r"\(.*\)", "", protocol.name).strip()
    for text in said:
        # An e-mail shows its subject on the lock screen, a text all of itself.
        shown = text.text if text.subject is None else text.subject
        found = PRIVATE.search(shown) or NAME_PATTERN.search(shown)
        told = found and found.group()
        if told is None and procedure and procedure.lower() in shown.lower():
            told = procedure
        if told is not None:
            yield SafetyFinding(
                rule="lock-screen",
                sentence=f'{text.where}: says "{told}" on a lock screen: take it out',
                grave=text.sendable,
            )


def few_characters_too_many(said: Iterable[SaidText]) -> Iterator[SafetyFinding]:
    """Find texts that take another segment for a handful of characters."""
    for text in said:
        size = text.size
        if size is None or size.segments < 2 or not text.sendable:  # noqa: PLR2004 - one more than one
            continue
        fewer = size.segments - 1
        room = SINGLE_UNITS[size.encoding] if fewer == 1 else fewer * SEGMENT_UNITS[size.encoding]
        if size.units - room <= FEW_CHARACTERS:
            yield SafetyFinding(
                rule="few-characters-too-many",
                sentence=(
                    f"{text.where}: {size.units - room} characters too many for {fewer} segments: "
                    "shorten it"
                ),
                grave=False,
            )


def clinic_reachable(clinic: Clinic) -> Iterator[SafetyFinding]:
    """Find numbers and addresses of a clinic that reach nobody."""
    number = phonenumbers.parse(clinic.phone_link)
    if DRAMA_NUMBERS.fullmatch(clinic.phone_link) or not phonenumbers.is_valid_number(number):
        yield SafetyFinding(
            rule="numbers-and-links",
            sentence=f"clinic {clinic.key}: {clinic.phone} reaches nobody: write its real number",
            grave=False,
        )
    for address in dict.fromkeys((clinic.email_from, clinic.email_reply_to)):
        if address is not None and EXAMPLE_HOST.search(address):
            yield SafetyFinding(
                rule="numbers-and-links",
                sentence=(
                    f"clinic {clinic.key}: mail from or to {address} reaches nobody: write its "
                    "real address"
                ),
                grave=False,
            )


def numbers_and_links(
    said: Iterable[SaidText], *, hosts: Collection[str]
) -> Iterator[SafetyFinding]:
    """Find numbers that are not the clinic's, and links that lead elsewhere or are not https."""
    for text in said:
        for wrong in dict.fromkeys((*_strange_numbers(text), *_strange_links(text, hosts))):
            yield SafetyFinding(
                rule="numbers-and-links",
                sentence=f"{text.where}: {wrong}",
                grave=text.sendable,
            )


def _strange_numbers(text: SaidText) -> Iterator[str]:
    clinic = text.clinic
    known = {_digits(number) for number in (clinic.phone, clinic.stop_contact or clinic.phone)}
    without_links = re.sub(r"https?://\S+", " ", text.text)
    for found in NUMBER.findall(without_links):
        if _digits(found) not in known | NATIONAL_NUMBERS:
            yield f"{found} is no number of the clinic: take it from the clinic's file"


def _strange_links(text: SaidText, hosts: Collection[str]) -> Iterator[str]:
    for link in (*text.links, *re.findall(r"https?://[^\s)]+", text.text)):
        parts = urlsplit(link)
        if parts.scheme == "tel":
            if parts.path != text.clinic.phone_link:
                yield f"{link} is no number of the clinic: take it from the clinic's file"
        elif parts.scheme != "https":
            yield f"{link} is no secure address: write https"
        elif parts.hostname not in hosts:
            yield f"{link} leads to {parts.hostname}, which is not this service: take it out"


def _digits(number: str) -> str:
    return re.sub(r"\D", "", number)
