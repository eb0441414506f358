"""A text as a patient gets it, with what is said about warning signs and help in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.protocols.protocol import Step
from followup.domain.protocols.timing import After, Before, OnDay
from followup.domain.text.sms import SmsSize

AT_ONCE = {
    "en": re.compile(r"\bat once\b|\bget help now\b|\bstraight away\b|\burgent", re.IGNORECASE),
    "ar": re.compile("فورًا"),
}
"""How urgent advice is told from other advice, in the languages that are shipped."""
SIGNS = re.compile(
    r"\b(?:leg|arm|hand) weakness|\bbladder\b|\bbowels?\b|\bfever\b|\bhigh temperature\b"
    r"|\bnumb(?:ness)? between\b|\bchest pain\b|\bshort(?:ness)? of breath\b|\bbreathless",
    re.IGNORECASE,
)
ENOUGH_SIGNS = 2
"""A text that names so many signs is about warning signs, however it says that they matter."""
HELP_LINE = re.compile(r"(?<!\d)(?<!\d )(?:111|999)(?!\d)(?! \d)")
"""NHS 111 and 999: answered day and night, in every language the same."""
DEPARTMENT = re.compile(r"\bA&E\b|emergency department|إلى الطوارئ", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidText:
    """One message as one clinic sends it: what is read is `subject` and `text`.

    `step` is None for what no step sends, such as an answer to a patient's own text, `protocol` for
    what all protocols share, `channel` for the patient's page. `version` is the id of the words.
    `sendable` says whether patients may get them yet. `links` are the addresses behind the words of
    an e-mail.
    """

    template: str
    language: str
    channel: ChannelKind | None
    clinic: Clinic
    text: str
    version: str = ""
    subject: str | None = None
    links: tuple[str, ...] = ()
    size: SmsSize | None = None
    sendable: bool = True
    step: Step | None = None
    protocol: str | None = None
    occurrence: int = 1

    @property
    def where(self) -> str:
        """Which message it is, for a person."""
        name = self.template if self.step is None else f'step "{self.step.key}"'
        name = name if self.protocol is None else f"protocol {self.protocol}, {name}"
        by = f", occurrence {self.occurrence}, by {self.channel}" if self.channel else ""
        return f"clinic {self.clinic.key}, {name}{by} in {self.language}"

    @property
    def day(self) -> int:
        """The day of the procedure, 0, on which it is due; an answer may come on any."""
        if self.step is None:
            return 0
        timing = self.step.occurrences[self.occurrence - 1]
        if isinstance(timing, OnDay):
            return timing.day
        if isinstance(timing, Before):
            return -(timing.elapsed // timedelta(days=1))
        return timing.elapsed // timedelta(days=1) if isinstance(timing, After) else 0

    @property
    def warns(self) -> bool:
        """Whether it names warning signs."""
        urgent = AT_ONCE.get(self.language.partition("-")[0])
        return bool(
            (urgent is not None and urgent.search(self.text))
            or len({sign.lower() for sign in SIGNS.findall(self.text)}) >= ENOUGH_SIGNS
        )

    @property
    def names_the_department(self) -> bool:
        """Whether it names an emergency department."""
        return self.clinic.emergency_department in self.text or bool(DEPARTMENT.search(self.text))

    @property
    def names_open_help(self) -> bool:
        """Whether it names help that is there day and night."""
        return self.names_the_department or bool(HELP_LINE.search(self.text))

    @property
    def sentences(self) -> list[str]:
        """Its sentences, one by one."""
        parts = re.split(r"(?<=[.!?])\s+|\n+", self.text)
        return [" ".join(part.split()) for part in parts if part.strip()]
