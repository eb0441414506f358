"""Invitations and password links by e-mail, where e-mail leaves this machine."""

from __future__ import annotations

from datetime import timedelta

from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.errors import ChannelError, ConfigurationError
from followup.providers.interface import Outgoing
from followup.routing.accounts import line_now, sender_of
from followup.store.engine.types import new_id

WORDS = """\
You can sign in to Follow-up by this link:

{link}

It works once, for {lasts}. Nobody else can use the account that you make with it, so pass it on to
nobody. If you did not expect it, ignore this e-mail.
"""


def mail_link(app: AppContext, *, to: str, link: str, lasts: str, valid: timedelta) -> bool:
    """Send a link to a member of staff; False where it could not go, so that it is copied.

    It comes from the first clinic: a team may be of several.
    """
    channel = line_now(app, ChannelKind.EMAIL)
    if channel.provider == "sandbox":
        return False
    clinic = min(app.catalogue.clinics, default="")
    id_ = new_id(app.clock.real_now())
    try:
        channel.send(
            Outgoing(
                message_id=id_,
                attempt_id=id_,
                to=to,
                text=WORDS.format(link=link, lasts=lasts),
                subject="Your link to Follow-up",
                sender=sender_of(app, channel, clinic) or None,
                rfc_message_id=app.links.rfc_message_id(id_),
                valid_for=valid,
            )
        )
    except (OSError, ChannelError, ConfigurationError):
        return False
    return True
