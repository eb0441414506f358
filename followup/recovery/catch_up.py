"""Catch-up after a restore: the provider is asked about the lost time, and its answers settled.

Texts that came in are taken in again, so that nobody who said STOP is written to. What is in doubt
is settled with the provider. What the provider sent, and no message here accounts for, was planned
after the backup: its patient is paused, and a person finds out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.delivery.reconcile import abandon_sending, settle_unknown_outcomes
from followup.domain.channel import ChannelKind
from followup.domain.errors import Conflict
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import EnrolmentState, State
from followup.domain.reasons import Reason
from followup.enrolment.pause import pause_enrolment
from followup.patients import records as patients
from followup.providers.interface import Historian, Listed
from followup.providers.twilio.inbound_text import InboundText
from followup.recovery.restore import RESTORE_REASON, last_restore
from followup.replies.inbound import take_inbound
from followup.sending.kill_switches import view_switches
from followup.sending.presumed_sent import can_be_asked
from followup.store.message_state import state_is
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt, Message
from followup.store.models.operations import Restore
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import NewItem, open_item

SKEW = timedelta(minutes=15)
"""How far the provider's clock and ours may differ."""
MOST_KEYS = 500
"""How many ids one question to the database names."""
ROUND = timedelta(seconds=2)
MARGIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUpProgress:
    """How far the time after a restore has been made up for. Times are real.

    `unsettled` messages are still in doubt, `with_a_person` is what no provider can tell.
    `texts_in` counts the texts that were taken in again; None says that they can't be read.
    `unaccounted` patients got texts that no message here accounts for; `strangers` such texts went
    to numbers that no patient has. `switch` is the kill switch that holds everything.
    """

    taken_at: datetime
    restored_at: datetime
    unsettled: int
    with_a_person: int
    texts_in: int | None
    unaccounted: int
    strangers: int
    switch: UUID | None

    @property
    def settled(self) -> bool:
        """Whether nothing is left for this machine to find out."""
        return self.unsettled == 0


def catch_up(app: AppContext, *, actor: str, rest: Callable[[timedelta], None]) -> CatchUpProgress:
    """Read, settle and account for the time between the last backup and its restore.

    Safe to run again at any time. `rest` waits: "not there" is believed only after
    `Policy.reconcile_after`. Raises `Conflict` where nothing was restored.
    """
    with app.store.read() as session:
        restore = last_restore(session)
    if restore is None or restore.restored_real_at is None:
        raise Conflict("this database was never restored from a backup: there is nothing to do")
    listed, is_whole = _listed(app, restore)
    taken_in = _take_in(app, listed)
    _settle(app, restore.restored_real_at, rest=rest)
    unaccounted, strangers = _account(app, restore, _listed(app, restore)[0], actor=actor)
    standing = CatchUpProgress(
        taken_at=restore.taken_real_at,
        restored_at=restore.restored_real_at,
        unsettled=_unsettled(app),
        with_a_person=_with_a_person(app),
        texts_in=taken_in if is_whole else None,
        unaccounted=unaccounted,
        strangers=strangers,
        switch=_switch(app),
    )
    if standing.settled:
        app.store.transact(lambda session: _note(session, app, restore.id))
    return standing


def _listed(app: AppContext, restore: Restore) -> tuple[Sequence[Listed], bool]:
    """Return the texts of every account since the backup, and whether all could be read."""
    since = restore.taken_real_at - SKEW
    lists = [
        line.listed_since(since) if isinstance(line, Historian) else None
        for line in app.lines(ChannelKind.SMS)
    ]
    texts = [one for listed in lists for one in listed or ()]
    # A request to stop at one number and to start at another count in the order they came.
    return sorted(texts, key=lambda one: one.created_at or since), None not in lists


def _take_in(app: AppContext, listed: Sequence[Listed]) -> int:
    """Take in the texts that came since the backup; return how many were not known."""
    taken = [
        take_inbound(app, InboundText.of_list(one), answered=True) for one in listed if one.came_in
    ]
    return sum(not one.repeated for one in taken)


def _settle(app: AppContext, restored_at: datetime, *, rest: Callable[[timedelta], None]) -> None:
    """Ask the provider until nothing is in doubt, or it does not answer in time."""
    listed_by = restored_at + app.policy.reconcile_after
    until = max(listed_by, app.clock.real_now()) + MARGIN
    # What was sent just before the restore must be in the lists that are read next.
    is_listed = not isinstance(app.channels[ChannelKind.SMS], Historian)
    while True:
        abandon_sending(app)
        settle_unknown_outcomes(app)
        now = app.clock.real_now()
        if now >= until or ((is_listed or now >= listed_by) and not _unsettled(app)):
            return
        rest(ROUND)


def _unsettled(app: AppContext) -> int:
    """Count what a provider is still to be asked about."""
    askable = [kind.value for kind in app.channels if can_be_asked(app, kind.value)]
    in_doubt = state_is(State.UNKNOWN) & Message.lease_until.is_not(None)
    with app.store.read() as session:
        return session.scalars(
            select(func.count()).where(
                Message.channel.in_(askable), in_doubt | state_is(State.SENDING)
            )
        ).one()


def _with_a_person(app: AppContext) -> int:
    with app.store.read() as session:
        return session.scalars(
            select(func.count()).where(
                WorklistItem.kind.in_((ItemKind.UNKNOWN.value, ItemKind.RESTORED.value)),
                WorklistItem.state != "closed",
            )
        ).one()


def _switch(app: AppContext) -> UUID | None:
    return next((one.id for one in view_switches(app) if one.reason == RESTORE_REASON), None)


def _note(session: Session, app: AppContext, restore_id: int) -> None:
    restore = session.get_one(Restore, restore_id)
    restore.settled_real_at = restore.settled_real_at or app.clock.real_now()


def _account(
    app: AppContext, restore: Restore, listed: Sequence[Listed], *, actor: str
) -> tuple[int, int]:
    """Pause every patient who was sent what no message here accounts for, and tell a person.

    Return how many patients that are, and how many such texts went to nobody who is known.
    """
    sent = [one for one in listed if not one.came_in]
    known = _known(app, [one.provider_id for one in sent])
    odd = [one for one in sent if one.provider_id not in known]
    concerned: dict[UUID, Patient] = {}
    strangers = 0
    with app.store.read() as session:
        for one in odd:
            found = patients.find_by_address(session, app.keyring.indexes, ChannelKind.SMS, one.to)
            concerned |= {
                patient.id: patient for patient in found if not _objects(session, patient)
            }
            strangers += not found
    for patient in concerned.values():
        _look_at(app, restore, patient, actor=actor)
    return len(concerned), strangers


def _objects(session: Session, patient: Patient) -> bool:
    """Say whether nothing goes to a patient anyway; what they got confirmed it."""
    in_force = patients.open_objections(session, patient_ids=[patient.id], contact_indexes=[])
    return any(one.channel is None for one in in_force)


def _known(app: AppContext, provider_ids: Sequence[str]) -> set[str]:
    provider, known = app.channels[ChannelKind.SMS].provider, set[str]()
    with app.store.read() as session:
        for start in range(0, len(provider_ids), MOST_KEYS):
            known.update(
                session.scalars(
                    select(Attempt.provider_id).where(
                        Attempt.provider == provider,
                        Attempt.provider_id.in_(provider_ids[start : start + MOST_KEYS]),
                    )
                )
            )
    return known


def _look_at(app: AppContext, restore: Restore, patient: Patient, *, actor: str) -> None:
    """Pause a patient once: whoever resumes them has looked."""
    subject = f"restored:{restore.id}:{patient.id}"
    with app.store.read() as session:
        told = select(WorklistItem.id).where(WorklistItem.subject == subject)
        if session.scalar(told) is not None:
            return
        active = session.scalars(
            select(Enrolment.id).where(
                Enrolment.patient_id == patient.id,
                Enrolment.state == EnrolmentState.ACTIVE.value,
            )
        ).all()
    for enrolment_id in active:
        pause_enrolment(app, enrolment_id, actor=actor)
    task = NewItem(
        subject=subject,
        kind=ItemKind.RESTORED,
        clinic=patient.clinic,
        cause=Reason.UNKNOWN_TEXTS,
        patient_id=patient.id,
        enrolment_id=active[0] if active else None,
    )
    app.transact(actor, lambda unit: open_item(unit, task))
