"""Who looks around in the made-up clinic: an account without a password, let in by a link."""

from __future__ import annotations

from uuid import UUID

from followup.domain.roles import EVERY_ROLE
from followup.kit import Kit
from followup.staff.members import Particulars, find_by_email, insert_member

WHO = Particulars(email="visitor@example.com", name="Demo Visitor", roles=EVERY_ROLE, clinics=None)


def add_demo_member(kit: Kit) -> None:
    """Make the account; nobody can sign in to it with a password."""
    with kit.store.write() as session:
        insert_member(session, kit.deed("demo"), WHO, password_hash=None)


def find_demo_member(kit: Kit) -> UUID | None:
    """Return whose account it is, once it is there."""
    with kit.store.read() as session:
        found = find_by_email(session, WHO.email)
    return found.id if found is not None else None
