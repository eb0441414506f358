"""Patient, Procedure and Appointment of FHIR R4 as hospitals send them, and what breaks R4's rules.

An issue names the element and says what to do; it never repeats what the element says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from followup.domain.file_shape import did_you_mean
from followup.fhir.resources import Issue, IssueType
from followup.intake.fhir.elements import (
    BackboneElement,
    CodeableConcept,
    ContactPoint,
    Date,
    DateTime,
    HumanName,
    Instant,
    Many,
    One,
    Period,
    Reference,
    Resource,
    Text,
    Uri,
)
from followup.intake.fhir.json_text import shown_key, structure_issues
from followup.intake.fhir.refusal import issue_at

ProcedureStatus = Literal[
    "preparation",
    "in-progress",
    "not-done",
    "on-hold",
    "stopped",
    "completed",
    "entered-in-error",
    "unknown",
]
AppointmentStatus = Literal[
    "proposed",
    "pending",
    "booked",
    "arrived",
    "fulfilled",
    "cancelled",
    "noshow",
    "entered-in-error",
    "checked-in",
    "waitlist",
]
TIMED = frozenset({"booked", "arrived", "checked-in", "fulfilled"})
"""Appointments that must have a time (R4's app-3); of one that is off it no longer counts."""


class PatientCommunication(BackboneElement):
    language: CodeableConcept
    preferred: bool | None = None


class PatientLink(BackboneElement):
    other: Reference
    type: Literal["replaced-by", "replaces", "refer", "seealso"]


class PatientSent(Resource):
    resource_type: Literal["Patient"]
    active: bool | None = None
    name: list[HumanName] | None = None
    telecom: list[ContactPoint] | None = None
    gender: Literal["male", "female", "other", "unknown"] | None = None
    birth_date: Date | None = None
    deceased_boolean: bool | None = None
    deceased_date_time: DateTime | None = None
    address: Many | None = None
    marital_status: CodeableConcept | None = None
    multiple_birth_boolean: bool | None = None
    multiple_birth_integer: int | None = None
    photo: Many | None = None
    contact: Many | None = None
    communication: list[PatientCommunication] | None = None
    general_practitioner: list[Reference] | None = None
    managing_organization: Reference | None = None
    link: list[PatientLink] | None = None


class ProcedureSent(Resource):
    resource_type: Literal["Procedure"]
    instantiates_canonical: list[Uri] | None = None
    instantiates_uri: list[Uri] | None = None
    based_on: list[Reference] | None = None
    part_of: list[Reference] | None = None
    status: ProcedureStatus
    status_reason: CodeableConcept | None = None
    category: CodeableConcept | None = None
    code: CodeableConcept | None = None
    subject: Reference
    encounter: Reference | None = None
    performed_date_time: DateTime | None = None
    performed_period: Period | None = None
    performed_string: Text | None = None
    performed_age: One | None = None
    performed_range: One | None = None
    recorder: Reference | None = None
    asserter: Reference | None = None
    performer: Many | None = None
    location: Reference | None = None
    reason_code: list[CodeableConcept] | None = None
    reason_reference: list[Reference] | None = None
    body_site: list[CodeableConcept] | None = None
    outcome: CodeableConcept | None = None
    report: list[Reference] | None = None
    complication: list[CodeableConcept] | None = None
    complication_detail: list[Reference] | None = None
    follow_up: list[CodeableConcept] | None = None
    note: Many | None = None
    focal_device: Many | None = None
    used_reference: list[Reference] | None = None
    used_code: list[CodeableConcept] | None = None


class Participant(BackboneElement):
    type: list[CodeableConcept] | None = None
    actor: Reference | None = None
    required: Literal["required", "optional", "information-only"] | None = None
    status: Literal["accepted", "declined", "tentative", "needs-action"]
    period: Period | None = None


class AppointmentSent(Resource):
    resource_type: Literal["Appointment"]
    status: AppointmentStatus
    cancelation_reason: CodeableConcept | None = None
    service_category: list[CodeableConcept] | None = None
    service_type: list[CodeableConcept] | None = None
    specialty: list[CodeableConcept] | None = None
    appointment_type: CodeableConcept | None = None
    reason_code: list[CodeableConcept] | None = None
    reason_reference: list[Reference] | None = None
    priority: Annotated[int, Field(ge=0)] | None = None
    description: Text | None = None
    supporting_information: list[Reference] | None = None
    start: Instant | None = None
    end: Instant | None = None
    minutes_duration: Annotated[int, Field(ge=1)] | None = None
    slot: list[Reference] | None = None
    created: DateTime | None = None
    comment: Text | None = None
    patient_instruction: Text | None = None
    based_on: list[Reference] | None = None
    participant: Annotated[list[Participant], Field(min_length=1)]
    requested_period: list[Period] | None = None


SHAPES: dict[str, type[Resource]] = {
    "Patient": PatientSent,
    "Procedure": ProcedureSent,
    "Appointment": AppointmentSent,
}
ONE_OF = {
    "Patient": ("deceased", "multipleBirth"),
    "Procedure": ("performed",),
    "Appointment": (),
}
"""Elements of which only one kind may be there: deceasedBoolean or deceasedDateTime, not both."""


def read_resource(told: Mapping[str, Any], *, place: str) -> tuple[Resource | None, list[Issue]]:
    """Return a resource of a kind that is taken, or all that breaks R4's rules in it."""
    shape = SHAPES[told["resourceType"]]
    issues = structure_issues(told, place)
    if issues:
        return None, issues
    # Beside a primitive stand its extensions, none of which is read.
    plain = _without_underscores(told)
    try:
        found = shape.model_validate(plain)
    except ValidationError as error:
        return None, [issue_of(each, shape, place) for each in error.errors()]
    issues = [*_choices(plain, place), *_rules(found, place)]
    return (None, issues) if issues else (found, [])


def _without_underscores(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {
            key: _without_underscores(each)
            for key, each in value.items()
            if not key.startswith("_")
        }
    return [_without_underscores(each) for each in value] if isinstance(value, list) else value


def _choices(told: Mapping[str, Any], place: str) -> list[Issue]:
    return [
        issue_at("structure", f"{place}.{name}", "send only one kind of it")
        for name in ONE_OF[told["resourceType"]]
        if sum(key.startswith(name) for key in told) > 1
    ]


def _rules(found: Resource, place: str) -> list[Issue]:
    """Return which of R4's constraints are broken, of those that matter here."""
    issues = []
    if isinstance(found, AppointmentSent):
        if found.start is None and found.status in TIMED:
            issues.append(issue_at("required", f"{place}.start", "say when it is (R4: app-3)"))
        if found.start and found.end and found.end < found.start:
            issues.append(issue_at("invariant", f"{place}.end", "it ends before it begins"))
    period = found.performed_period if isinstance(found, ProcedureSent) else None
    if period and period.start and period.end and period.end[:10] < period.start[:10]:
        where = f"{place}.performedPeriod"
        issues.append(issue_at("invariant", where, "it ends before it begins (R4: per-1)"))
    return issues


# --------------------------------------------------------------------------- what is wrong

KINDS = {
    "string_type": "write text in quotes",
    "string_too_short": "this is empty: fill it in, or leave it out",
    "list_type": "write a list, in square brackets",
    "dict_type": "write an object, in braces",
    "model_type": "write an object, in braces",
    "bool_type": "write true or false, without quotes",
    "int_type": "write a whole number, without quotes",
    "greater_than_equal": "this number is too small",
    "too_short": "there must be at least one",
}


def issue_of(error: ErrorDetails, shape: type[BaseModel], place: str) -> Issue:
    """Return what pydantic found wrong, in words that say what to do."""
    where = _place(error["loc"], place)
    kind = error["type"]
    if kind == "missing":
        return issue_at("required", where, "this is missing, and R4 requires it")
    if kind == "extra_forbidden":
        key = str(error["loc"][-1])
        meant = did_you_mean(key, _names(shape, error["loc"][:-1]))
        told = meant if meant.startswith("did") else "take it out"
        return issue_at("structure", where, f"R4 has no such element here: {told}")
    if kind == "literal_error":
        choices = str(error["ctx"]["expected"]).replace("'", "").replace(" or ", ", ")
        return issue_at("code-invalid", where, f"choose from: {choices}")
    if kind == "value_error":
        return issue_at("value", where, str(error["ctx"]["error"]))
    code: IssueType = "value" if kind == "greater_than_equal" else "structure"
    return issue_at(code, where, KINDS.get(kind, "this is not what R4 has here"))


def _place(path: Sequence[int | str], place: str) -> str:
    for part in path:
        place += f"[{part}]" if isinstance(part, int) else f".{shown_key(part)}"
    return place


def _names(shape: type[BaseModel], path: Sequence[int | str]) -> dict[str, object]:
    """Return the names of the elements that R4 has where this path leads."""
    for part in path:
        if isinstance(part, str):
            fields = {each.alias: each.annotation for each in shape.model_fields.values()}
            shape = _model_in(fields[part]) or shape
    return {str(each.alias): None for each in shape.model_fields.values()}


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - a type
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
