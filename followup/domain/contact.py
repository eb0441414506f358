"""How a patient is reached and known: mobile, e-mail and NHS number, checked, normalised, masked.

An error names the field and what to do, and never repeats what was typed: it may end up in a log.
"""

from __future__ import annotations

import re
import unicodedata

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from nhs_number.constants import (
    REGION_ENGLAND_WALES_IOM,
    REGION_NORTHERN_IRELAND,
    REGION_SCOTLAND,
    REGION_SYNTHETIC,
)
from nhs_number.validate import calculate_checksum, is_valid
from phonenumbers import NumberParseException, PhoneNumberType

from followup.domain.errors import InvalidInput
from followup.domain.identity import is_one_letter_off
from followup.domain.people.number_notes import note_fault, own_number

TEXTABLE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})

# What people and their address books write between digits, and no letters or second numbers.
WRITTEN_NUMBER = re.compile(r"\+?[\d ().-]+")

# https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama
DRAMA_MOBILE = re.compile(r"\+447700900\d{3}")


def _usual_mobile() -> re.Pattern[str]:
    """Return British mobiles as most people write them, by the library's own plan of numbers.

    Whatever else is written, the library reads itself, which takes long where lists are long.
    """
    plan = phonenumbers.PhoneMetadata.metadata_for_region("GB", None)
    issued = plan.mobile.national_number_pattern if plan and plan.mobile else "(?!)"
    return re.compile(rf"(?:0|\+44)({issued}|7700900\d{{3}})", re.ASCII)


USUAL_MOBILE = _usual_mobile()

# Valid numbers of the last region are never issued: they are for made-up patients.
ALLOCATED = (
    REGION_ENGLAND_WALES_IOM,
    REGION_SCOTLAND,
    REGION_NORTHERN_IRELAND,
    REGION_SYNTHETIC,
)
# England issues these as well, which the library leaves to Scotland's dates of birth or to nobody.
ALLOCATED_IN_ENGLAND_TOO = range(3_000_000_000, 3_200_000_000)

# Domains that so many people share that showing them tells nothing of one of them.
SHARED_DOMAINS = frozenset(
    {
        "aol.com", "btinternet.com", "example.com", "gmail.com", "googlemail.com", "hotmail.co.uk",
        "hotmail.com", "icloud.com", "live.co.uk", "me.com", "msn.com", "nhs.net", "outlook.com",
        "protonmail.com", "sky.com", "virginmedia.com", "yahoo.co.uk", "yahoo.com",
    }
)  # fmt: skip
SHARED_NAMES = frozenset(
    name for each in SHARED_DOMAINS if len(name := each.partition(".")[0]) > len("aol")
) - {"example", "live"}

MISTYPED_ENDING = re.compile(r"\.(?:c[ou]n|c[mp]o|vom|xom|comm|cok|couk|co\.u|co\.ku|co\.ik)$")


def parse_mobile(text: str, *, region: str = "GB", field: str = "patient.mobile") -> str:
    """Return the E.164 form of a number that can take texts; national ones are those of `region`.

    A number of Ofcom's drama range is taken too, for made-up patients. A note that it is the
    patient's own is left out; any other, such as whose it is, is a reason to ask.
    """
    written = _plain(text)
    if region == "GB" and (usual := USUAL_MOBILE.fullmatch(written.replace(" ", ""))):
        return f"+44{usual[1]}"
    written = own_number(written)
    if not WRITTEN_NUMBER.fullmatch(written):
        raise InvalidInput.of(field, _not_a_number(written))
    try:
        number = phonenumbers.parse(written, region)
    except NumberParseException:
        raise InvalidInput.of(field, _not_a_number(written)) from None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if DRAMA_MOBILE.fullmatch(e164):
        return e164
    if not phonenumbers.is_valid_number(number):
        raise InvalidInput.of(field, _wrong_number(number))
    if phonenumbers.number_type(number) not in TEXTABLE:
        raise InvalidInput.of(
            field, "this number can't take texts: give a mobile number, or leave it out"
        )
    return e164


def _not_a_number(written: str) -> str:
    if not written:
        return "this is empty: give a mobile number, or leave it out"
    return note_fault(written)


def _wrong_number(number: phonenumbers.PhoneNumber) -> str:
    reason = phonenumbers.is_possible_number_for_type_with_reason(number, PhoneNumberType.MOBILE)
    if reason == phonenumbers.ValidationResult.TOO_SHORT:
        return "this number is too short: check that no digit is missing"
    if reason == phonenumbers.ValidationResult.TOO_LONG:
        return "this number is too long: check that no digit was typed twice"
    return "no such number is in use: check it, and start one from abroad with + and the country"


def parse_email(text: str, *, field: str = "patient.email") -> str:
    """Return the address with its domain in lower case, an international one in ASCII form.

    Whether a mailbox exists is not asked. Domains reserved for examples and tests are taken, for
    made-up patients.
    """
    written = _plain(text)
    try:
        checked = validate_email(
            # A question mark stands for a letter that was lost: no mailbox has one in its name.
            written.replace("?", " "),
            allow_smtputf8=False,
            check_deliverability=False,
            test_environment=True,
        )
    except EmailNotValidError:
        raise InvalidInput.of(
            field, "this is not an e-mail address: write it as name@example.com, or leave it out"
        ) from None
    if _is_mistyped(str(checked.ascii_domain)):
        raise InvalidInput.of(
            field, "what stands behind the @ looks mistyped: check it, or leave the address out"
        )
    return str(checked.ascii_email)


def _is_mistyped(domain: str) -> bool:
    """Say whether a domain is nearly one that many people share: gmial.com, hotmail.con.

    Another first letter is another provider: ymail.com.
    """
    name = domain.partition(".")[0]
    return MISTYPED_ENDING.search(domain[-6:]) is not None or any(
        name[0] == shared[0] and name != shared and is_one_letter_off(name, shared)
        for shared in SHARED_NAMES
    )


def parse_nhs_number(text: str, *, field: str = "patient.nhs_number") -> str:
    """Return the ten digits of an NHS, CHI or H&C number.

    The last is a check digit, modulus 11
    (https://www.datadictionary.nhs.uk/attributes/nhs_number.html).
    """
    digits = re.sub("[ -]", "", _plain(text))
    if not re.fullmatch("[0-9]{10}", digits):
        raise InvalidInput.of(
            field, "this is not an NHS number: it has ten digits, as 999 000 0018"
        )
    if len(set(digits)) == 1:
        raise InvalidInput.of(field, "one digit ten times stands for none: leave the number out")
    if calculate_checksum(digits[:-1]) != int(digits[-1]):
        raise InvalidInput.of(field, "enter a valid NHS number")
    if not _is_allocated(digits):
        raise InvalidInput.of(field, "no NHS number like this was ever issued: check it")
    return digits


def _is_allocated(digits: str) -> bool:
    if int(digits) in ALLOCATED_IN_ENGLAND_TOO:
        return True
    return any(
        region.contains_number(digits) and is_valid(digits, region)  # type: ignore[no-untyped-call]
        for region in ALLOCATED
    )


def spoken_mobile(e164: str) -> str:
    """Return a number grouped for reading out: 07700 900123; a foreign one with its country."""
    number = phonenumbers.parse(e164)
    is_british = number.country_code == phonenumbers.country_code_for_region("GB")
    way = (
        phonenumbers.PhoneNumberFormat.NATIONAL
        if is_british
        else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    )
    return phonenumbers.format_number(number, way)


def mask_mobile(e164: str) -> str:
    """Return enough to recognise a number by, such as `07… …123`: never more than three digits."""
    start = "07…" if e164.startswith("+447") else "+…"
    return f"{start} …{e164[-3:]}"


def mask_email(address: str) -> str:
    """Return enough to recognise an address by, such as `a…@gmail.com` or `a…@….uk`."""
    local, _, domain = address.rpartition("@")
    shown = domain if domain in SHARED_DOMAINS else f"….{domain.rpartition('.')[2]}"
    return f"{local[:1]}…@{shown}"


def mask_nhs_number(digits: str) -> str:
    """Return enough to recognise a number by: its last three digits."""
    return f"… …{digits[-3:]}"


def mask_name(name: str) -> str:
    """Return the initials of the first and the last word, such as `A… L…`."""
    words = unicodedata.normalize("NFC", name).split()
    ends = words[:1] + words[1:][-1:]
    return " ".join(f"{word[0]}…" for word in ends) or "…"


def _plain(text: str) -> str:
    """Return the text without the odd spaces, digits and marks that copying brings along."""
    if text.isascii():
        return " ".join(text.split())
    normal = unicodedata.normalize("NFKC", text)
    visible = "".join(letter for letter in normal if unicodedata.category(letter) != "Cf")
    # Every kind of dash, the minus sign included.
    dashes = re.sub("[\N{HYPHEN}-\N{HORIZONTAL BAR}\N{MINUS SIGN}]", "-", visible)
    return " ".join(dashes.split())
