"""Watch over words: an item for a person while something may not go out, or is due for review."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.item_kind import ItemKind
from followup.domain.item_outcome import ItemOutcome
from followup.domain.lifecycle import EnrolmentState
from followup.domain.releases.review import ReviewStage
from followup.releases.gate import Clearance, Concerned, gate_of
from followup.releases.reviews import Review, reviews
from followup.store.models.enrolments import Enrolment
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import NewItem, close_item_in, open_item

Pair = tuple[str, str]


def check_words(app: AppContext) -> int:
    """Open an item for each protocol whose words may not go out, and close it once they may.

    Of those that have patients. Returns 0: there is never more of it left.
    """
    if not app.policy.live:
        return 0
    with app.store.read() as session:
        used = _in_use(session)
        cleared = gate_of(app).of_protocols(session, app)
        due = [one for one in reviews(session, app) if (one.clinic, one.protocol) in used]
        there = _open_items(session)
    wrong = {pair: one for pair, one in cleared.items() if one.reason and pair in used}
    new = {pair: one for pair, one in wrong.items() if not _is_told(there, pair, one)}
    over = [item for item in there if not _still_holds(item, wrong)]
    near = [one for one in due if one.stage is not ReviewStage.FAR and not _is_known(there, one)]
    if new or over or near:
        app.transact(actors.SWEEPER, lambda unit: _tell(unit, new, over, near))
    return 0


def tell_of_words(unit: UnitOfWork, held: Collection[Concerned]) -> None:
    """Ask a person about words that hold messages back, unless somebody is asked already."""
    cleared = gate_of(unit.app).clearances(unit.session, unit.app, held)
    there = _open_items(unit.session)
    for one, clearance in cleared.items():
        pair = (one.clinic, one.protocol or "")
        if clearance.reason is not None and not _is_told(there, pair, clearance):
            _open(unit, pair, clearance)


def _in_use(session: Session) -> set[Pair]:
    query = select(Enrolment.clinic, Enrolment.protocol).distinct()
    active = query.where(Enrolment.state != EnrolmentState.WITHDRAWN.value)
    return {(clinic, protocol) for clinic, protocol in session.execute(active)}


def _open_items(session: Session) -> Sequence[WorklistItem]:
    kinds = [ItemKind.WORDS.value, ItemKind.REVIEW.value]
    query = select(WorklistItem).where(WorklistItem.kind.in_(kinds))
    return session.scalars(query.where(WorklistItem.state != "closed")).all()


def _is_told(there: Sequence[WorklistItem], pair: Pair, clearance: Clearance) -> bool:
    return any(
        item.kind == ItemKind.WORDS
        and (item.clinic, item.detail.get("protocol")) == pair
        and item.detail.get("cause") == clearance.reason
        for item in there
    )


def _still_holds(item: WorklistItem, wrong: Mapping[Pair, Clearance]) -> bool:
    # What is about an answer of no protocol is for a person to close.
    if item.kind != ItemKind.WORDS or not item.detail.get("protocol"):
        return True
    found = wrong.get((item.clinic, str(item.detail.get("protocol"))))
    return found is not None and found.reason == item.detail.get("cause")


def _is_known(there: Sequence[WorklistItem], review: Review) -> bool:
    return any(item.subject == _subject(review) for item in there)


def _subject(review: Review) -> str:
    return f"review:{review.clinic}:{review.protocol}:{review.due}:{review.stage}"


def _open(unit: UnitOfWork, pair: Pair, clearance: Clearance) -> None:
    clinic, protocol = pair
    open_item(
        unit,
        NewItem(
            # Two that find it in one minute find one item.
            subject=f"words:{clinic}:{protocol}:{clearance.reason}:{unit.by.real_at:%FT%H:%M}",
            kind=ItemKind.WORDS,
            clinic=clinic,
            cause=str(clearance.reason),
            more={"protocol": protocol, "sentence": clearance.sentence},
        ),
    )


def _tell(
    unit: UnitOfWork,
    new: Mapping[Pair, Clearance],
    over: Sequence[WorklistItem],
    near: Sequence[Review],
) -> None:
    for pair, clearance in new.items():
        _open(unit, pair, clearance)
    for item in over:
        close_item_in(unit, item.id, outcome=ItemOutcome.APPROVED_AGAIN)
    for review in near:
        open_item(
            unit,
            NewItem(
                subject=_subject(review),
                kind=ItemKind.REVIEW,
                clinic=review.clinic,
                cause=str(review.stage),
                more={"protocol": review.protocol, "due": review.due.isoformat()},
            ),
        )
