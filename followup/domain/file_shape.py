"""How the content of a protocol or clinic file is checked: strict shapes, complaints as sentences.

A shape is a pydantic model, so that one declaration gives both the check and the JSON Schema that
an editor shows. Every problem in a file is found in one go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import time, timedelta
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails

from followup.domain.errors import Problem

LONGEST_AHEAD = timedelta(days=90)
"""Appointments are booked weeks ahead: nobody is enrolled earlier than so long before one."""
LONGEST_SPAN = timedelta(days=366)
"""No follow-up reaches further than a year: what does is a slip of the pen."""


class Shape(BaseModel):
    """A table of a file: no keys but the declared ones, no values converted in silence."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        model_title_generator=lambda shape: shape.__name__.removesuffix("Shape"),
    )


ShapeType = TypeVar("ShapeType", bound=Shape)


def _duration(value: object) -> timedelta:
    match = re.fullmatch(r"(\d{1,6})([mhdw])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            f'{value!r} is no span of time: write a number and m, h, d or w in quotes, as in "24h"'
        )
    unit = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[match[2]]
    span = timedelta(**{unit: int(match[1])})
    if span > LONGEST_SPAN:
        raise ValueError(f"{value!r} is longer than a year: write a shorter span")
    return span


def _time_of_day(value: object) -> time:
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            f'{value!s} is no time of day: write hours and minutes in quotes, as in "08:30"'
        )
    return time(int(match[1]), int(match[2]))


def _day(value: object) -> int:
    if type(value) is not int or not -LONGEST_AHEAD.days <= value <= LONGEST_SPAN.days:
        raise ValueError(
            f"{value!r} is no day to count from the procedure: write 0 for the procedure's own "
            f"day, 1 for the next, up to {LONGEST_SPAN.days}, -1 for the day before, down to "
            f"-{LONGEST_AHEAD.days}"
        )
    return value


def _one_line(value: str) -> str:
    line = " ".join(value.split())
    if not line:
        raise ValueError("is empty: fill it in")
    return line


_HYPHENED = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
_UNDERSCORED = "^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,6}[mhdw]$", "examples": ["24h"]}),
]
TimeOfDay = Annotated[
    time,
    BeforeValidator(_time_of_day),
    WithJsonSchema(
        {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["08:30"]}
    ),
]
Day = Annotated[
    int,
    BeforeValidator(_day),
    WithJsonSchema(
        {"type": "integer", "minimum": -LONGEST_AHEAD.days, "maximum": LONGEST_SPAN.days}
    ),
]
Line = Annotated[str, AfterValidator(_one_line), WithJsonSchema({"type": "string", "minLength": 1})]
"""Text of at least one word; line breaks and runs of spaces count as one space."""
Key = Annotated[str, Field(pattern=_HYPHENED)]
AttributeKey = Annotated[str, Field(pattern=_UNDERSCORED)]


def read_shape(
    shape: type[ShapeType], data: Mapping[str, object]
) -> tuple[ShapeType | None, list[Problem]]:
    """Return the data in its shape, or None and everything that is wrong with them."""
    try:
        return shape.model_validate(dict(data)), []
    except ValidationError as error:
        fields = _fields_by_place(shape)
        return None, [_problem(detail, fields, data=data) for detail in error.errors()]


def complaints(problems: Sequence[Problem], *, file: str) -> str:
    """Return the problems as text, a line each, each naming the file."""
    return "\n".join(
        f"{file}{', ' if problem.field else ''}{problem.field}: {problem.message}"
        for problem in problems
    )


Fields = dict[tuple[str, ...], dict[str, str]]
"""For the path of each table, the keys that it may hold, and what they mean."""


def _fields_by_place(shape: type[Shape], at: tuple[str, ...] = ()) -> Fields:
    found: Fields = {at: {}}
    for name, field in shape.model_fields.items():
        found[at][field.alias or name] = field.description or ""
        for inner in _shapes_in(field.annotation):
            for place, keys in _fields_by_place(inner, (*at, name)).items():
                found.setdefault(place, {}).update(keys)
    return found


def _shapes_in(annotation: object) -> Iterator[type[Shape]]:
    if isinstance(annotation, type) and issubclass(annotation, Shape):
        yield annotation
    for argument in get_args(annotation):
        yield from _shapes_in(argument)


def _problem(detail: ErrorDetails, fields: Fields, *, data: Mapping[str, object]) -> Problem:
    # A part in angle brackets is the name of a choice between shapes, not a key of the file.
    path = [part for part in detail["loc"] if not str(part).startswith("<")]
    known = fields.get(tuple(part for part in path[:-1] if isinstance(part, str)), {})
    key = str(path[-1]) if path else ""
    if detail["type"] == "extra_forbidden":
        return Problem(place(path[:-1], data=data), _unknown_key(key, known))
    if detail["type"] == "missing":
        return Problem(place(path[:-1], data=data), f'"{key}" is missing: add it ({known[key]})')
    return Problem(place(path, data=data), _sentence(detail))


def _unknown_key(key: str, known: Mapping[str, str]) -> str:
    if key in known:
        return f'"{key}" does not go together with the other keys here: leave one out'
    return f'unknown key "{key}"; {did_you_mean(key, known)}'


def did_you_mean(word: str, known: Mapping[str, object]) -> str:
    """Return a suggestion of the known word that is meant, or of all of them."""
    if close := get_close_matches(word, known, n=1):
        return f'did you mean "{close[0]}"?'
    return f"known here: {', '.join(known)}" if known else "there are none to choose from"


def place(path: list[int | str], *, data: Mapping[str, object]) -> str:
    """Return where in the file something is, as in `step "sugar", targets 2, at`."""
    parts: list[str] = []
    inner: Any = data
    for part in path:
        inner = inner[part]
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(inner, Mapping) and isinstance(inner.get("key"), str):
            parts[-1] = f'{parts[-1].removesuffix("s")} "{inner["key"]}"'
        else:
            parts[-1] = f"{parts[-1]} {part + 1}"
    return ", ".join(parts)


_SENTENCES = {
    "bool_type": "must be true or false, without quotes",
    "int_type": "must be a whole number, without quotes",
    "string_type": "must be text in quotes",
    "date_type": "must be a date without quotes, as in 2025-08-31",
    "list_type": "must be a list, in square brackets",
    "dict_type": "must be a table, in braces",
    "model_type": "must be a table, in braces",
    "too_short": "is empty: it needs at least one entry",
    "enum": "{input!r} is not known: use {expected}",
    "literal_error": "{input!r} is not known: use {expected}",
    "greater_than_equal": "{input} is too small: use {ge} or more",
    "less_than_equal": "{input} is too large: use {le} or less",
    "string_too_short": "is empty: fill it in",
    "string_too_long": "is too long: use at most {max_length} characters",
    _HYPHENED: "{input!r} can't be used: write small letters and digits, with single hyphens",
    _UNDERSCORED: "{input!r} can't be used: write small letters and digits, with single _",
    "value_error": "{error}",
}


def _sentence(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    sentence = _SENTENCES.get(context.get("pattern", detail["type"]))
    # Where there is none, the complaint was made up here, or is pydantic's own.
    return sentence.format(input=detail["input"], **context) if sentence else detail["msg"]
