"""What staff type to find somebody, and the ways to look for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date

from followup.domain.channel import ChannelKind
from followup.domain.contact import parse_email, parse_mobile, parse_nhs_number
from followup.domain.errors import InvalidInput
from followup.domain.identity import TITLES, name_words
from followup.patients.records import address_index
from followup.patients.search import SearchedBy, SearchTerms
from followup.patients.search_keys import BEGINNING, beginning_key, birthday_key, word_key
from followup.patients.typed_dates import take_date
from followup.store.encryption.sealing import BlindIndexes

NOT_A_NAME = TITLES | {"born", "dob"}
"""Words that people put beside a name or a date of birth."""


def search_ways(
    indexes: BlindIndexes, sought: SearchTerms, wanted: str
) -> list[Sequence[SearchTerms]]:
    """Return how to look for what was typed: the first group of ways that finds somebody counts.

    All ways of a group are gone, the likeliest first. Raises `InvalidInput` for a date of birth
    that is none.
    """
    if not wanted:
        return [[sought]]
    number = _as_number(indexes, sought, wanted)
    if number is not None:
        return [[number]]
    as_typed = (wanted, wanted.upper(), wanted.lower())
    by_reference = replace(sought, references=as_typed, by=SearchedBy.REFERENCE)
    return [[by_reference], *_TypedName.read(indexes, sought, wanted).ways()]


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

    indexes: BlindIndexes
    sought: SearchTerms
    words: tuple[str, ...]
    born: frozenset[date]

    @classmethod
    def read(cls, indexes: BlindIndexes, sought: SearchTerms, wanted: str) -> _TypedName:
        rest, born = take_date(wanted)
        typed = name_words(rest)
        words = tuple(word for word in typed if word not in NOT_A_NAME) or tuple(typed)
        return cls(indexes, sought, words, born)

    def ways(self) -> Iterator[Sequence[SearchTerms]]:
        """Yield whole names, then beginnings of names, then what may be mistyped."""
        if not (self.words or self.born):
            return
        whole = self._named([self._keys(word_key, word) for word in self.words])
        begun = self._beginning(*self.words)
        # "Ann" may be all of a name or the first letters of one; "Annabel" is most likely all.
        if any(len(word) <= BEGINNING for word in self.words):
            yield [whole, *begun]
        else:
            yield [whole]
            yield begun
        if len(self.words) > 1:
            # Parted where the name is not: mc donald.
            yield self._beginning("".join(self.words))
        elif self.words:
            # An initial and a surname run together: jsmith.
            (word,) = self.words
            yield self._beginning(word[:1], word[1:])
        if any(len(word) > BEGINNING for word in self.words):
            keys = [self._keys(beginning_key, word) for word in self._long(self.words)]
            yield [replace(self._named(keys), by=SearchedBy.BEGINNING)]

    def _beginning(self, *words: str) -> list[SearchTerms]:
        """Return how to find names that begin so: none where there is no key to look by.

        Fewer letters than a key has are compared with the names that the other keys find.
        """
        keys = [self._keys(beginning_key, word) for word in self._long(words)]
        return [replace(self._named(keys), begins=words)] if words and (keys or self.born) else []

    def _long(self, words: Sequence[str]) -> list[str]:
        return [word for word in words if len(word) >= BEGINNING]

    def _named(self, keys: Sequence[set[bytes]]) -> SearchTerms:
        clinics = self.sought.clinics
        born = {
            birthday_key(self.indexes, each, clinic=clinic)
            for each in self.born
            for clinic in clinics
        }
        return replace(self.sought, keys=[*keys, *([born] if born else [])], by=SearchedBy.NAME)

    def _keys(self, key: Callable[..., bytes], word: str) -> set[bytes]:
        return {key(self.indexes, word, clinic=clinic) for clinic in self.sought.clinics}
