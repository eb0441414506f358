"""Posted form with its problems, as a page shows it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl

from followup.domain.errors import InvalidInput, Problem

MOST_FIELDS = 200
LONGEST_VALUE = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Values by field name, and the problems to show beside them.

    A problem's field is the name of a control, or of a group of radios or checkboxes; one that
    belongs to no control stands in the summary alone.
    """

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Return the form that a browser sent; raise `InvalidInput` for what no browser sends."""
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            raise InvalidInput.of("form", "this form can't be read: open the page again") from None
        values: dict[str, tuple[str, ...]] = {}
        for name, value in pairs:
            values[name] = (*values.get(name, ()), value[:LONGEST_VALUE])
        return cls(values=values)

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
        return Form(values=self.values, problems=(*self.problems, *problems))

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
