"""Presumed-sent messages after a restore: looked up at the provider before they may go.

Each gets the attempt that may have been made, with the words that it would have carried, and is
`unknown`: the reconciler asks the provider about it like about any other. What can't be asked goes
to a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from uuid import UUID

from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.attempt_outcome import AttemptOutcome
from followup.domain.channel import ChannelKind
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import State
from followup.domain.reasons import Reason
from followup.messages.rendering import remember_versions
from followup.sending.attempt_builder import StartedAttempt, prepare_attempt
from followup.sending.eligibility import SendRow
from followup.store.audit_log import AuditContext
from followup.store.engine.bulk import insert_many
from followup.store.message_state import move_messages
from followup.store.models.messages import Attempt, Message
from followup.store.models.operations import Restore
from followup.worklist.items import NewItem, open_item

FORGETFUL_PROVIDERS = frozenset({"sandbox"})
"""Providers whose own records are in our database, and so went back in time with it."""


def can_be_asked(app: AppContext, channel: str) -> bool:
    """Say whether the provider of a channel can tell what it took since the backup."""
    provider = app.channels[ChannelKind(channel)]
    return provider.can_look and provider.provider not in FORGETFUL_PROVIDERS


def presume_sent(unit: UnitOfWork, rows: Sequence[SendRow]) -> int:
    """Put messages of `load_for_sending` in doubt that were not sent yet; return how many.

    What such a message would have led to, had it failed, may have gone out as well: from now on
    its failure is for a person, and never for the other channel.
    """
    if not rows:
        return 0
    restore = unit.session.get_one(Restore, rows[0].last_restore)
    prepared = {row.id: one for row in rows if (one := prepare_attempt(unit, row)) is not None}
    moved: set[UUID] = set()
    ready = [row for row in rows if row.id in prepared]
    for (state, count, channel), group in groupby(sorted(ready, key=_shape), key=_shape):
        moved |= move_messages(
            unit.session,
            unit.by,
            [row.id for row in group],
            expected=State(state),
            to=State.UNKNOWN,
            reason=Reason.RESTORED,
            lease_until=unit.by.real_at if can_be_asked(unit.app, channel) else None,
            attempt_count=count + 1,
            may_fall_back=False,
            restore_id=restore.id,
        )
    _write(unit.session, unit.by, [prepared[id_] for id_ in sorted(moved)], restore)
    for row in ready:
        if row.id in moved and not can_be_asked(unit.app, row.channel):
            hand_to_person(unit, row.id)
    return len(moved)


def hand_to_person(unit: UnitOfWork, message_id: UUID) -> None:
    """Let a person find out what no provider can tell."""
    message = unit.session.get_one(Message, message_id, populate_existing=True)
    open_item(unit, NewItem.of_message(message, kind=ItemKind.UNKNOWN, cause=Reason.RESTORED))


def _shape(row: SendRow) -> tuple[str, int, str]:
    return row.state, row.attempt_count, row.channel


def _write(
    session: Session, by: AuditContext, presumed: Sequence[StartedAttempt], restore: Restore
) -> None:
    if not presumed:
        return
    remember_versions(session, {one.version for one in presumed}, at=by.at)
    insert_many(
        session,
        Attempt,
        [
            one.attempt
            | {
                "outcome": AttemptOutcome.UNKNOWN.value,
                "code": Reason.RESTORED.value,
                # Whenever it was made, it was between these two.
                "started_real_at": restore.taken_real_at,
                "over_real_at": restore.restored_real_at,
            }
            for one in presumed
        ],
    )
