"""Whether a worried reader can take in a message at once: sentences, words, and what was left over.

Sentences have at most 25 words (https://www.gov.uk/guidance/content-design/writing-for-gov-uk), and
a child of eleven can read them (https://service-manual.nhs.uk/content/how-we-write). The checks are
plain rules: they find what is probably hard, and a person decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from followup.domain.text.plain_words import ALLOWED_CAPITALS, LATIN_WORDS, LONG_AND_KNOWN, PLAINER

MOST_WORDS = 25
MOST_LETTERS = 11
HIGHEST_GRADE = 6.0
FEWEST_WORDS_TO_GRADE = 30


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is probably hard to read or was left over, and what to do about it.

    `rule` is one of: sentence, grade, long word, plainer word, Latin, capitals, link, spacing,
    placeholder, name.
    """

    rule: str
    excerpt: str
    advice: str

    def __str__(self) -> str:
        return f'"{self.excerpt}": {self.advice}'


def findings(text: str, *, language: str = "en", links: bool = False) -> list[Finding]:
    """Return what to look at in a message as the patient gets it, one paragraph to a line.

    Words are looked at in English alone. `links` says whether the message may hold some.
    """
    found = [*_sentences_too_long(text), *_shouting(text), *_left_over(text)]
    if not links:
        found += _each(
            LINK_PATTERN, text, "link", "patients are warned of links in texts: leave it out"
        )
    if language.partition("-")[0] == "en":
        found += [*_hard_words(text), *_wordy(text), *_too_high(text)]
    return found


def reading_grade(text: str) -> float:
    """Return the school grade that reads the text with ease (Flesch-Kincaid; an age, less five).

    Numbers are left out. Syllables are guessed from the spelling, so trust no decimals.
    """
    sentences = [_words(sentence) for sentence in _sentences(text)]
    words = [word for sentence in sentences for word in sentence]
    if not words:
        return 0.0
    syllables = sum(_syllables(word) for word in words)
    return 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59


def _sentences_too_long(text: str) -> Iterator[Finding]:
    for sentence in _sentences(text):
        length = len(sentence.split())
        if length > MOST_WORDS:
            advice = f"this sentence has {length} words: make two of it, or a list"
            yield Finding("sentence", sentence, advice)


def _hard_words(text: str) -> Iterator[Finding]:
    for sentence in _sentences(text):
        for place, word in enumerate(_words(sentence)):
            is_name = place > 0 and word[0].isupper()
            if len(word) > MOST_LETTERS and not is_name and word.lower() not in LONG_AND_KNOWN:
                yield Finding("long word", word, "find a shorter word")


def _wordy(text: str) -> Iterator[Finding]:
    for match in PLAINER_WORD.finditer(text):
        plainer = PLAINER[" ".join(match.group().lower().split())]
        yield Finding("plainer word", match.group(), f"write: {plainer}")
    for match in LATIN_WORD.finditer(text):
        yield Finding("Latin", match.group(), f"write: {LATIN_WORDS[match.group().lower()]}")


def _too_high(text: str) -> Iterator[Finding]:
    grade = reading_grade(text)
    if grade > HIGHEST_GRADE and len(_words(text)) >= FEWEST_WORDS_TO_GRADE:
        opening = " ".join(text.split()[:6])
        advice = f"this takes a reading age of {grade + 5:.0f}: use shorter sentences and words"
        yield Finding("grade", f"{opening} ...", advice)


def _shouting(text: str) -> Iterator[Finding]:
    for word in _words(text):
        if len(word) > 1 and word.isupper() and word not in ALLOWED_CAPITALS:
            yield Finding("capitals", word, "write it in small letters, or in full")


def _left_over(text: str) -> Iterator[Finding]:
    yield from _each(SPACING, text, "spacing", "mend the spaces or marks here")
    yield from _each(PLACEHOLDER, text, "placeholder", "something was to be filled in here")
    yield from _each(
        NAME_PATTERN, text, "name", "name nobody: the message may stand on a lock screen"
    )


def _each(pattern: re.Pattern[str], text: str, rule: str, advice: str) -> Iterator[Finding]:
    return (Finding(rule, match.group(), advice) for match in pattern.finditer(text))


def _sentences(text: str) -> list[str]:
    parts = re.split(r"(?<=[.!?])[\"')\]]*\s+|\n+", text)
    return [part.strip() for part in parts if _words(part)]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", text)


def _syllables(word: str) -> int:
    # Groups of vowels, less a silent e or ed at the end ("make", "moved", but "little", "rested").
    bare = re.sub(r"(?<![^aeiouy]l)e$|(?<=[^dt])ed$|'.*", "", word.lower())
    return max(1, len(re.findall(r"[aeiouyäöüàèéìòù]+", bare)))


def _whole(phrases: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(phrases, key=len, reverse=True)
    written = "|".join(re.escape(phrase).replace(r"\ ", r"\s+") for phrase in longest_first)
    return re.compile(rf"(?<![\w.-])(?:{written})(?![\w-])", re.IGNORECASE)


PLAINER_WORD = _whole(PLAINER)
LATIN_WORD = _whole(LATIN_WORDS)
LINK_PATTERN = re.compile(
    r"\b(?:https?://|www\.)\S*\w|\b[\w-]+(?:\.[\w-]+)*\.(?:com|info|net|nhs|org|uk)\b(?:/\S*\w)?",
    re.IGNORECASE,
)
SPACING = re.compile(r"\S  +\S|\w +[.,;:!?](?=\s|$)|[,;:!?]{2,}|(?<!\.)\.\.(?!\.)|\n{4,}")
PLACEHOLDER = re.compile(
    # Templates' braces and tags, brackets and angles, formats, and words that programs write.
    r"\{\{|\}\}|\{%|%\}|(?<!\{)\{\w*\}(?!\})|\[[^\]\n]*\]|<[^>\n]+>|%\(\w+\)s|%[sd]\b|\$\{?[A-Za-z_]\w*"
    r"|__+|\bX{3,}\b|\b(?:FIXME|NaN|TBA|TBC|TODO|lorem ipsum|null|undefined)\b|\bNone\b(?! of\b)"
)
NAME_PATTERN = re.compile(
    r"\b(?:Dear|Hello|Hey|Hi),? [A-Z]\w+"
    r"|\b(?:Dr|Miss|Mr|Mrs|Ms|Mx|Nurse|Prof|Professor|Sister)\b\.? [A-Z]\w+"
)
