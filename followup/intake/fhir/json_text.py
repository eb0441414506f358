"""JSON as FHIR has it: one meaning a key, no numbers that are none, not too deep, nothing empty."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from math import isfinite
from typing import Any

from followup.fhir.resources import Issue
from followup.intake.fhir.refusal import BAD, issue_at, refuse

DEEPEST = 40
"""No Bundle of what is read here nests nearly as deep."""
MOST_ISSUES = 50
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
"""What R4 lets no text hold, and halves of characters, which are none."""

Json = dict[str, Any]


def read_json_text(content: bytes) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON value; raise `RefusedRequest` for what is none, or has two meanings."""
    try:
        told = json.loads(
            content.decode(),
            object_pairs_hook=_object,
            parse_constant=_no_such_number,
            parse_float=_number,
        )
        if not _is_too_deep(told):
            return told
        sentence = f"this nests deeper than {DEEPEST} levels"
    except UnicodeDecodeError:
        sentence = "this is not UTF-8: send JSON in that encoding"
    except json.JSONDecodeError as error:
        sentence = f"this is not JSON: look at line {error.lineno}, column {error.colno}"
    except _Ambiguous:
        sentence = "an object has the same key twice: send each once"
    except (ValueError, RecursionError):
        sentence = "this JSON can't be read: it nests too deeply or counts too far"
    raise refuse(BAD, "structure", "http.body", sentence)


class _Ambiguous(Exception):
    pass


def _object(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Ambiguous
    return found


def _no_such_number(_text: str) -> None:
    raise ValueError


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError
    return number


def _is_too_deep(told: object) -> bool:
    level: list[object] = [told]
    for _ in range(DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def structure_issues(value: Any, place: str) -> list[Issue]:  # noqa: ANN401 - JSON
    """Return what breaks FHIR's rules for JSON anywhere within an element."""
    found: list[Issue] = []
    for issue in _walk(value, place):
        found.append(issue)
        if len(found) == MOST_ISSUES:
            break
    return found


def _walk(value: Any, place: str) -> Iterator[Issue]:  # noqa: ANN401 - JSON
    if value is None:
        yield issue_at("structure", place, "FHIR writes no null: leave the element out")
    elif isinstance(value, str) and UNPRINTABLE.search(value):
        yield issue_at("value", place, "this holds characters that no text may hold: take them out")
    elif isinstance(value, dict | list | str) and not value:
        yield issue_at("structure", place, "this is empty: fill it in, or leave it out")
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _walk_member(each, f"{place}.{shown_key(key)}", key)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _walk(each, f"{place}[{number}]")


def _walk_member(value: Any, place: str, key: str) -> Iterator[Issue]:  # noqa: ANN401 - JSON
    if not key.startswith("_"):
        yield from _walk(value, place)
    elif isinstance(value, list):
        # Beside a list of primitives stands null for each that has no extension.
        for number, each in enumerate(value):
            if each is not None:
                yield from _walk(each, f"{place}[{number}]")
    elif isinstance(value, dict):
        yield from _walk(value, place)
    else:
        yield issue_at("structure", place, "this must be an object or a list of them")


def shown_key(key: str) -> str:
    """Return the name of an element as a place may show it: what can't be one is not repeated."""
    plain = key.removeprefix("_")
    return key if plain.isascii() and plain.isalnum() and len(plain) <= 40 else "?"  # noqa: PLR2004
