"""Routing of a message: the provider account it goes by, and the sender on it."""

from __future__ import annotations

from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.providers.interface import Channel
from followup.providers.resilience.circuit_breaker import PROBE_MESSAGES


def sender_of(app: AppContext, channel: Channel, clinic_key: str) -> str:
    """Return the number or address that a clinic's messages come from on this account.

    It is the clinic's own where it has one, which belongs to the first account alone.
    """
    if channel is not app.channels[channel.kind]:
        return channel.sender
    clinic = app.catalogue.clinics.get(clinic_key)
    own = (
        None if clinic is None else _own_sender(channel.kind, clinic.sms_sender, clinic.email_from)
    )
    return own or channel.sender


def _own_sender(kind: ChannelKind, sms: str | None, email: str) -> str | None:
    return sms if kind is ChannelKind.SMS else email


def account_of(channel: Channel) -> str:
    """Return what has one circuit breaker: everything that goes through one provider's account."""
    return f"{channel.provider}:{channel.account or channel.sender}"


def pace_of(channel: Channel, sender: str) -> str:
    """Return what has one pace: a sender, which may go by the same name on two accounts."""
    return f"{channel.account}:{sender}" if channel.account else sender


def is_there(app: AppContext, channel: Channel) -> bool:
    """Say whether an account's circuit breaker lets everything go, not a few probes alone."""
    enough = PROBE_MESSAGES + 1
    return app.breaker.look(account_of(channel), enough).granted == enough


def line_now(app: AppContext, kind: ChannelKind) -> Channel:
    """Return the account by which a message had better go now: the second if the first is away."""
    first, standby = app.channels[kind], app.standby.get(kind)
    return first if standby is None or is_there(app, first) else standby


def way_words(app: AppContext, kind: ChannelKind, *, account: str, sender: str) -> str | None:
    """Return in words which account and sender an attempt used; None where there is but one."""
    first, standby = app.channels[kind], app.standby.get(kind)
    if standby is not None and account == standby.account:
        return f"second SMS account, from {sender}"
    if account != first.account:
        return f"an account that is not set up any more, from {sender}"
    return None if standby is None else f"first SMS account, from {sender}"
