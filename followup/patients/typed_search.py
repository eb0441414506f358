"""What staff type to find somebody, and the ways to look for it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime

from followup.domain.channel import ChannelKind
from followup.domain.contact import parse_email, parse_mobile, parse_nhs_number
from followup.domain.errors import InvalidInput
from followup.domain.identity import name_words
from followup.patients.records import address_index
from followup.patients.search import SearchedBy, SearchTerms
from followup.patients.search_keys import BEGINNING, beginning_key, birthday_key, word_key
from followup.store.encryption.sealing import BlindIndexes

DATE = re.compile(
    r"(?<!\w)(\d{1,2})(?:st|nd|rd|th)?[ /.-]+(\d{1,2}|[a-z]{3,9})[ /.,-]+(\d{4})(?!\w)"
    r"|(?<!\w)(\d{4})-(\d{1,2})-(\d{1,2})(?!\w)",
    re.IGNORECASE,
)
"""A date as people write it, the day first: 17/5/1957, 17 May 1957; or 1957-05-17."""


def search_ways(indexes: BlindIndexes, sought: SearchTerms, wanted: str) -> list[SearchTerms]:
    """Return how to look for what was typed: the first way that finds something counts.

    Raises `InvalidInput` for a date of birth that is none.
    """
    if not wanted:
        return [sought]
    number = _as_number(indexes, sought, wanted)
    if number is not None:
        return [number]
    by_reference = replace(sought, reference=wanted, by=SearchedBy.REFERENCE)
    return [by_reference, *_TypedName.read(wanted).ways(indexes, sought)]


def _as_number(indexes: BlindIndexes, sought: SearchTerms, wanted: str) -> SearchTerms | None:
    sms, email = ChannelKind.SMS, ChannelKind.EMAIL
    with suppress(InvalidInput):
        index = indexes.of("nhs number", parse_nhs_number(wanted))
        return replace(sought, nhs_number=index, by=SearchedBy.NHS_NUMBER)
    with suppress(InvalidInput):
        index = address_index(indexes, sms, parse_mobile(wanted))
        return replace(sought, mobile=index, by=SearchedBy.MOBILE)
    with suppress(InvalidInput):
        index = address_index(indexes, email, parse_email(wanted))
        return replace(sought, email=index, by=SearchedBy.EMAIL)
    return None


@dataclass(frozen=True, slots=True)
class _TypedName:
    """Words of a name in any order, and perhaps a date of birth among them."""

    words: list[str]
    born: date | None

    @classmethod
    def read(cls, wanted: str) -> _TypedName:
        found = DATE.search(wanted)
        if found is None:
            return cls(name_words(wanted), None)
        rest = f"{wanted[: found.start()]} {wanted[found.end() :]}"
        return cls(name_words(rest), _date(found))

    def ways(self, indexes: BlindIndexes, sought: SearchTerms) -> Iterator[SearchTerms]:
        clinics = sought.clinics
        born = [
            {birthday_key(indexes, each, clinic=clinic) for clinic in clinics}
            for each in (self.born,)
            if each is not None
        ]
        if not (self.words or born):
            return
        whole = [_keys(indexes, word, clinics) for word in self.words]
        yield replace(sought, keys=[*whole, *born], by=SearchedBy.NAME)
        if any(len(word) > BEGINNING for word in self.words):
            begun = [_keys(indexes, word[:BEGINNING], clinics) for word in self.words]
            yield replace(sought, keys=[*begun, *born], by=SearchedBy.BEGINNING)


def _keys(indexes: BlindIndexes, word: str, clinics: Collection[str]) -> set[bytes]:
    """Return what a word is found by: three letters are the beginning of a name."""
    key = beginning_key if len(word) == BEGINNING else word_key
    return {key(indexes, word, clinic=clinic) for clinic in clinics}


def _date(found: re.Match[str]) -> date:
    day, month, year, iso_year, iso_month, iso_day = found.groups()
    if iso_year:
        day, month, year = iso_day, iso_month, iso_year
    for style in ("%d %m %Y", "%d %b %Y", "%d %B %Y"):
        with suppress(ValueError):
            return datetime.strptime(f"{day} {month} {year}", style).date()  # noqa: DTZ007 - a day
    raise InvalidInput.of("wanted", "there is no such date: write the date of birth as 17/5/1957")
