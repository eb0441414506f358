"""Bounce intake: mails that came back, matched to the e-mail of ours that they are about.

Anybody may write to the mailbox that bounces come to. A mail moves something only when it holds an
id or a return path that nobody can guess: those who have it were sent that very e-mail, or carried
it. An address and a time prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from email.utils import parseaddr
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.delivery.receipts import take_receipt
from followup.delivery.returned_mail_ledger import (
    LONGEST_WORDS,
    MOST_RECIPIENTS,
    Closing,
    MailContent,
    MailSource,
    NewMail,
    TakenMail,
    candidates,
    close_mail,
    digest_of,
    find_waiting,
    keep_mail,
    settled_before,
)
from followup.domain import actors
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.consent import ObjectionSource
from followup.domain.errors import NotFound
from followup.domain.item_kind import ItemKind
from followup.domain.triage.triage import sort_reply
from followup.messages.fallback import recipient_at_fault
from followup.providers.email.dsn import DSN_DELAYED, DSN_FAILED, RecipientStatus, normal_address
from followup.providers.email.reply_codes import blames_mailbox
from followup.providers.email.returned_mail import (
    ReturnedKind,
    ReturnedMail,
    own_words,
    read_returned_mail,
)
from followup.providers.interface import ProviderReport, ReportedStatus
from followup.store.encryption.sealing import Sealer
from followup.store.models.messages import Attempt, Message
from followup.store.models.patients import Patient
from followup.worklist.items import NewItem, open_item

COMPLAINT = "complaint"
UNKNOWN_CODE = "5.0.0"
NEWS = frozenset({DSN_DELAYED, "delivered", "relayed", "expanded"})
"""Actions (RFC 3464) that end nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """The e-mail of ours that a mail is proved to be about, and whom that went to."""

    clinic: str
    message_id: UUID
    attempt_id: UUID
    account: str
    provider_id: str
    recipient: str | None


def receive_bounce(
    app: AppContext,
    content: bytes,
    *,
    source: MailSource,
    clinic: str | None = None,
    place: str | None = None,
) -> TakenMail:
    """Take in one mail; the same mail twice changes nothing the second time.

    `clinic` is whose e-mails it may be about; None is any. `place` is where it lies in a mailbox.
    Never raises for what a mail says. It is noted in the ledger last: after a crash in between,
    it is taken in again, and nothing happens twice.
    """
    digest = digest_of(content)
    before = settled_before(app, digest, place=place)
    if before is not None:
        return before
    mail = read_returned_mail(content)
    about = _find(app, mail, clinic=clinic)
    status, is_ours = _status_of(mail.statuses, about.recipient if about else None)
    outcome = _outcome(mail, about, status)
    if outcome is TakenMail.BOUNCED and about is not None and status is not None:
        fail_message(app, about, code=status.code, blames_address=is_ours)
    elif outcome is TakenMail.OBJECTED and about is not None:
        take_objection(app, about)
    waits = outcome is TakenMail.UNMATCHED
    told = status or next(iter(mail.statuses), None)
    kept = keep_mail(
        app,
        NewMail(
            digest=digest,
            source=source,
            place=place,
            kind=mail.kind,
            outcome=outcome,
            code=told.code if told and mail.kind is ReturnedKind.REPORT else None,
            clinic=about.clinic if about else clinic or _clinic_of(app, mail),
            attempt_id=about.attempt_id if about else None,
            content=_content(mail) if waits else None,
        ),
    )
    if about is not None and mail.kind is ReturnedKind.OTHER:
        _ask_to_read(app, about, kept, words=mail.text)
    return outcome


def confirm_bounce(app: AppContext, mail_id: UUID, message_id: UUID, *, actor: str) -> None:
    """Let an e-mail fail, or its recipient object, as a person says that a mail is about it.

    Raises `NotFound` for a mail that does not wait, and for an e-mail that it can't be about.
    """
    with app.store.read() as session:
        mail = find_waiting(session, app, mail_id)
        message = next((it for it in candidates(session, app, mail) if it.id == message_id), None)
        attempt = _attempt_of(session, app, message_id)
        if message is None or attempt is None:
            raise NotFound("this e-mail is not one that it can be about: choose again")
        about = _about(session, app, attempt)
    if mail.kind is ReturnedKind.COMPLAINT:
        take_objection(app, about)
    else:
        fail_message(app, about, code=mail.code or UNKNOWN_CODE, blames_address=True)
    close_mail(
        app,
        mail_id,
        as_=Closing.CONFIRMED,
        actor=actor,
        about=message,
        attempt_id=about.attempt_id,
    )


def _ask_to_read(app: AppContext, about: _About, mail_id: UUID, *, words: str) -> None:
    """Put an answer to an e-mail of ours before a person, as a text of that patient's would be.

    It may be anybody's who was sent that e-mail on, and nothing but who reads it depends on it.
    """
    found = sort_reply(app.catalogue.triage, own_words(words)[:LONGEST_WORDS])

    def work(unit: UnitOfWork) -> None:
        message = unit.session.get_one(Message, about.message_id)
        item = NewItem.of_message(message, kind=ItemKind.REPLY, cause=found.gravest.value)
        open_item(
            unit,
            replace(
                item,
                subject=f"returned-mail:{mail_id}",
                urgency=found.urgency,
                more=item.more
                | {"returned_mail": str(mail_id), "classes": [*map(str, found.classes)]},
            ),
        )

    app.transact(actors.PROVIDER, work)


def _outcome(mail: ReturnedMail, about: _About | None, status: RecipientStatus | None) -> TakenMail:
    """Return what a mail comes to; what is only news needs no proof."""
    actions = {one.action for one in mail.statuses}
    if mail.kind is ReturnedKind.AUTOMATIC or (actions and actions <= NEWS):
        return TakenMail.NEWS
    if about is None or mail.kind is ReturnedKind.OTHER:
        return TakenMail.UNMATCHED
    if mail.kind is ReturnedKind.COMPLAINT:
        return TakenMail.OBJECTED
    if status is None or status.action not in {DSN_FAILED, *NEWS}:
        return TakenMail.UNMATCHED
    return TakenMail.BOUNCED if status.action == DSN_FAILED else TakenMail.NEWS


def fail_message(app: AppContext, about: _About, *, code: str, blames_address: bool) -> None:
    """Let an e-mail fail that came back; `blames_address` lets the code blame the address."""
    report = ProviderReport(
        provider_id=about.provider_id,
        status=ReportedStatus.FAILED,
        code=code,
        # What a server writes may hold the address: the code says enough.
        reason="the mail server reported that it was not delivered",
        recipient=blames_address and blames_mailbox(code),
    )
    take_receipt(
        app,
        report,
        provider=app.channels[ChannelKind.EMAIL].provider,
        account=about.account,
        message_id=about.message_id,
        attempt_id=about.attempt_id,
    )


def take_objection(app: AppContext, about: _About) -> None:
    """Take a complaint for what it says: no more e-mails."""
    app.transact(
        actors.PROVIDER,
        lambda unit: recipient_at_fault(
            unit, about.attempt_id, code=COMPLAINT, opted_out=True, source=ObjectionSource.COMPLAINT
        ),
    )


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
    failed = next((one for one in named if one.action == DSN_FAILED), None)
    if failed is not None and not ours and any(one.action != DSN_FAILED for one in named):
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
        attempt = _attempt_of(session, app, known[0]) if len(known) == 1 else None
        return None if attempt is None else _about(session, app, attempt)


def _attempt_of(session: Session, app: AppContext, message_id: UUID) -> Attempt | None:
    """Return the attempt of an e-mail that was taken, else its last."""
    return session.scalars(
        select(Attempt)
        .where(
            Attempt.message_id == message_id,
            Attempt.provider == app.channels[ChannelKind.EMAIL].provider,
        )
        .order_by(Attempt.provider_id.is_(None), Attempt.number.desc())
        .limit(1)
    ).first()


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
    message = session.get_one(Message, attempt.message_id)
    sealer = _sealer(session, app, message)
    address = sealer and sealer.open_if(
        attempt.address_sealed, column="attempts.address", row=attempt.id
    )
    return _About(
        clinic=message.clinic,
        message_id=message.id,
        attempt_id=attempt.id,
        account=attempt.account,
        provider_id=attempt.provider_id or app.links.rfc_message_id(message.id),
        recipient=normal_address(address) if address else None,
    )


def _sealer(session: Session, app: AppContext, message: Message) -> Sealer | None:
    """Return what opens the address of an e-mail: nothing does after an erasure."""
    if message.patient_id is None:
        return app.keyring.system
    patient = session.get_one(Patient, message.patient_id)
    return app.keyring.patient(patient.data_key, patient.master_key_id)


def _clinic_of(app: AppContext, mail: ReturnedMail) -> str | None:
    """Return the clinic whose address a mail came to, or the only one; None where it is unclear."""
    clinics = app.catalogue.clinics
    if len(clinics) == 1:
        return next(iter(clinics))
    came_to = {*map(normal_address, mail.paths)}
    found = [key for key, clinic in clinics.items() if came_to & {*_addresses_of(clinic)}]
    return found[0] if len(found) == 1 else None


def _addresses_of(clinic: Clinic) -> Iterator[str]:
    for written in (clinic.email_from, clinic.email_reply_to):
        if written:
            yield normal_address(parseaddr(written)[1])


def _content(mail: ReturnedMail) -> MailContent:
    """Return what a person is to see. A mail that somebody wrote came from its only address."""
    named = dict.fromkeys(one for status in mail.statuses for one in sorted(status.addresses))
    return MailContent(
        sender=mail.sender,
        subject=mail.subject,
        recipients=[*(named or mail.recipients)][:MOST_RECIPIENTS],
        words=mail.text[:LONGEST_WORDS],
    )


def _own_id(text: str) -> UUID | None:
    """Return the id of a message in a Message-ID of ours, or an envelope's id, else None."""
    try:
        return UUID(text.partition("@")[0])
    except ValueError:
        return None
