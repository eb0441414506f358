"""The hazard log, read from `docs/safety/hazards.toml`."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Annotated

from pydantic import AfterValidator, Field

from followup.data_files import data_folder
from followup.domain.errors import ConfigurationError
from followup.domain.file_shape import Line, Shape, complaints, read_shape
from followup.safety_case.risk import Likelihood, Risk, Severity

FOLDER = "docs/safety"
FILE = "hazards.toml"
HazardId = Annotated[str, Field(pattern="^H[0-9]{2,3}$")]


@dataclass(frozen=True, slots=True)
class Control:
    """What is done about a hazard, and the id of the test that proves it."""

    what: str
    test: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """What can go wrong. `deployment` is what whoever puts the product into use must see to."""

    id: str
    hazard: str
    cause: str
    harm: str
    known_from: str
    before: Risk
    after: Risk
    controls: tuple[Control, ...]
    deployment: str | None


class RiskShape(Shape):
    """Severity and likelihood."""

    severity: Annotated[Severity, Field(strict=False)] = Field(description="how bad it would be")
    likelihood: Annotated[Likelihood, Field(strict=False)] = Field(description="how probable it is")

    def value(self) -> Risk:
        return Risk(self.severity, self.likelihood)


class ControlShape(Shape):
    """What is done about it."""

    what: Line = Field(description="what is done")
    test: Annotated[str, Field(pattern=r"^tests/[\w/]+\.py::test_\w+$")] = Field(
        description="the test that proves it: tests/…py::test_name"
    )


class HazardShape(Shape):
    """One hazard."""

    id: HazardId = Field(description="its number, which stays its own")
    hazard: Line = Field(description="what can go wrong")
    cause: Line = Field(description="how it comes about")
    harm: Line = Field(description="what it does to a patient")
    known_from: Line = Field(description="where it was met")
    before: RiskShape = Field(description="the risk without the controls")
    after: RiskShape = Field(description="the risk with them")
    deployment: Line | None = Field(default=None, description="what a deployment must see to")
    controls: list[ControlShape] = Field(min_length=1, description="what is done about it")

    def value(self) -> Hazard:
        return Hazard(
            id=self.id,
            hazard=self.hazard,
            cause=self.cause,
            harm=self.harm,
            known_from=self.known_from,
            before=self.before.value(),
            after=self.after.value(),
            controls=tuple(Control(each.what, each.test) for each in self.controls),
            deployment=self.deployment,
        )


def _each_once(hazards: list[HazardShape]) -> list[HazardShape]:
    for name, times in Counter(each.id for each in hazards).items():
        if times > 1:
            raise ValueError(f"{times} hazards are {name}: give each a number of its own")
    return hazards


class HazardLogShape(Shape):
    """All hazards."""

    hazards: Annotated[list[HazardShape], AfterValidator(_each_once)] = Field(
        min_length=1, description="what can go wrong"
    )


def safety_folder() -> Traversable:
    """Return the folder of the safety case's own files."""
    return data_folder(FOLDER)


def read_hazards(text: str, *, file: str = FILE) -> tuple[Hazard, ...]:
    """Return the hazards; raise `ConfigurationError` with all that is wrong with the log."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file}: is not valid TOML, correct it: {error}") from error
    log, problems = read_shape(HazardLogShape, data)
    if log is None:
        raise ConfigurationError(complaints(problems, file=file))
    return tuple(each.value() for each in log.hazards)


def load_hazards() -> Sequence[Hazard]:
    """Return the hazards that are shipped."""
    return read_hazards((safety_folder() / FILE).read_text(encoding="utf-8"))
