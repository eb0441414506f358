"""Forgetting of what an undo would need, once a merge can't be undone any more."""

from __future__ import annotations

from sqlalchemy import null, select

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.merging.undo import UNDO_WITHIN
from followup.store.models.merges import PatientMerge

FORGET_BATCH = 200


def forget_merges(app: AppContext, *, limit: int = FORGET_BATCH) -> int:
    """Delete how two records stood before they were merged; return of how many merges."""

    def work(unit: UnitOfWork) -> int:
        found = unit.session.scalars(
            select(PatientMerge)
            .where(
                PatientMerge.merged_at <= unit.by.at - UNDO_WITHIN,
                PatientMerge.before.is_not(null()),
            )
            .order_by(PatientMerge.merged_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        for each in found:
            each.before = None
        return len(found)

    return app.transact(actors.SWEEPER, work)
