"""Invitations and password links by e-mail, where e-mail leaves this machine."""

from __future__ import annotations

from datetime import timedelta

from followup.casework.staff_mail import mail_staff
from followup.context import AppContext

WORDS = """\
You can sign in to Follow-up by this link:

{link}

It works once, for {lasts}. Nobody else can use the account that you make with it, so pass it on to
nobody. If you did not expect it, ignore this e-mail.
"""


def mail_link(app: AppContext, *, to: str, link: str, lasts: str, valid: timedelta) -> bool:
    """Send a link to a member of staff; False where it could not go, so that it is copied."""
    text = WORDS.format(link=link, lasts=lasts)
    return mail_staff(app, to=to, subject="Your link to Follow-up", text=text, valid=valid)
