"""Uploaded lists of patients: their states, and what their columns are called."""

from __future__ import annotations

from followup.domain.intake.list_state import ListState
from followup.wording.terms import Colour, Term

LISTS: dict[ListState, Term] = {
    ListState.COLUMNS: Term("Columns to check", "nothing is enrolled yet", Colour.CAUTION),
    ListState.CHECKING: Term("Being checked", "every row is looked at", Colour.PROGRESS),
    ListState.CHECKED: Term("To confirm", "every row was checked", Colour.CAUTION),
    ListState.ENROLLING: Term("Being enrolled", "this takes a moment", Colour.PROGRESS),
    ListState.DONE: Term("Enrolled", "the file itself is deleted", Colour.SUCCESS),
    ListState.FAILED: Term("Not usable", "nothing more is done with it", Colour.DANGER),
}

COLUMNS: dict[str, Term] = {
    "procedure_at": Term("Procedure date and time", "such as 23/10/2026 14:30"),
    "procedure_date": Term("Procedure date", "beside a column for the time, such as 23/10/2026"),
    "procedure_time": Term("Procedure time", "such as 14:30 or 2:30 PM"),
    "nhs_number": Term("NHS number", "ten digits, or leave it empty and give name and birth date"),
    "name": Term("Name", "the patient’s full name"),
    "forename": Term("Forename", "instead of the full name, beside the surname"),
    "surname": Term("Surname", "instead of the full name, beside the forename"),
    "date_of_birth": Term("Date of birth", "such as 17/05/1957"),
    "mobile": Term("Mobile", "such as 07700 900123"),
    "email": Term("E-mail", "if the patient wants e-mails"),
    "channels": Term(
        "Messages by", "what the patient agreed to: texts, e-mail, or both; empty for whatever is "
        "given"
    ),
    "reference": Term("Reference", "yours for the procedure, if you have one"),
    "language": Term("Language", "a code such as en or ar; empty for the clinic’s first"),
    "clinic": Term("Clinic", "if not all are of one clinic"),
    "protocol": Term("Protocol", "if not all had the same procedure"),
}  # fmt: skip
"""The fields of a list: a heading that is understood, and what to write."""


def list_term(state: str) -> Term:
    """Return the words for the state of an uploaded list."""
    return LISTS[ListState(state)]
