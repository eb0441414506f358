"""Copies of a person that no row points to: in uploaded lists, and in forms that are being filled.

Both are gone within a day. Of a list only the person's own row is taken, never another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.identity import fold_name
from followup.intake.csv_file import read_cells
from followup.intake.uploaded_lists import read_list
from followup.patients.records import Person
from followup.store.models.staff import Draft
from followup.store.models.uploaded_lists import UploadedList

FORM_COLUMN = "drafts.answers"


def rows_of_lists(session: Session, app: AppContext, person: Person) -> list[dict[str, Any]]:
    """Return the person's own rows of the lists that are kept just now, cell by cell."""
    waiting = session.scalars(select(UploadedList).where(UploadedList.content_sealed.is_not(None)))
    found: list[dict[str, Any]] = []
    for row in waiting:
        kept = read_list(app, row)
        if kept.file is None:
            continue
        found += [
            {"uploaded_real_at": row.uploaded_real_at.isoformat(), "cells": list(line.cells)}
            for line in read_cells(kept.file.open())
            if _is_about(person, line.cells)
        ]
    return found


def open_forms(session: Session, app: AppContext, person: Person) -> list[dict[str, Any]]:
    """Return what is filled in so far, in forms that have this person's NHS number."""
    found: list[dict[str, Any]] = []
    for row in session.scalars(select(Draft).where(Draft.answers_sealed.is_not(None))):
        text = app.keyring.system.open_if(row.answers_sealed, column=FORM_COLUMN)
        answers = json.loads(text or "{}")
        if _is_about(person, [str(each) for one in answers.values() for each in one]):
            found.append({"kind": row.kind, "answers": answers})
    return found


def _is_about(person: Person, cells: list[str] | tuple[str, ...]) -> bool:
    """Say whether cells name a person: by NHS number, else by name and mobile together."""
    numbers = set(_digits(cells))
    if person.nhs_number:
        return person.nhs_number in numbers
    names = {fold_name(cell) for cell in cells}
    ends = (person.mobile or "")[-10:]
    return bool(
        person.name
        and fold_name(person.name) in names
        and ends
        and any(number.endswith(ends) for number in numbers)
    )


def _digits(cells: list[str] | tuple[str, ...]) -> Iterator[str]:
    for cell in cells:
        yield "".join(letter for letter in cell if letter.isdigit())
