"""E-mail to members of staff, where e-mail leaves this machine."""

from __future__ import annotations

from datetime import timedelta

from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.errors import ChannelError, ConfigurationError
from followup.providers.interface import Outgoing
from followup.routing.accounts import line_now, sender_of
from followup.store.engine.types import new_id


def mail_staff(app: AppContext, *, to: str, subject: str, text: str, valid: timedelta) -> bool:
    """Send an e-mail to a member of staff; False where it could not go.

    It comes from the first clinic: a team may be of several.
    """
    channel, clinic = line_now(app, ChannelKind.EMAIL), min(app.catalogue.clinics, default="")
    if channel.provider == "sandbox":
        return False
    id_ = new_id(app.clock.real_now())
    try:
        channel.send(
            Outgoing(
                message_id=id_,
                attempt_id=id_,
                to=to,
                text=text,
                subject=subject,
                sender=sender_of(app, channel, clinic) or None,
                rfc_message_id=app.links.rfc_message_id(id_),
                valid_for=valid,
            )
        )
    except (OSError, ChannelError, ConfigurationError):
        return False
    return True
