"""Attempt builder: the words, the address, and the row committed before the call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from followup.content.version import ContentVersion
from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.errors import TemplateError, WrongMasterKey
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import State
from followup.domain.reasons import Reason
from followup.messages.rendering import RenderedMessage, render_message
from followup.messages.words_digest import (
    SALT_COLUMN,
    canonical_words,
    new_salt,
    words_digest,
)
from followup.patients.records import column, needs_of
from followup.providers.interface import Channel, Outgoing
from followup.routing.accounts import sender_of
from followup.sending.eligibility import SendRow, address_of
from followup.store.audit_log import AuditContext
from followup.store.encryption.columns import PAGE_TOKEN_COLUMN
from followup.store.encryption.sealing import Sealer
from followup.store.engine.types import new_id
from followup.store.message_state import move_messages
from followup.worklist.items import NewItem, open_item

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedAttempt:
    """An attempt (a row of `attempts`) that may be called, once committed, until `call_before`.

    `channel` is the account that it is for, and no other may be called for it. `digest` binds its
    words to the event that it is sent. `rendered` is when its words were begun and done, as a trace
    has it; zeros where it is not traced.
    """

    attempt: dict[str, object]
    digest: str
    outgoing: Outgoing
    row: SendRow
    channel: Channel
    sender: str
    version: ContentVersion
    call_before: datetime
    rendered: tuple[int, int]


def prepare_attempt(
    unit: UnitOfWork, row: SendRow, *, by_standby: bool = False, release_id: UUID | None = None
) -> StartedAttempt | None:
    """Render one message of `load_for_sending` and return its attempt with the call to make.

    By the first account of its channel, or the second where that one stands in. `release_id` is the
    release by which two people approved its words.

    One that can't be rendered or opened is held, and the operator told: a broken template must not
    stop the others.
    """
    began = unit.app.traces.time(row.id)
    sealer = unit.app.keyring.system
    try:
        sealer = unit.app.keyring.patient(row.data_key, row.master_key_id) or sealer
        words = render_message(
            unit.app,
            row,
            language=row.language,
            page_token=sealer.open_if(row.page_token_sealed, column=PAGE_TOKEN_COLUMN),
            needs=needs_of(row.needs_sealed, sealer),
        )
        address = _address(sealer, row)
    except (TemplateError, WrongMasterKey) as error:
        _hold(unit, row, cause=type(error).__name__)
        return None
    attempt_id = new_id(unit.by.real_at)
    call_before = unit.by.real_at + unit.app.policy.lease
    channel = (unit.app.standby if by_standby else unit.app.channels)[ChannelKind(row.channel)]
    sender = sender_of(unit.app, channel, row.clinic)
    salt = new_salt()
    carried = canonical_words(subject=words.subject, text=words.text, html=words.html)
    return StartedAttempt(
        attempt=_attempt(sealer, row, words, by=unit.by, id_=attempt_id, to=address)
        | _way(channel, sender, call_before=call_before)
        | {
            "release_id": release_id,
            "words_salt_sealed": sealer.seal(salt, column=SALT_COLUMN, row=attempt_id),
        },
        digest=words_digest(salt, carried),
        outgoing=_outgoing(
            unit.app, row, words, by=unit.by, attempt_id=attempt_id, to=address, sender=sender
        ),
        row=row,
        channel=channel,
        sender=sender,
        version=words.version,
        call_before=call_before,
        rendered=(began, unit.app.traces.time(row.id)),
    )


def _address(sealer: Sealer, row: SendRow) -> str:
    sealed, _ = address_of(row)
    assert sealed is not None  # noqa: S101 - `judge` lets no other through
    if row.address_sealed is not None:
        return sealer.open(sealed, column="messages.address")
    sms = row.channel == ChannelKind.SMS.value
    return sealer.open(sealed, column=column("mobile" if sms else "email"))


def _way(channel: Channel, sender: str, *, call_before: datetime) -> dict[str, object]:
    """Return what an attempt keeps of the way it goes, by which it is found again."""
    return {
        "provider": channel.provider,
        "account": channel.account,
        "sender": sender,
        "over_real_at": call_before + channel.longest_call,
    }


def _outgoing(
    app: AppContext,
    row: SendRow,
    words: RenderedMessage,
    *,
    by: AuditContext,
    attempt_id: UUID,
    to: str,
    sender: str,
) -> Outgoing:
    clinic = app.catalogue.clinics[row.clinic]
    sms = row.channel == ChannelKind.SMS.value
    return Outgoing(
        message_id=row.id,
        attempt_id=attempt_id,
        to=to,
        text=words.text,
        subject=words.subject,
        html=words.html,
        sender=sender,
        reply_to=None if sms else clinic.email_reply_to,
        valid_for=app.clock.real_delay(row.not_after - by.at),
        rfc_message_id=app.links.rfc_message_id(row.id),
        return_path=None if sms else app.links.return_path(row.id),
        unsubscribe_url=words.stop_url,
    )


def _attempt(
    sealer: Sealer, row: SendRow, words: RenderedMessage, *, by: AuditContext, id_: UUID, to: str
) -> dict[str, object]:
    return {
        "id": id_,
        "message_id": row.id,
        "number": row.attempt_count + 1,
        "address_sealed": sealer.seal(to, column="attempts.address", row=id_),
        "subject_sealed": sealer.seal_if(words.subject, column="attempts.subject", row=id_),
        "body_sealed": sealer.seal(words.text, column="attempts.body", row=id_),
        "html_sealed": sealer.seal_if(words.html, column="attempts.html", row=id_),
        "content_version": words.version.id,
        "segments": words.size.segments if words.size else None,
        "encoding": words.size.encoding if words.size else None,
        "started_at": by.at,
        "started_real_at": by.real_at,
    }


def _hold(unit: UnitOfWork, row: SendRow, *, cause: str) -> None:
    log.error("message.cannot_be_prepared", message_id=str(row.id), cause=cause)
    move_messages(
        unit.session,
        unit.by,
        [row.id],
        expected=State.CLAIMED,
        to=State.HELD,
        reason=Reason.NEEDS_OPERATOR,
    )
    # One item for all messages with the same fault: the operator mends it once.
    open_item(
        unit,
        NewItem(
            subject=f"set-up:{row.clinic}:{row.template}:{row.language}:{row.channel}:{unit.by.at:%F}",
            kind=ItemKind.SET_UP,
            clinic=row.clinic,
            cause=cause,
            more={"template": row.template, "language": row.language, "channel": row.channel},
        ),
    )
