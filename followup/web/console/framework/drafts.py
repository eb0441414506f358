"""Form drafts: sealed, their owner's alone, gone after half a day.

It keeps patients' data out of addresses and cookies, and lets a search be found again by Back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.errors import NotFound
from followup.store.engine.types import new_id
from followup.store.models.staff import Draft as DraftRow

DRAFT_RETENTION = timedelta(hours=12)
ANSWERS_COLUMN = "drafts.answers"

Answers = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Answers by the name of their field, and what they became, once they were sent."""

    id: UUID
    answers: Answers
    enrolment_id: UUID | None


def begin_draft(app: AppContext, staff_id: UUID, *, kind: str, answers: Answers) -> UUID:
    """Keep answers for the first time; return the id that stands in the address."""
    now = app.clock.real_now()
    draft_id = new_id(now)

    def work(session: Session) -> None:
        session.execute(delete(DraftRow).where(DraftRow.touched_real_at < now - DRAFT_RETENTION))
        session.add(
            DraftRow(
                id=draft_id,
                staff_id=staff_id,
                kind=kind,
                answers_sealed=_sealed(app, answers),
                touched_real_at=now,
            )
        )

    app.store.transact(work)
    return draft_id


def find_draft(app: AppContext, staff_id: UUID, draft_id: UUID, *, kind: str) -> Draft:
    """Return a draft of this member of staff; raise `NotFound` for anybody else's."""
    with app.store.read() as session:
        row = session.get(DraftRow, draft_id)
        if row is None or row.staff_id != staff_id or row.kind != kind:
            raise NotFound("what you had filled in is no longer kept: start again")
        text = app.keyring.system.open_if(row.answers_sealed, column=ANSWERS_COLUMN)
        return Draft(
            id=row.id,
            answers={name: tuple(each) for name, each in json.loads(text or "{}").items()},
            enrolment_id=row.enrolment_id,
        )


def keep_answers(app: AppContext, draft: Draft, answers: Answers) -> Draft:
    """Put answers beside, or in place of, those that are there; return the draft as it is now."""
    merged = {**draft.answers, **answers}
    _write(app, draft.id, answers_sealed=_sealed(app, merged))
    return Draft(id=draft.id, answers=merged, enrolment_id=draft.enrolment_id)


def close_draft(app: AppContext, draft: Draft, *, enrolment_id: UUID) -> None:
    """Note what a draft became, and forget its answers: the patient's row has them now."""
    _write(app, draft.id, enrolment_id=enrolment_id, answers_sealed=None)


def _write(app: AppContext, draft_id: UUID, **values: object) -> None:
    with app.store.write() as session:
        session.execute(
            update(DraftRow)
            .where(DraftRow.id == draft_id)
            .values(touched_real_at=app.clock.real_now(), **values)
        )


def _sealed(app: AppContext, answers: Answers) -> bytes:
    return app.keyring.system.seal(json.dumps(dict(answers)), column=ANSWERS_COLUMN)
