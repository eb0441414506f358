"""Patient details: fields, reading needs, and how a number was confirmed."""

from __future__ import annotations

from followup.domain.needs import ReadingNeed
from followup.domain.number_confirmation import ConfirmationMethod
from followup.wording.terms import Term

PATIENT_FIELDS: dict[str, str] = {
    "name": "name",
    "nhs_number": "NHS number",
    "date_of_birth": "date of birth",
    "mobile": "mobile number",
    "email": "e-mail address",
    "language": "language",
    "needs": "reading needs",
}

OF_ENROLMENT: dict[str, str] = {
    "procedure_at": "procedure time",
    "protocol": "procedure",
    "channels": "how messages are sent",
    "reference": "reference",
    "patient": "whose record it is in",
}

READING_NEEDS: dict[ReadingNeed, Term] = {
    ReadingNeed.NO_TEXTS: Term("No texts", "E-mail only; without an address, staff will phone"),
    ReadingNeed.LARGE_PRINT: Term("Large print", "In e-mails and on the patient’s own page"),
    ReadingNeed.EASY_READ: Term("Easy read", "Not available: staff will phone"),
}
"""What helps patients to read; the meaning says what is done about it."""

CONFIRMATION_METHODS: dict[ConfirmationMethod, str] = {
    ConfirmationMethod.RETYPED: "typed twice",
    ConfirmationMethod.TEST_TEXT: "confirmed by a test text",
}


def field_text(path: str) -> str:
    """Return the name of a detail or an answer; `path` is dotted where it is of an enrolment."""
    name = path.rpartition(".")[2]
    if path.startswith("attributes."):
        return f"the answer on {name.replace('_', ' ')}"
    return PATIENT_FIELDS.get(name) or OF_ENROLMENT.get(name, name)


def need_text(code: str) -> str:
    """Return the name of a reading need."""
    return READING_NEEDS[ReadingNeed(code)].label


def confirmed_text(method: str) -> str:
    """Return how a number was confirmed."""
    return CONFIRMATION_METHODS[ConfirmationMethod(method)]
