"""Who looks around in the made-up clinic: an account without a password, let in by a link."""

from __future__ import annotations

from uuid import UUID

from followup.context import AppContext
from followup.domain import actors
from followup.domain.roles import EVERY_ROLE
from followup.staff.members import MemberDetails, find_member_by_email, insert_member

DEMO_MEMBER = MemberDetails(
    email="visitor@example.com", name="Demo Visitor", roles=EVERY_ROLE, clinics=None
)


def add_demo_member(app: AppContext) -> None:
    """Make the account; nobody can sign in to it with a password."""
    with app.store.write() as session:
        insert_member(session, app.by(actors.DEMO), DEMO_MEMBER, password_hash=None)


def find_demo_member(app: AppContext) -> UUID | None:
    """Return whose account it is, once it is there."""
    with app.store.read() as session:
        found = find_member_by_email(session, DEMO_MEMBER.email)
    return found.id if found is not None else None
