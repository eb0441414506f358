"""JSON shape of an enrolment, for command line and API, checked field by field.

What a complaint says never repeats what was sent: it may be a patient's.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from followup.content.handbook import ContentContext
from followup.domain.channel import ChannelKind
from followup.domain.contact import parse_email, parse_mobile, parse_nhs_number
from followup.domain.errors import InvalidInput, Problem
from followup.domain.file_shape import did_you_mean
from followup.domain.intake.on_conflict import OnConflict
from followup.domain.needs import ReadingNeed
from followup.domain.people.written_names import written_name
from followup.enrolment.enrol import EnrolmentRequest
from followup.patients.records import Person

OLDEST = timedelta(days=366 * 120)
YOUNGEST = timedelta(days=365)
"""Nobody younger has a procedure here: what was typed is another date."""
LONGEST_NAME = 200
LONGEST_SHOWN = 40


class JsonShape(BaseModel):
    """An object that was sent: no keys but the declared ones, no values converted in silence."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        hide_input_in_errors=True,
        model_title_generator=lambda shape: shape.__name__.removesuffix("Shape"),
    )


def _parsed_by(parse: Callable[[str], object]) -> BeforeValidator:
    """Return a validator that hands text to `parse` and passes on its complaint."""

    def check(value: object) -> object:
        if not isinstance(value, str):
            raise PydanticCustomError("refused", "this must be text, in quotes")
        try:
            return parse(value)
        except InvalidInput as error:
            raise _refused(error.problems[0].message) from None

    return BeforeValidator(check)


def _refused(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{sentence}", {"sentence": sentence})


def _moment(text: str) -> datetime:
    example = "write it like 2026-10-23T14:30:00+01:00"
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            raise InvalidInput.of("", f"the time has no offset from UTC; {example}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput.of("", f"this is not a date and time; {example}") from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput.of("", "this is not a date; write it like 1956-04-30") from None


def _name(text: str) -> str:
    name = written_name(_printable(text))
    if not any(letter.isalpha() for letter in name):
        raise InvalidInput.of("", "this has no letters: give the patient's name, or leave it out")
    if len(name) > LONGEST_NAME:
        raise InvalidInput.of("", f"this is too long: use at most {LONGEST_NAME} characters")
    return name


def _printable(text: str) -> str:
    if not text.isprintable() and any(
        unicodedata.category(letter) in {"Cc", "Cs"} for letter in text
    ):
        raise InvalidInput.of("", "this holds control characters: take them out")
    return text


def _reference(text: str) -> str:
    reference = _printable(text).strip()
    if not reference:
        raise InvalidInput.of("", "this is empty: give your reference, or leave it out")
    return reference


def _text_schema(**more: object) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **more})


Moment = Annotated[
    datetime,
    _parsed_by(_moment),
    _text_schema(format="date-time", examples=["2026-10-23T14:30:00+01:00"]),
]
"""A time with its offset, in UTC from here on."""
Day = Annotated[date, _parsed_by(_day), _text_schema(format="date", examples=["1956-04-30"])]
Mobile = Annotated[str, _parsed_by(parse_mobile), _text_schema(examples=["07700 900123"])]
Email = Annotated[str, _parsed_by(parse_email), _text_schema(examples=["name@example.com"])]
NhsNumber = Annotated[str, _parsed_by(parse_nhs_number), _text_schema(examples=["999 000 0018"])]
Name = Annotated[str, _parsed_by(_name), _text_schema(minLength=1, maxLength=LONGEST_NAME)]
Reference = Annotated[str, _parsed_by(_reference), Field(min_length=1, max_length=80)]
Key = Annotated[str, Field(min_length=1, max_length=80)]


def _channel(text: str) -> ChannelKind:
    try:
        return ChannelKind(text)
    except ValueError:
        known = ", ".join(ChannelKind)
        raise InvalidInput.of("", f"there is no such channel; choose from: {known}") from None


ChannelName = Annotated[ChannelKind, _parsed_by(_channel), _text_schema(enum=list(ChannelKind))]


def _need(text: str) -> ReadingNeed:
    try:
        return ReadingNeed(text)
    except ValueError:
        raise InvalidInput.of(
            "", f"there is no such need; choose from: {', '.join(ReadingNeed)}"
        ) from None


NeedName = Annotated[ReadingNeed, _parsed_by(_need), _text_schema(enum=list(ReadingNeed))]


def _on_conflict(text: str) -> OnConflict:
    try:
        return OnConflict(text)
    except ValueError:
        known = ", ".join(OnConflict)
        raise InvalidInput.of("", f"there is no such choice; choose from: {known}") from None


OnConflictName = Annotated[
    OnConflict, _parsed_by(_on_conflict), _text_schema(enum=list(OnConflict), default="refuse")
]


class PatientShape(JsonShape):
    """Who the patient is: an NHS number, or a name and a date of birth; and a way to reach them."""

    name: Name | None = None
    nhs_number: NhsNumber | None = None
    date_of_birth: Day | None = None
    mobile: Mobile | None = None
    email: Email | None = None
    language: Annotated[str, Field(min_length=2, max_length=12)] | None = Field(
        None, description="A BCP 47 tag; without it, the clinic's first language."
    )
    needs: Annotated[list[NeedName], Field(max_length=10)] = Field(
        [], description="What helps the patient to take in what we send."
    )


class EnrolmentShape(JsonShape):
    """A patient to enrol on a protocol after a procedure."""

    clinic: Key = Field(examples=["derriford-pain"])
    protocol: Key = Field(examples=["nerve-root-block"])
    reference: Reference | None = Field(
        None,
        description="Yours, once per procedure: the same content sent again returns the same "
        "enrolment, and other content is refused unless `on_conflict` asks for it.",
    )
    procedure_at: Moment
    attributes: Annotated[dict[Key, Any], Field(max_length=50)] = Field(
        {},
        description="The protocol's questions, answered true or false.",
        examples=[{"diabetic": True, "steroid_given": True}],
    )
    patient: PatientShape
    channels: Annotated[list[ChannelName], Field(max_length=10)] | None = Field(
        None,
        description="What the patient agreed to, preferred first; "
        "without it, whatever contact details are given, texts first.",
    )
    on_conflict: OnConflictName = Field(
        OnConflict.REFUSE,
        description="Where the enrolment is there and differs: refuse (409), update it to what is "
        "sent, or reopen it too if it was ended.",
    )


def read_shape(data: object) -> EnrolmentShape:
    """Return JSON as a well-formed shape; raise `InvalidInput` with every field that is wrong."""
    try:
        return EnrolmentShape.model_validate(data)
    except ValidationError as error:
        raise InvalidInput(*problems_of(EnrolmentShape, error.errors())) from None


def read_enrolment(app: ContentContext, data: object) -> EnrolmentRequest:
    """Return what JSON asks for; raise `InvalidInput` with every field that is wrong."""
    return to_request(app, read_shape(data))


def to_request(app: ContentContext, shape: EnrolmentShape) -> EnrolmentRequest:
    """Return what a well-formed shape asks for; raise `InvalidInput` where its fields clash."""
    patient = shape.patient
    problems = [*_identity_problems(patient, today=app.clock.now().date()), *_reach_problems(shape)]
    if problems:
        raise InvalidInput(*problems)
    clinic = app.catalogue.clinics.get(shape.clinic)
    person = Person(
        name=patient.name,
        nhs_number=patient.nhs_number,
        date_of_birth=patient.date_of_birth,
        mobile=patient.mobile,
        email=patient.email,
        language=patient.language or (clinic.languages[0] if clinic else "en"),
        needs=frozenset(patient.needs),
    )
    channels = shape.channels
    if channels is None:
        channels = [
            channel
            for channel in ChannelKind
            if person.address(channel)
            and not (channel is ChannelKind.SMS and ReadingNeed.NO_TEXTS in person.needs)
        ]
    return EnrolmentRequest(
        clinic=shape.clinic,
        protocol=shape.protocol,
        reference=shape.reference,
        procedure_at=shape.procedure_at,
        attributes=dict(shape.attributes),
        person=person,
        channels=tuple(dict.fromkeys(channels)),
        assumed=frozenset(
            name
            for name, given in (
                ("channels", shape.channels),
                ("patient.language", patient.language),
            )
            if given is None
        ),
    )


def _identity_problems(patient: PatientShape, *, today: date) -> Iterator[Problem]:
    if patient.nhs_number is None:
        for field in ("name", "date_of_birth"):
            if getattr(patient, field) is None:
                yield Problem(
                    f"patient.{field}",
                    "needed to know who this is: give the NHS number, or name and date of birth",
                )
    born = patient.date_of_birth
    if born is not None and born > today:
        yield Problem("patient.date_of_birth", "this is in the future: check the year")
    elif born is not None and born > today - YOUNGEST:
        yield Problem(
            "patient.date_of_birth",
            "this is less than a year ago: check that it is no other date, such as the procedure's",
        )
    if born is not None and born < today - OLDEST:
        yield Problem("patient.date_of_birth", "this is over 120 years ago: check the year")


def _reach_problems(shape: EnrolmentShape) -> Iterator[Problem]:
    patient = shape.patient
    if shape.channels is None and patient.mobile is None and patient.email is None:
        yield Problem(
            "patient.mobile", "needed to reach the patient: give a mobile number or an email"
        )


def problems_of(shape: type[BaseModel], errors: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """Return pydantic's complaints as ours: dotted fields, and what to do, never what was sent."""
    return [_problem(shape, error) for error in errors]


def _problem(shape: type[BaseModel], error: Mapping[str, Any]) -> Problem:
    path = [part for part in error["loc"] if part != "[key]"]
    field = ".".join(str(part)[:LONGEST_SHOWN] for part in path)
    if error["type"] == "extra_forbidden":
        known = _fields_at(shape, path[:-1])
        return Problem(field, f"there is no such field; {did_you_mean(str(path[-1]), known)}")
    if error["type"] == "refused":
        return Problem(field, error["ctx"]["sentence"] if error.get("ctx") else error["msg"])
    context = error.get("ctx", {})
    return Problem(field, _SENTENCES.get(error["type"], "this can't be used").format(**context))


_SENTENCES = {
    "missing": "this is missing: add it",
    "string_type": "this must be text, in quotes",
    "bool_type": "this must be true or false, without quotes",
    "int_type": "this must be a whole number, without quotes",
    "list_type": "this must be a list",
    "dict_type": "this must be an object, in braces",
    "model_type": "this must be an object, in braces",
    "model_attributes_type": "this must be an object, in braces",
    "string_too_short": "this is too short: fill it in",
    "string_too_long": "this is too long: use at most {max_length} characters",
    "string_unicode": "this is not proper text: send it as UTF-8",
    "too_long": "this has too many entries: use at most {max_length}",
}


def _fields_at(shape: type[BaseModel], path: Sequence[object]) -> Mapping[str, object]:
    """Return the fields that the object at a path may have."""
    for part in path:
        found = shape.model_fields.get(str(part))
        inner = next(_models_in(found.annotation), None) if found else None
        if inner is None:
            return {}
        shape = inner
    return shape.model_fields


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
