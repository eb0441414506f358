"""Findings of `followup check`: what is well, what a clinic should settle, what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from followup.domain.errors import FollowupError


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence for the operator, about one part."""

    part: str
    message: str


@dataclass(slots=True)
class Findings:
    """All that was found: `sound` holds a line for each part in which nothing is wrong."""

    sound: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    errors: list[Finding] = field(default_factory=list)

    def look(self, part: str, work: Callable[[], str]) -> bool:
        """Do a part of the work, which returns what is well, or raises what is wrong."""
        try:
            self.sound.append(Finding(part, work()))
        except FollowupError as error:
            self.errors += [Finding(part, sentence) for sentence in _sentences(error)]
            return False
        return True

    def warn(self, part: str, *messages: str) -> None:
        self.warnings += [Finding(part, message) for message in messages]


def _sentences(error: FollowupError) -> list[str]:
    """Return the complaints of an error one by one, without the line that introduces a list."""
    lines = str(error).splitlines()
    listed = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    return listed or lines
