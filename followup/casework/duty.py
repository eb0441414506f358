"""Duty: who is signed in and may take an item now, and whom the escalation tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.catalogue.bank_holidays import office_is_open
from followup.context import AppContext, OnCall
from followup.domain.roles import Role
from followup.staff.members import Member, member_of
from followup.staff.sessions import IDLE_LIMIT, Stage
from followup.store.models.staff import Staff, StaffSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Who looks after the items of a clinic now.

    `signed_in` used the console within a quarter of an hour and may work on its items. `is_open`
    is its office, None of a clinic that is no longer configured.
    """

    is_open: bool | None
    signed_in: Sequence[Member]
    on_call: OnCall


def read_duty(session: Session, app: AppContext, clinic: str) -> Duty:
    """Return who looks after the items of a clinic now."""
    facts = app.catalogue.clinics.get(clinic)
    members = session.scalars(
        select(Staff)
        .where(
            Staff.disabled_at.is_(None),
            select(StaffSession.id)
            .where(
                StaffSession.staff_id == Staff.id,
                StaffSession.stage == Stage.FULL.value,
                StaffSession.ended_real_at.is_(None),
                StaffSession.seen_real_at > app.clock.real_now() - IDLE_LIMIT,
            )
            .exists(),
        )
        .order_by(Staff.name, Staff.id)
    )
    there = [member_of(one) for one in members]
    return Duty(
        is_open=office_is_open(facts, app.clock.now()) if facts else None,
        signed_in=[one for one in there if one.may((Role.ENROL,)) and one.may_see(clinic)],
        on_call=app.policy.on_call,
    )
