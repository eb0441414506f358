"""Staff of the made-up clinics: they take what needs action, ring, and close all but a few."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from followup.casework.resolve import log_call, settle_item
from followup.context import AppContext
from followup.demo.cast import LONDON
from followup.domain import actors
from followup.domain.call_outcome import CallOutcome
from followup.domain.errors import FollowupError
from followup.domain.item_kind import ItemKind
from followup.domain.item_outcome import ItemOutcome
from followup.domain.roles import Role
from followup.staff.members import MemberDetails, find_member_by_email, insert_member
from followup.staff.sessions import Stage, begin_session
from followup.store.models.staff import Staff
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import take_over_item
from followup.worklist.queries import AT_ANY_HOUR, is_open

NURSES = (
    MemberDetails(
        email="nurse.price@example.com",
        name="Bethan Price (made up)",
        roles=(Role.ENROL,),
        clinics=None,
    ),
    MemberDetails(
        email="nurse.khan@example.com",
        name="Amir Khan (made up)",
        roles=(Role.ENROL,),
        clinics=None,
    ),
)
OPENS, CLOSES, SATURDAY = 9, 17, 5
LEFT_FOR = timedelta(days=3)
"""How long one item in five is left open, so that a visitor has something to do."""
ONE_IN = 5
TAKEN_AFTER = {1: timedelta(minutes=8), 2: timedelta(minutes=70), 3: timedelta(hours=3)}
"""How long (service time) an item waits for somebody, by urgency."""
PHONE_TAKES = timedelta(minutes=12)
LEFT_ALONE = frozenset({ItemKind.SAME_PERSON, ItemKind.DRAFT, ItemKind.SET_UP, ItemKind.WORDS})
NOTES = ("All is well.", "Went through the warning signs.", "Rings us again if it gets worse.")


@dataclass(slots=True)
class Nurses:
    """Those who work the items off. `urgent_after` is how long they leave a red flag.

    They leave the latest `leave` items that are not urgent, for whoever looks around.
    """

    app: AppContext
    urgent_after: timedelta = TAKEN_AFTER[1]
    leave: int = 0

    def add(self) -> None:
        """Make their accounts; nobody can sign in to them with a password."""
        with self.app.store.write() as session:
            for who in NURSES:
                if find_member_by_email(session, who.email) is None:
                    insert_member(session, self.app.by(actors.DEMO), who, password_hash=None)

    def come_in(self) -> None:
        """Be signed in now, by a session whose token nobody has."""
        with self.app.store.write() as session:
            for who in NURSES:
                staff = session.scalars(select(Staff).where(Staff.email == who.email)).one()
                begin_session(
                    session, self.app, staff, stage=Stage.FULL, browser="Firefox on Windows"
                )

    def work_off(self, now: datetime) -> int:
        """Take what has waited long enough, ring, and close; return how much was done."""
        with self.app.store.read() as session:
            found = session.scalars(
                select(WorklistItem).where(is_open()).order_by(WorklistItem.opened_at)
            ).all()
        waiting = [item for item in found if item.kind not in LEFT_ALONE]
        calm = [item for item in waiting if item.urgency != AT_ANY_HOUR]
        left = {item.id for item in calm[len(calm) - min(self.leave, len(calm)) :]}
        return sum(self._look(item, now) for item in waiting if item.id not in left)

    def _look(self, item: WorklistItem, now: datetime) -> bool:
        number = item.id.int
        waited = now - max(item.opened_at, item.due_at - timedelta(hours=4))
        is_urgent = item.urgency == AT_ANY_HOUR
        if not (is_urgent or is_working(now)):
            return False
        if not is_urgent and number % ONE_IN == 0 and now - item.opened_at < LEFT_FOR:
            return False
        after = self.urgent_after if is_urgent else TAKEN_AFTER[item.urgency]
        if waited < after:
            return False
        nurse = f"web:{NURSES[number % len(NURSES)].email}"
        with suppress(FollowupError):
            if item.owner is None:
                take_over_item(self.app, item.id, actor=nurse)
            elif item.owner == nurse and waited >= after + PHONE_TAKES:
                self._settle(item, nurse)
            else:
                return False
            return True
        return False

    def _settle(self, item: WorklistItem, nurse: str) -> None:
        number = item.id.int
        if item.patient_id is None:
            settle_item(self.app, item.id, outcome=ItemOutcome.NOT_NEEDED, note="", actor=nurse)
            return
        urgent = item.urgency == AT_ANY_HOUR
        log_call(
            self.app,
            item.id,
            outcome=CallOutcome.SPOKE,
            note=NOTES[number % len(NOTES)],
            done=True,
            advised=ItemOutcome.TOLD_EMERGENCY if urgent else ItemOutcome.TOLD,
            others=True,
            actor=nurse,
        )


def is_working(at: datetime) -> bool:
    """Say whether the office of a made-up clinic is open."""
    local = at.astimezone(LONDON)
    return local.weekday() < SATURDAY and OPENS <= local.hour < CLOSES
