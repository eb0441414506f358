"""Sending a claimed batch: check again, write ahead, call with no transaction open, commit."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row, insert
from sqlalchemy.orm import Session

from followup.channels.interface import Channel, Outgoing, Report
from followup.dispatch import apply_stops
from followup.domain.channel import ChannelKind
from followup.domain.errors import (
    ChannelError,
    ChannelRefused,
    ChannelUnavailable,
    OutcomeUnknown,
    TemplateError,
    WrongMasterKey,
)
from followup.domain.lifecycle import State
from followup.kit import Kit
from followup.outcomes import NOT_CALLED, Called, settle
from followup.content import ContentVersion
from followup.rendering import remember_versions, render
from followup.standing import Go, Wait, address_of, judge, load
from followup.store.audit_log import Deed
from followup.store.messages import move
from followup.store.models import Attempt, Message
from followup.store.patients import column
from followup.store.types import new_id

ACTOR = "worker"
COMMIT_EVERY = 25
"""Outcomes are committed in groups of this many ..."""
COMMIT_WITHIN = 0.25
"""... or after this many seconds, so that a crash leaves few outcomes unknown."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """An attempt (a row of `attempts`) that may be called, once committed, until `call_before`."""

    attempt: dict[str, object]
    outgoing: Outgoing
    kind: ChannelKind
    version: ContentVersion
    call_before: datetime


def deliver(
    kit: Kit, token: UUID, message_ids: Sequence[UUID], *, executor: ThreadPoolExecutor
) -> int:
    """Send the messages of a lease; return how many provider calls were made.

    What is no longer under this lease is left alone. Safe to run again with the same arguments: a
    message that has left `claimed` is not called for a second time.
    """
    granted = _paced(kit, token, message_ids)
    started = kit.store.transact(lambda session: _start(session, kit, token, granted))
    return _call_all(kit, started, executor=executor)


def _paced(kit: Kit, token: UUID, message_ids: Sequence[UUID]) -> list[UUID]:
    """Return as many ids as the senders' pace allows now; put the rest back for a little later."""
    with kit.store.read() as session:
        kinds = _channels_of(session, message_ids)
    granted: list[UUID] = []
    for kind, ids in kinds.items():
        channel = kit.channels[kind]
        grant = kit.pace.take(
            channel.sender, len(ids), per_second=kit.policy.per_second[kind]
        )
        granted.extend(ids[: grant.granted])
        if grant.granted < len(ids):
            put_back(kit, token, ids[grant.granted :], wait_for=grant.wait, reason="pace")
    return granted


def put_back(
    kit: Kit, token: UUID, message_ids: Sequence[UUID], *, wait_for: timedelta, reason: str
) -> None:
    """Return claimed messages of a lease, uncalled, to be claimed again after `wait_for`."""
    deed = kit.deed(ACTOR)
    kit.store.transact(
        lambda session: move(
            session,
            deed,
            message_ids,
            expected=State.CLAIMED,
            to=State.PLANNED,
            reason=reason,
            only=Message.lease_token == token,
            claimable_at=kit.clock.after_real(wait_for),
            lease_token=None,
            lease_until=None,
        )
    )


def _channels_of(
    session: Session, message_ids: Sequence[UUID]
) -> dict[ChannelKind, list[UUID]]:
    kinds: dict[ChannelKind, list[UUID]] = {}
    by_id = {
        row.id: ChannelKind(row.channel)
        for row in session.query(Message.id, Message.channel).where(Message.id.in_(message_ids))
    }
    for message_id in message_ids:
        if message_id in by_id:
            kinds.setdefault(by_id[message_id], []).append(message_id)
    return kinds


def _start(
    session: Session, kit: Kit, token: UUID, message_ids: Sequence[UUID]
) -> list[Started]:
    """Check each message once more and commit its attempt, with the exact words, before any call."""
    deed = kit.deed(ACTOR)
    rows = load(
        session,
        message_ids,
        Message.state == State.CLAIMED.value,
        Message.lease_token == token,
        Message.lease_until > deed.real_at,
    )
    verdicts = judge(session, kit, rows, now=deed.at)
    apply_stops(session, kit, deed, rows, verdicts, expected=State.CLAIMED)
    for row in rows:
        if isinstance(verdict := verdicts[row.id], Wait):
            _return_to_plan(session, deed, row.id, until=verdict.until)
    going = [row for row in rows if isinstance(verdicts[row.id], Go)]
    prepared = [
        one for row in going if (one := _prepare(session, kit, deed, row)) is not None
    ]
    lease_until = deed.real_at + kit.policy.lease
    moved = move(
        session,
        deed,
        [one.outgoing.message_id for one in prepared],
        expected=State.CLAIMED,
        to=State.SENDING,
        lease_until=lease_until,
        attempt_count=Message.attempt_count + 1,
    )
    kept = [one for one in prepared if one.outgoing.message_id in moved]
    if kept:
        remember_versions(session, {one.version for one in kept}, at=deed.at)
        session.execute(insert(Attempt), [one.attempt for one in kept])
    return kept


def _return_to_plan(
    session: Session, deed: Deed, message_id: UUID, *, until: datetime
) -> None:
    move(
        session,
        deed,
        [message_id],
        expected=State.CLAIMED,
        to=State.PLANNED,
        reason="not-yet",
        claimable_at=until,
        lease_token=None,
        lease_until=None,
    )


def _prepare(
    session: Session, kit: Kit, deed: Deed, row: Row[Any]
) -> Started | None:
    """Render one message and return its attempt with the call to make.

    A message that can't be rendered or opened is held for the operator: one broken template must
    not stop the others.
    """
    kind = ChannelKind(row.channel)
    channel = kit.channels[kind]
    try:
        sealer = kit.keyring.patient(row.data_key, row.master_key_id) or kit.keyring.system
        rendered = render(kit, row, language=row.language)
        address_sealed, _ = address_of(row)
        assert address_sealed is not None  # noqa: S101 - `judge` lets no other through
        named = "messages.address" if row.address_sealed is not None else column(
            "mobile" if kind is ChannelKind.SMS else "email"
        )
        address = sealer.open(address_sealed, column=named)
    except (TemplateError, WrongMasterKey) as error:
        log.error("message.cannot_be_prepared", message_id=str(row.id), cause=type(error).__name__)
        move(
            session, deed, [row.id], expected=State.CLAIMED, to=State.HELD, reason="needs-operator"
        )
        return None
    attempt_id = new_id(deed.real_at)
    clinic = kit.catalogue.clinics[row.clinic]
    sender = clinic.sms_sender if kind is ChannelKind.SMS else clinic.email_from
    outgoing = Outgoing(
        message_id=row.id,
        attempt_id=attempt_id,
        to=address,
        text=rendered.text,
        subject=rendered.subject,
        html=rendered.html,
        sender=sender,
        reply_to=clinic.email_reply_to if kind is ChannelKind.EMAIL else None,
        valid_for=kit.clock.real_delay(row.not_after - deed.at),
        rfc_message_id=f"<{row.id}@{kit.links.mail_domain}>",
        unsubscribe_url=rendered.stop_url,
    )
    call_before = deed.real_at + kit.policy.lease
    attempt = {
        "id": attempt_id,
        "message_id": row.id,
        "number": row.attempt_count + 1,
        "provider": channel.provider,
        "sender": sender or channel.sender,
        "address_sealed": sealer.seal(address, column="attempts.address"),
        "subject_sealed": sealer.seal_if(rendered.subject, column="attempts.subject"),
        "body_sealed": sealer.seal(rendered.text, column="attempts.body"),
        "html_sealed": sealer.seal_if(rendered.html, column="attempts.html"),
        "content_version": rendered.version.id,
        "segments": rendered.size.segments if rendered.size else None,
        "encoding": rendered.size.encoding if rendered.size else None,
        "started_at": deed.at,
        "started_real_at": deed.real_at,
        "over_real_at": call_before + channel.longest_call,
    }
    return Started(
        attempt=attempt,
        outgoing=outgoing,
        kind=kind,
        version=rendered.version,
        call_before=call_before,
    )


def _call_all(kit: Kit, started: Sequence[Started], *, executor: ThreadPoolExecutor) -> int:
    """Call the provider for each attempt and commit the outcomes in small groups as they come."""
    pending: set[Future[Called]] = {
        executor.submit(_call, kit, kit.channels[one.kind], one) for one in started
    }
    ready: list[Called] = []
    called = 0
    since = kit.clock.real_now()
    while pending:
        finished, pending = wait(pending, timeout=COMMIT_WITHIN, return_when=FIRST_COMPLETED)
        ready.extend(future.result() for future in finished)
        waited = (kit.clock.real_now() - since).total_seconds()
        if ready and (not pending or len(ready) >= COMMIT_EVERY or waited >= COMMIT_WITHIN):
            settle(kit, ready, actor=ACTOR)
            called += sum(outcome.result is not NOT_CALLED for outcome in ready)
            ready, since = [], kit.clock.real_now()
    return called


def _call(kit: Kit, channel: Channel, started: Started) -> Called:
    """Make one provider call, unless its lease is over: then another worker may hold the message."""
    outgoing = started.outgoing
    result: Report | ChannelError
    if kit.clock.real_now() >= started.call_before:
        return Called(outgoing.message_id, outgoing.attempt_id, NOT_CALLED)
    try:
        result = channel.send(outgoing)
    except (ChannelRefused, ChannelUnavailable, OutcomeUnknown) as error:
        result = error
    except Exception as error:
        # The edge of a thread: a bug in a provider module must neither pass for "not sent" nor
        # keep the outcomes of the other messages from being committed.
        log.exception("channel.bug", attempt_id=str(outgoing.attempt_id))
        result = OutcomeUnknown("bug", type(error).__name__)
    return Called(outgoing.message_id, outgoing.attempt_id, result)
