"""The safety case of this program with the words that it would send."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from followup.content.library import Content
from followup.content.version import ContentVersion
from followup.domain.errors import ConfigurationError
from followup.domain.protocols.protocol import Protocol
from followup.domain.safety.finding import SafetyFinding
from followup.safety_case.controls import control_faults, has_tests
from followup.safety_case.hazards import Hazard, load_hazards, safety_folder
from followup.safety_case.identity import (
    ProgramIdentity,
    SignedRelease,
    program_identity,
    signed_releases,
)

UNSIGNED = (
    "No clinical safety officer has reviewed or signed this safety case. Severity and likelihood "
    "are the maintainers' estimates. It is an input to a deployment's own safety case (DCB0160), "
    "and takes the place of none."
)
PURPOSE_FILE = "intended-purpose.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyCase:
    """All that the safety case says. `purpose` is its text by heading."""

    made_on: date
    program: ProgramIdentity
    purpose: Mapping[str, Sequence[str]]
    hazards: Sequence[Hazard]
    proved_here: bool
    protocols: Sequence[Protocol]
    words: Sequence[ContentVersion]
    releases: Sequence[SignedRelease]
    findings: Sequence[SafetyFinding]

    @property
    def controls(self) -> int:
        """How many controls there are, each with its test."""
        return sum(len(hazard.controls) for hazard in self.hazards)


def compile_safety_case(
    content: Content,
    protocols: Iterable[Protocol],
    findings: Iterable[SafetyFinding],
    *,
    today: date,
) -> SafetyCase:
    """Return the safety case; raise `ConfigurationError` where a control has no proof any more."""
    hazards = load_hazards()
    faults = control_faults(hazards)
    if faults:
        raise ConfigurationError(
            "a control has lost its proof, so there is no safety case: bring the test back, or "
            "name another in docs/safety/hazards.toml:\n"
            + "\n".join(f"- {fault}" for fault in faults)
        )
    return SafetyCase(
        made_on=today,
        program=program_identity(),
        purpose=read_purpose((safety_folder() / PURPOSE_FILE).read_text(encoding="utf-8")),
        hazards=hazards,
        proved_here=has_tests(),
        protocols=tuple(protocols),
        words=_all_words(content),
        releases=signed_releases(),
        findings=tuple(findings),
    )


def _all_words(content: Content) -> Sequence[ContentVersion]:
    """Return every version, those of single protocols and clinics too, each once."""
    found = {each.id: each for _, variant in content.variants() for each in variant.versions()}
    return tuple(found.values())


def read_purpose(text: str) -> dict[str, list[str]]:
    """Return the paragraphs of the intended purpose by heading, without marks of Markdown."""
    found: dict[str, list[str]] = {}
    heading = ""
    for block in re.split(r"\n\s*\n|\n(?=- |#)", text.strip()):
        flat = " ".join(block.split())
        if flat.startswith("#"):
            heading = flat.lstrip("# ")
            found[heading] = []
        elif flat:
            plain = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", flat)
            found.setdefault(heading, []).append(plain.replace("**", "").replace("`", ""))
    return found
