"""Fields of an HL7 v2 message, by paths such as PID-3 or PR1-3.1."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

import hl7
from hl7 import containers, util

from followup.intake.hl7.header import Unreadable

EMPTY_QUOTES = '""'
"""What deletes: an empty field leaves alone."""
MOST_SEGMENTS = 2000
MOST_PARTS = 50_000
"""Separators of one message: the largest that hospitals send have a few thousand."""

# They log the whole of what can't be unescaped, such as a name with a stray backslash in it.
for _library in (containers, util):
    _library.logger.disabled = True


class ParsedMessage:
    """One message. Segments whose names begin with Z are as good as absent."""

    def __init__(self, text: str) -> None:
        # Some senders end segments with a line feed, or with both.
        lines = [
            line for line in text.replace("\r\n", "\r").replace("\n", "\r").split("\r") if line
        ]
        if len(lines) > MOST_SEGMENTS:
            raise Unreadable(f"the message has more than {MOST_SEGMENTS} segments")
        if sum(text.count(each) for each in text[3:8]) > MOST_PARTS:
            raise Unreadable(f"the message has more than {MOST_PARTS} fields and parts of fields")
        try:
            self._message: hl7.Message = hl7.parse("\r".join(lines))  # type: ignore[no-untyped-call]
        except (hl7.HL7Exception, IndexError, KeyError, ValueError) as error:
            # The text of the error may hold a part of the message.
            raise Unreadable("the message can't be taken apart into segments") from error
        self._by_name: defaultdict[str, list[hl7.Segment]] = defaultdict(list)
        for segment in self._message:
            self._by_name[str(segment[0])].append(segment)

    def has(self, segment: str) -> bool:
        """Say whether there is such a segment."""
        return next(self._segments(segment), None) is not None

    def all(self, path: str) -> list[str]:
        """Return what stands at a path, of every segment and repetition, without what is empty."""
        segment, field, component = split_path(path)
        return [
            text
            for each in self._segments(segment)
            for repetition in _repetitions(each, field)
            if (text := self._text(repetition, component or 1))
        ]

    def first(self, path: str) -> str:
        """Return the first of these, or nothing."""
        return next(iter(self.all(path)), "")

    def repetitions(self, path: str) -> list[list[str]]:
        """Return the components of each repetition of a field, of the first such segment."""
        segment, field, _ = split_path(path)
        each = next(self._segments(segment), None)
        if each is None:
            return []
        return [
            [self._text(repetition, number) for number in range(1, _width(repetition) + 1)]
            for repetition in _repetitions(each, field)
        ]

    def _segments(self, name: str) -> Iterator[hl7.Segment]:
        yield from self._by_name.get(name, ())

    def _text(self, repetition: object, component: int) -> str:
        part = repetition
        if isinstance(part, hl7.Repetition):
            if component > len(part):
                return ""
            part = part[component - 1]
        elif component > 1:
            return ""
        # Of subcomponents the first: none of what is read here has a second that counts.
        while isinstance(part, hl7.Container):
            part = part[0] if len(part) else ""
        text = str(part)
        if self._message.esc in text:
            text = self._unescaped(text)
        if not text.isprintable():
            text = "".join(letter for letter in text if letter.isprintable())
        return text.strip()

    def _unescaped(self, text: str) -> str:
        """Return text without escape sequences.

        The library writes out as many spaces as `.sp` and its like ask for, be it billions, and
        ends at a number that is none: here each stands for one. It knows no other character sets.
        """

        def tame(found: re.Match[str]) -> str:
            inside = found[1]
            if inside[:1] in {"", "C", "M"}:
                return ""
            return f"{esc}{inside[:3]}{esc}" if inside.startswith(".") else found[0]

        esc = str(self._message.esc)
        sequence = f"{re.escape(esc)}([^{re.escape(esc)}]*){re.escape(esc)}"
        return str(self._message.unescape(re.sub(sequence, tame, text)))  # type: ignore[no-untyped-call]


def split_path(path: str) -> tuple[str, int, int | None]:
    """Return segment, field and component of a path."""
    segment, _, place = path.partition("-")
    field, _, component = place.partition(".")
    return segment, int(field), int(component) if component else None


def _repetitions(segment: hl7.Segment, field: int) -> list[object]:
    if field >= len(segment):
        return []
    return list(segment[field])


def _width(repetition: object) -> int:
    return len(repetition) if isinstance(repetition, hl7.Repetition) else 1
