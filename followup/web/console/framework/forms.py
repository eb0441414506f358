"""Posted form with its problems, as a page shows it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Self
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, create_form_parser

from followup.domain.errors import InvalidInput, Problem

MOST_FIELDS = 200
LONGEST_VALUE = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """A file as a browser sent it. What it is called may be a patient's name."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Values by field name, and the problems to show beside them.

    A problem's field is the name of a control, or of a group of radios or checkboxes; one that
    belongs to no control stands in the summary alone. Of one that `is_too_long` the file is left
    out.
    """

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    files: Mapping[str, SentFile] = field(default_factory=dict)
    is_too_long: bool = False

    @classmethod
    def parse(cls, body: bytes, *, longest: int = LONGEST_VALUE) -> Self:
        """Return the form that a browser sent; raise `InvalidInput` for what no browser sends.

        Of a value that is longer than `longest` characters the rest is left out.
        """
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            raise _unreadable() from None
        return cls(values=_gathered(pairs, longest=longest))

    @classmethod
    def parse_multipart(cls, body: bytes, content_type: str) -> Self:
        """Return a form with files in it, all of it in memory: nothing is written to a disk."""
        pairs: list[tuple[str, str]] = []
        files: dict[str, SentFile] = {}

        parts = count(1)

        def require_few() -> None:
            # While it is read: there is room for tens of thousands of parts.
            if next(parts) > MOST_FIELDS:
                raise _unreadable()

        def on_field(found: Field) -> None:
            require_few()
            pairs.append((_text(found.field_name), _text(found.value)))

        def on_file(found: File) -> None:
            require_few()
            found.file_object.seek(0)
            files[_text(found.field_name)] = SentFile(
                name=_text(found.file_name), content=found.file_object.read()
            )

        try:
            parser = create_form_parser(
                {"Content-Type": content_type.encode()},
                on_field,
                on_file,
                config={"MAX_MEMORY_FILE_SIZE": len(body) + 1},
            )
            parser.write(body)
            parser.finalize()
        except (FormParserError, ValueError):
            raise _unreadable() from None
        return cls(values=_gathered(pairs), files=files)

    @classmethod
    def of(cls, **values: str | Iterable[str] | None) -> Self:
        """Return a form that is filled in already."""
        return cls(
            values={
                name: (value,) if isinstance(value, str) else tuple(value)
                for name, value in values.items()
                if value is not None
            }
        )

    def text(self, name: str) -> str:
        """Return the value of a field without surrounding space; empty where there is none."""
        return self.raw(name).strip()

    def raw(self, name: str) -> str:
        """Return the value of a field as it was typed, as passwords need it."""
        return (self.values.get(name) or ("",))[-1]

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a field: the checkboxes that are ticked."""
        return self.values.get(name, ())

    def error(self, name: str) -> str | None:
        """Return what is wrong with a field."""
        return next((told.message for told in self.problems if told.field == name), None)

    def refused(self, *problems: Problem) -> Form:
        """Return the same form with what is wrong with it."""
        return replace(self, problems=(*self.problems, *problems))

    def refused_by(self, error: InvalidInput, **names: str) -> Form:
        """Return the form with the problems of an error; `names` maps its fields to controls.

        Dots in the names of fields are written as double underscores: `patient__mobile="mobile"`.
        """
        return self.refused(
            *(
                Problem(names.get(told.field.replace(".", "__"), told.field), told.message)
                for told in error.problems
            )
        )

    def without(self, *names: str) -> Form:
        """Return the form without these values: a page never repeats a password."""
        kept = {name: value for name, value in self.values.items() if name not in names}
        return Form(values=kept, problems=self.problems)


EMPTY_FORM = Form()


def _unreadable() -> InvalidInput:
    return InvalidInput.of("form", "this form can't be read: open the page again")


def _gathered(
    pairs: Iterable[tuple[str, str]], *, longest: int = LONGEST_VALUE
) -> dict[str, tuple[str, ...]]:
    values: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            # PostgreSQL keeps no such text, and nobody types it.
            raise _unreadable()
        values[name] = (*values.get(name, ()), value[:longest])
    return values


def _text(sent: bytes | None) -> str:
    return (sent or b"").decode(errors="replace")
