"""Enrolment form: reads the answers into a request."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from followup.content.handbook import ContentContext
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.contact import parse_email, parse_mobile, parse_nhs_number
from followup.domain.errors import InvalidInput, Problem
from followup.domain.file_shape import LONGEST_AHEAD
from followup.domain.needs import ReadingNeed
from followup.domain.number_confirmation import TYPED_TWICE, NumberConfirmation
from followup.domain.people.written_names import written_name
from followup.domain.protocols.protocol import Protocol
from followup.enrolment.enrol import LONGEST_AGO, EnrolmentRequest
from followup.intake.json_shapes import YOUNGEST
from followup.intake.local_times import month_number, parse_procedure_time
from followup.patients.records import Person
from followup.web.console.framework.dates import real_day
from followup.web.console.framework.forms import Form

Value = TypeVar("Value")

LONGEST_NAME = 200
LONGEST_REFERENCE = 80
OLDEST_YEARS = 120
TIME = re.compile(r"(\d{1,2})(?:[:.]?(\d{2}))? ?([ap]m)?", re.IGNORECASE)
NOON = 12

DATE_FIELD = "on"
QUESTION = "attribute-"
FORM_STEPS: dict[str, tuple[str, ...]] = {
    "who": ("clinic", "nhs_number"),
    "name": ("name", "born", "born-month", "born-year"),
    "reach": ("mobile", "mobile_again", "email"),
    "procedure": ("protocol", DATE_FIELD, f"{DATE_FIELD}-month", f"{DATE_FIELD}-year", "at"),
    "about": (),
    "preferences": ("channels", "language", "needs", "reference"),
}
"""The pages of the form, in order, and the fields of each; the protocol's questions are `about`."""


def step_of(name: str) -> str:
    """Return the page on which a field stands; what belongs to none is said on the last."""
    if name.startswith(QUESTION):
        return "about"
    return next((step for step, names in FORM_STEPS.items() if name in names), "preferences")


def answers_on(step: str, form: Form) -> dict[str, tuple[str, ...]]:
    """Return the answers of one page; a field left empty counts too."""
    asked = [name for name in form.values if step == "about" and name.startswith(QUESTION)]
    return {name: form.values.get(name, ()) for name in (*FORM_STEPS[step], *asked)}


def attribute_field(key: str) -> str:
    """Return the name of the control that answers a question of the protocol."""
    return f"{QUESTION}{key}"


def nothing_confirmed(_mobile: str) -> NumberConfirmation | None:
    """Say of a number that no test text has confirmed it."""
    return None


@dataclass(slots=True)
class Reading:
    """Reads one form; what is wrong is gathered, not raised.

    `by_text` says of a number whether a test text has confirmed it: it need not be retyped then.
    """

    app: ContentContext
    form: Form
    clinics: Sequence[str]
    by_text: Callable[[str], NumberConfirmation | None] = nothing_confirmed
    problems: list[Problem] = field(default_factory=list)
    procedure_at: datetime | None = None

    def request(self) -> EnrolmentRequest | None:
        """Return the request, or None where there are problems."""
        clinic, protocol = self._clinic(), self._protocol()
        person = self._person(clinic)
        procedure_at = self.procedure_at = self._procedure_at(clinic)
        channels = self._channels(person)
        attributes = self._attributes(protocol)
        reference = self.form.text("reference")
        if len(reference) > LONGEST_REFERENCE:
            self._wrong("reference", f"Use at most {LONGEST_REFERENCE} characters")
        if self.problems or clinic is None or protocol is None or procedure_at is None:
            return None
        return EnrolmentRequest(
            clinic=clinic.key,
            protocol=protocol.key,
            reference=reference or None,
            procedure_at=procedure_at,
            attributes=dict(attributes),
            person=person,
            channels=channels,
            number=(self.by_text(person.mobile) or TYPED_TWICE) if person.mobile else None,
            assumed=frozenset() if self.form.text("language") else frozenset({"patient.language"}),
        )

    def _wrong(self, name: str, told: str) -> None:
        self.problems.append(Problem(name, told))

    def _tried(self, parse: Callable[[], Value]) -> Value | None:
        try:
            return parse()
        except InvalidInput as error:
            self.problems.extend(
                Problem(each.field, sentence(each.message)) for each in error.problems
            )
            return None

    def _clinic(self) -> Clinic | None:
        wanted = self.form.text("clinic") or (self.clinics[0] if len(self.clinics) == 1 else "")
        if wanted not in self.clinics:
            self._wrong("clinic", "Choose the clinic")
            return None
        return self.app.catalogue.clinics[wanted]

    def _protocol(self) -> Protocol | None:
        protocols = self.app.catalogue.protocols
        wanted = self.form.text("protocol")
        if wanted not in protocols:
            self._wrong("protocol", "Choose the procedure")
            return None
        return protocols[wanted]

    def _person(self, clinic: Clinic | None) -> Person:
        text = self.form.text
        nhs_number = (
            self._tried(lambda: parse_nhs_number(text("nhs_number"), field="nhs_number"))
            if text("nhs_number")
            else None
        )
        languages = clinic.languages if clinic else ("en",)
        language = text("language") or languages[0]
        if language not in languages:
            self._wrong("language", "Choose one of the clinic’s languages")
        return Person(
            name=self._name(),
            nhs_number=nhs_number,
            date_of_birth=self._born(),
            mobile=self._mobile(),
            email=(
                self._tried(lambda: parse_email(text("email"), field="email"))
                if text("email")
                else None
            ),
            language=language,
            needs=self._needs(),
        )

    def _needs(self) -> frozenset[ReadingNeed]:
        known = {need.value: need for need in ReadingNeed}
        chosen = self.form.all("needs")
        if any(each not in known for each in chosen if each):
            self._wrong("needs", "Choose from these needs")
        return frozenset(known[each] for each in chosen if each in known)

    def _name(self) -> str | None:
        name = self._tried(lambda: written_name(self.form.text("name")))
        if name is None:
            return None
        if not any(letter.isalpha() for letter in name):
            self._wrong("name", "Enter the patient’s full name")
            return None
        if len(name) > LONGEST_NAME or not name.isprintable():
            self._wrong("name", f"Enter a name of at most {LONGEST_NAME} characters")
        return name

    def _born(self) -> date | None:
        born = self._date("born", missing="Enter the date of birth")
        today = self.app.clock.now().date()
        if born is not None and not 0 <= today.year - born.year <= OLDEST_YEARS:
            self._wrong("born", "Check the year of birth")
        elif born is not None and born > today:
            self._wrong("born", "The date of birth is in the future: check it")
        elif born is not None and born > today - YOUNGEST:
            self._wrong("born", "This is less than a year ago: check the date of birth")
        return born

    def _mobile(self) -> str | None:
        written, again = self.form.text("mobile"), self.form.text("mobile_again")
        if not written and not again:
            if not self.form.text("email"):
                self._wrong("mobile", "Enter a mobile number or an e-mail address")
            return None
        mobile = self._tried(lambda: parse_mobile(written, field="mobile"))
        if mobile is None or (not again and self.by_text(mobile) is not None):
            return mobile
        if told := retyped_wrong(mobile, again):
            self._wrong("mobile_again", told)
        return mobile

    def _procedure_at(self, clinic: Clinic | None) -> datetime | None:
        day = self._date(DATE_FIELD, missing="Enter the date of the procedure")
        wall = self._wall()
        zone = self._zone(clinic)
        if day is None or wall is None or zone is None:
            return None
        at = self._tried(lambda: parse_procedure_time(f"{day}T{wall}", zone=zone, field="at"))
        now = self.app.clock.now()
        if at is not None and at > now + LONGEST_AHEAD:
            self._wrong(
                DATE_FIELD,
                f"This is more than {LONGEST_AHEAD.days} days ahead: enrol nearer to the day",
            )
        if at is not None and at < now - LONGEST_AGO:
            self._wrong(
                DATE_FIELD,
                f"This is more than {LONGEST_AGO.days} days ago: no advice would be useful",
            )
        return at

    def _zone(self, clinic: Clinic | None) -> ZoneInfo | None:
        """Return by whose clock a time is meant; any of theirs will do to say what is wrong."""
        known = [clinic] if clinic else []
        known += [self.app.catalogue.clinics[key] for key in self.clinics]
        return known[0].zone if known else None

    def _wall(self) -> str | None:
        wall = wall_time(self.form.text("at"))
        if wall is None:
            self._wrong("at", "Enter the time of the procedure, like 14:30 or 2:30pm")
        return wall

    def _date(self, name: str, *, missing: str) -> date | None:
        parts = [self.form.text(part) for part in (f"{name}-year", f"{name}-month", name)]
        if not all(parts):
            self._wrong(name, missing)
            return None
        try:
            year, month, day = parts
            return real_day(year, _month(month), day)
        except ValueError:
            self._wrong(name, "Enter a real date")
            return None

    def _attributes(self, protocol: Protocol | None) -> dict[str, bool]:
        answers: dict[str, bool] = {}
        for attribute in protocol.needed_attributes() if protocol else ():
            name = attribute_field(attribute.key)
            given = self.form.text(name)
            if given not in {"yes", "no"}:
                self._wrong(name, f"Answer yes or no: {attribute.question}")
            answers[attribute.key] = given == "yes"
        return answers

    def _channels(self, person: Person) -> tuple[ChannelKind, ...]:
        wanted = self.form.all("channels")
        channels = tuple(channel for channel in ChannelKind if channel.value in wanted)
        if ReadingNeed.NO_TEXTS in person.needs and ChannelKind.SMS in channels:
            self._wrong("channels", "Texts are of no use to this patient: leave them out")
        if not channels and (ReadingNeed.NO_TEXTS not in person.needs or person.email):
            self._wrong("channels", "Choose how the patient wants to get the messages")
        reached = {
            ChannelKind.SMS: self.form.text("mobile"),
            ChannelKind.EMAIL: self.form.text("email"),
        }
        words = {ChannelKind.SMS: "a mobile number", ChannelKind.EMAIL: "an e-mail address"}
        for channel in channels:
            if not reached[channel] and person.address(channel) is None:
                self._wrong("channels", f"There is no {words[channel][2:].strip()} to write to")
        return channels


def _month(written: str) -> int:
    """Return a month that is written as a number or by its name; raise `ValueError` for neither."""
    if written.isascii() and written.isdigit():
        return int(written)
    return month_number(written)


def wall_time(written: str) -> str | None:
    """Return a time of day as `14:30`; None for what is none. A bare hour needs am or pm."""
    match = TIME.fullmatch(written)
    if match is None:
        return None
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").lower()
    sayable = 1 <= hour <= NOON if half else hour < 2 * NOON
    if not sayable or minute >= 60 or not (match[2] or half):  # noqa: PLR2004 - of an hour
        return None
    hour = hour % NOON + (NOON if half == "pm" else 0) if half else hour
    return f"{hour:02d}:{minute:02d}"


def retyped_wrong(mobile: str, again: str) -> str | None:
    """Return what is wrong with a number as it was typed for the second time."""
    if not again:
        return "Type the number again, or send a test text to it"
    try:
        same = parse_mobile(again, field="mobile_again") == mobile
    except InvalidInput:
        same = False
    return None if same else "The two mobile numbers differ: ask the patient again"


def sentence(told: str) -> str:
    """Return a complaint of the domain as it is shown beside a field."""
    return told[0].upper() + told[1:]


def fields_of_check(problem: Problem) -> Problem:
    """Return a complaint of `check` under the name of the control that it is about."""
    named = {
        "procedure_at": DATE_FIELD,
        "patient.mobile": "mobile",
        "patient.email": "email",
        "patient.language": "language",
    }
    name = named.get(problem.field, problem.field)
    if name.startswith("attributes."):
        name = attribute_field(name.removeprefix("attributes."))
    return Problem(name, sentence(problem.message))


def problems_on(step: str, problems: Sequence[Problem]) -> Iterator[Problem]:
    """Yield those problems whose field stands on one page of the form."""
    yield from (problem for problem in problems if step_of(problem.field) == step)
