"""Notices of changed access: whoever manages the team learns what one of them did, and the member.

A manager who gives a role, a new password or a second factor away could act as somebody else. The
trail shows it to whoever looks; the e-mail is for those who did not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from followup.casework.staff_mail import mail_staff
from followup.context import AppContext
from followup.domain.roles import Role
from followup.staff.members import all_members
from followup.wording.staff import actor_text, role_text

KEPT_FOR = timedelta(days=1)
SUBJECT = "Access to Follow-up was changed"
WORDS = """\
{who} {what}.

If you did not expect this, ask them. What was changed stands in the audit trail. Whoever manages
the team can switch an account off under Team.
"""


class AccessChange(StrEnum):
    """What was changed, as words with the account in them."""

    ROLES = "changed what the account {whom} may do, to: {roles}"
    PASSWORD = "made a link for a new password of the account {whom}"  # noqa: S105 - no password
    CODE = "removed the second factor of the account {whom}"
    ENABLED = "switched the account {whom} on again"
    INVITED = "invited {whom}, who will be able to: {roles}"


def tell_of_access(
    app: AppContext,
    change: AccessChange,
    *,
    whom: str,
    actor: str,
    roles: Sequence[str],
    clinics: Sequence[str] | None,
) -> int:
    """Tell all who manage that account, and its owner; return how many e-mails went.

    `whom` is the account's address; `roles` and `clinics` are the account's, None being every
    clinic.
    """
    with app.store.read() as session:
        staff = [one for one in all_members(session) if one.disabled_at is None]
    named = ", ".join(map(role_text, roles))
    text = WORDS.format(who=actor_text(actor), what=change.value.format(whom=whom, roles=named))
    told = {
        one.email
        for one in staff
        if one.email == whom or (Role.MANAGE in one.roles and _manages(one.clinics, clinics))
    }
    return sum(
        mail_staff(app, to=to, subject=SUBJECT, text=text, valid=KEPT_FOR) for to in sorted(told)
    )


def _manages(own: Sequence[str] | None, clinics: Sequence[str] | None) -> bool:
    return own is None or (clinics is not None and set(clinics) <= set(own))
