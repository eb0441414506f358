"""When somebody first looked at an item: how long it waited is counted from this."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from followup.store.models.worklist import WorklistItem


def note_look(session: Session, item_id: UUID, *, at: datetime) -> None:
    """Note that somebody who can act on an item opened it; the first time stays."""
    session.execute(
        update(WorklistItem)
        .where(WorklistItem.id == item_id, WorklistItem.looked_at.is_(None))
        .values(looked_at=at)
        .execution_options(synchronize_session=False)
    )
