"""Bounce intake: mails that came back, matched to the e-mail of ours that they are about.

Anybody may write to the mailbox that bounces come to. A mail moves something only when it holds an
id or a return path that nobody can guess: those who have it were sent that very e-mail, or carried
it. An address and a time prove nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.delivery.receipts import take_receipt
from followup.domain.channel import ChannelKind
from followup.messages.fallback import recipient_at_fault
from followup.providers.email.dsn import DELAYED, FAILED, RecipientStatus, normal_address
from followup.providers.email.reply_codes import blames_mailbox
from followup.providers.email.returned_mail import (
    ReturnedKind,
    ReturnedMail,
    read_returned_mail,
)
from followup.providers.interface import ProviderReport, ReportedStatus
from followup.store.encryption.sealing import Sealer
from followup.store.models.messages import Attempt, Message
from followup.store.models.patients import Patient

ACTOR = "provider"
COMPLAINT = "complaint"
NEWS = frozenset({DELAYED, "delivered", "relayed", "expanded"})
"""Actions (RFC 3464) that end nothing."""


class TakenMail(StrEnum):
    """What became of a mail that came back."""

    BOUNCED = "bounced"
    """An e-mail of ours will not arrive."""
    OBJECTED = "objected"
    """Its recipient called an e-mail of ours junk: nothing more goes to that address."""
    NEWS = "news"
    """Nothing to do: a delay, a holiday notice."""
    UNMATCHED = "unmatched"
    """It can't be told which e-mail it is about, or what it says of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """The e-mail of ours that a mail is proved to be about, and whom that went to."""

    message_id: UUID
    attempt_id: UUID
    account: str
    provider_id: str
    recipient: str | None


def receive_bounce(app: AppContext, content: bytes, *, clinic: str | None = None) -> TakenMail:
    """Take in one mail; the same mail twice changes nothing the second time.

    `clinic` is whose e-mails it may be about; None is any. Never raises for what a mail says.
    """
    mail = read_returned_mail(content)
    if mail.kind is ReturnedKind.AUTOMATIC:
        return TakenMail.NEWS
    about = _find(app, mail, clinic=clinic)
    if about is None or mail.kind is ReturnedKind.OTHER:
        return TakenMail.UNMATCHED
    if mail.kind is ReturnedKind.COMPLAINT:
        return _object(app, about)
    return _report(app, about, mail.statuses)


def _report(app: AppContext, about: _About, statuses: Sequence[RecipientStatus]) -> TakenMail:
    """Let the e-mail fail if that is what is said of its recipient, whatever of others."""
    status, is_ours = _status_of(statuses, about.recipient)
    if status is None:
        return TakenMail.UNMATCHED
    if status.action != FAILED:
        return TakenMail.NEWS if status.action in NEWS else TakenMail.UNMATCHED
    report = ProviderReport(
        provider_id=about.provider_id,
        status=ReportedStatus.FAILED,
        code=status.code,
        # What a server writes may hold the address: the code says enough.
        reason="the mail server reported that it was not delivered",
        recipient=is_ours and blames_mailbox(status.code),
    )
    take_receipt(
        app,
        report,
        provider=app.channels[ChannelKind.EMAIL].provider,
        account=about.account,
        message_id=about.message_id,
        attempt_id=about.attempt_id,
    )
    return TakenMail.BOUNCED


def _object(app: AppContext, about: _About) -> TakenMail:
    app.transact(
        ACTOR,
        lambda unit: recipient_at_fault(
            unit, about.attempt_id, code=COMPLAINT, opted_out=True, source=COMPLAINT
        ),
    )
    return TakenMail.OBJECTED


def _status_of(
    statuses: Sequence[RecipientStatus], recipient: str | None
) -> tuple[RecipientStatus | None, bool]:
    """Return what is said of our recipient, and whether it is their address that it is said of.

    An e-mail of ours has one recipient. A server may name the mailbox that it was passed on to:
    then it did not arrive, but nothing is known of the address that we wrote to. What is said of
    several, none of them ours, counts where all fared alike.
    """
    ours = [one for one in statuses if not one.addresses or recipient in one.addresses]
    named = ours or statuses
    failed = next((one for one in named if one.action == FAILED), None)
    if failed is not None and not ours and any(one.action != FAILED for one in named):
        return None, False
    return failed or next(iter(named), None), bool(ours)


def _find(app: AppContext, mail: ReturnedMail, *, clinic: str | None) -> _About | None:
    """Return the one e-mail that everything in a mail which proves something points to."""
    provider = app.channels[ChannelKind.EMAIL].provider
    with app.store.read() as session:
        named = _message_ids(session, app, mail, provider=provider)
        query = select(Message.id).where(
            Message.id.in_(named), Message.channel == ChannelKind.EMAIL.value
        )
        if clinic is not None:
            query = query.where(Message.clinic == clinic)
        known = session.scalars(query).all()
        if len(known) != 1:
            return None
        attempt = session.scalars(
            select(Attempt)
            .where(Attempt.message_id == known[0], Attempt.provider == provider)
            # The one that was taken, else the last.
            .order_by(Attempt.provider_id.is_(None), Attempt.number.desc())
            .limit(1)
        ).first()
        return None if attempt is None else _about(session, app, attempt)


def _message_ids(
    session: Session, app: AppContext, mail: ReturnedMail, *, provider: str
) -> set[UUID]:
    """Return the ids in a mail that are those of messages, by how they are written."""
    by_return_path = map(app.links.message_of_return_path, mail.paths)
    ours = {*filter(None, by_return_path), *filter(None, map(_own_id, mail.ids))}
    written = [f"<{one}>" for one in mail.ids] + list(mail.ids)
    ours |= set(
        session.scalars(
            select(Attempt.message_id).where(
                Attempt.provider == provider, Attempt.provider_id.in_(written)
            )
        )
    )
    return ours


def _about(session: Session, app: AppContext, attempt: Attempt) -> _About:
    sealer = _sealer(session, app, attempt)
    address = sealer and sealer.open_if(
        attempt.address_sealed, column="attempts.address", row=attempt.id
    )
    return _About(
        message_id=attempt.message_id,
        attempt_id=attempt.id,
        account=attempt.account,
        provider_id=attempt.provider_id or app.links.rfc_message_id(attempt.message_id),
        recipient=normal_address(address) if address else None,
    )


def _sealer(session: Session, app: AppContext, attempt: Attempt) -> Sealer | None:
    """Return what opens an attempt's address: nothing does after an erasure."""
    patient_id = session.scalar(select(Message.patient_id).where(Message.id == attempt.message_id))
    if patient_id is None:
        return app.keyring.system
    patient = session.get_one(Patient, patient_id)
    return app.keyring.patient(patient.data_key, patient.master_key_id)


def _own_id(text: str) -> UUID | None:
    """Return the id of a message in a Message-ID of ours, or an envelope's id, else None."""
    try:
        return UUID(text.partition("@")[0])
    except ValueError:
        return None
