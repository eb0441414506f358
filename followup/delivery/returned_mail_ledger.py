"""Ledger of returned mails: every mail once, what became of it, and what a person is to settle.

The last resort for a mail that proves nothing is its recipient and its time. Both are easily
guessed, so a person looks at what it says and confirms which e-mail it is about.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal_column, select, update
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.channel import ChannelKind
from followup.domain.errors import Conflict, NotFound
from followup.domain.lifecycle import State
from followup.patients.records import address_index
from followup.providers.email.returned_mail import ReturnedKind
from followup.store.audit_log import AuditContext, AuditEntry, record_event
from followup.store.engine.types import new_id
from followup.store.engine.upsert import insert_new
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from followup.store.models.returned_mails import PLACE_LENGTH, ReturnedMail

CONTENT_COLUMN = "returned_mails.content"
MOST_RECIPIENTS = 5
LONGEST_WORDS = 4000
COMES_BACK_WITHIN = timedelta(days=7)
"""Mail systems give up after five days as a rule; some hours more are for their clocks."""
MOST_CANDIDATES = 10
MAILS_A_PAGE = 50
MOST_KEPT = 2000
"""Mails whose words are kept while they wait: whoever floods the mailbox does not fill the disk."""
PLACES_AT_ONCE = 500


class TakenMail(StrEnum):
    """What became of a mail that came back."""

    BOUNCED = "bounced"
    """An e-mail of ours will not arrive."""
    OBJECTED = "objected"
    """Its recipient called an e-mail of ours junk: nothing more goes to that address."""
    NEWS = "news"
    """Nothing to do: a delay, a holiday notice."""
    COPY = "copy"
    """The same mail once more: nothing is done twice."""
    UNMATCHED = "unmatched"
    """It can't be told which e-mail it is about, or what it says of it: a person looks at it."""


class MailSource(StrEnum):
    """By which way a mail came in."""

    HOOK = "hook"
    PIPE = "pipe"
    FILE = "file"
    MAILDIR = "maildir"
    IMAP = "imap"


class Closing(StrEnum):
    """What a person found."""

    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailContent:
    """What a person needs to see of a mail: as it was written, by whoever wrote it."""

    sender: str
    subject: str
    recipients: Sequence[str]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMail:
    """A mail to be kept. `content` is None where nobody has to look at it."""

    digest: bytes
    source: MailSource
    place: str | None
    kind: ReturnedKind
    outcome: TakenMail
    code: str | None
    clinic: str | None
    attempt_id: UUID | None
    content: MailContent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingMail:
    """A mail that a person is to settle."""

    id: UUID
    kind: ReturnedKind
    source: str
    code: str | None
    clinic: str | None
    attempt_id: UUID | None
    received_at: datetime
    content: MailContent


def digest_of(content: bytes) -> bytes:
    """Return what tells a mail from another, however its lines end."""
    return sha256(content.replace(b"\r\n", b"\n")).digest()


def settled_before(app: AppContext, digest: bytes, *, place: str | None) -> TakenMail | None:
    """Return what became of a mail that was taken in; None for a new one, or one that waits still.

    What could not be matched may be by now: a return path was set, a backup restored.
    """
    with app.store.read() as session:
        found = session.execute(
            select(ReturnedMail.outcome, ReturnedMail.place).where(
                ReturnedMail.digest == digest, ~_waits()
            )
        ).first()
    if found is None:
        return None
    if place is not None and found.place != place:
        by = app.by(actors.PROVIDER)
        app.store.transact(lambda session: _note_copy(session, by, digest, place), idempotent=True)
    return TakenMail(found.outcome)


def keep_mail(app: AppContext, mail: NewMail) -> UUID:
    """Note a mail in the ledger, once, and return its id there.

    One that waited and is matched by now waits no more.
    """
    by, row_id = app.by(actors.PROVIDER), new_id(app.clock.real_now())
    has_room = mail.content is not None and _has_room(app)
    content = json.dumps(asdict(mail.content)) if mail.content and has_room else None
    row = {
        "id": row_id,
        "digest": mail.digest,
        "source": mail.source.value,
        "place": mail.place and mail.place[:PLACE_LENGTH],
        "kind": mail.kind.value,
        "outcome": mail.outcome.value,
        "code": mail.code,
        "clinic": mail.clinic,
        "attempt_id": mail.attempt_id,
        "content_sealed": app.keyring.system.seal_if(content, column=CONTENT_COLUMN, row=row_id),
        "received_at": by.at,
        "received_real_at": by.real_at,
    }
    return app.store.transact(lambda session: _keep(session, by, row), idempotent=True)


def _has_room(app: AppContext) -> bool:
    with app.store.read() as session:
        return count_waiting(session) < MOST_KEPT


def _keep(session: Session, by: AuditContext, row: dict[str, Any]) -> UUID:
    if insert_new(session, ReturnedMail, row):
        return UUID(str(row["id"]))
    if row["place"] is not None and not places_taken(session, [row["place"]]):
        _note_copy(session, by, row["digest"], row["place"])
    known = session.scalars(
        select(ReturnedMail.id).where(ReturnedMail.digest == row["digest"])
    ).one()
    if row["outcome"] == TakenMail.UNMATCHED.value:
        return known
    changed = ("outcome", "code", "clinic", "attempt_id", "content_sealed")
    session.execute(
        update(ReturnedMail)
        .where(ReturnedMail.digest == row["digest"], _waits())
        .values({name: row[name] for name in changed})
        .execution_options(synchronize_session=False)
    )
    return known


def _note_copy(session: Session, by: AuditContext, digest: bytes, place: str) -> None:
    """Note that a mail lies at another place too, so that it is not fetched again and again."""
    row = {
        "id": new_id(by.real_at),
        "digest": sha256(digest + place.encode()).digest(),
        "source": MailSource.IMAP.value,
        "place": place[:PLACE_LENGTH],
        "kind": session.scalar(select(ReturnedMail.kind).where(ReturnedMail.digest == digest)),
        "outcome": TakenMail.COPY.value,
        "received_at": by.at,
        "received_real_at": by.real_at,
    }
    insert_new(session, ReturnedMail, row)


def places_taken(session: Session, places: Collection[str]) -> set[str]:
    """Return those of these places whose mail was taken in."""
    taken: set[str] = set()
    waiting = list(places)
    for start in range(0, len(waiting), PLACES_AT_ONCE):
        some = waiting[start : start + PLACES_AT_ONCE]
        query = select(ReturnedMail.place).where(ReturnedMail.place.in_(some))
        taken.update(place for place in session.scalars(query) if place is not None)
    return taken


def count_mails(session: Session) -> dict[str, int]:
    """Return how many mails came in, by what became of them."""
    rows = session.execute(
        select(ReturnedMail.outcome, func.count()).group_by(ReturnedMail.outcome)
    )
    counted = {row[0]: row[1] for row in rows}
    return {one.value: counted.get(one.value, 0) for one in TakenMail}


def count_waiting(session: Session, clinics: Collection[str] | None = None) -> int:
    """Return how many mails wait for a person; `clinics` None are those of all and of none."""
    query = select(func.count()).select_from(ReturnedMail).where(_waits(), *_of(clinics))
    return session.scalar(query) or 0


def waiting_mails(
    session: Session, app: AppContext, clinics: Collection[str] | None, *, page: int = 1
) -> list[WaitingMail]:
    """Return a page of the mails that wait for a person, the longest-waiting first, and one more.

    The one beyond the page says that there is a next one.
    """
    rows = session.scalars(
        select(ReturnedMail)
        .where(_waits(), *_of(clinics))
        .order_by(ReturnedMail.received_real_at, ReturnedMail.id)
        .offset((page - 1) * MAILS_A_PAGE)
        .limit(MAILS_A_PAGE + 1)
    )
    return [_view(app, row) for row in rows]


def find_waiting(session: Session, app: AppContext, mail_id: UUID) -> WaitingMail:
    """Return a mail that waits; raise `NotFound` for one that does not."""
    row = session.scalar(select(ReturnedMail).where(ReturnedMail.id == mail_id, _waits()))
    if row is None:
        message = "there is no such e-mail waiting: somebody has settled it"
        raise NotFound(message)
    return _view(app, row)


def candidates(session: Session, app: AppContext, mail: WaitingMail) -> Sequence[Message]:
    """Return the e-mails that a mail may be about, by recipient and time, the latest first."""
    if mail.kind is ReturnedKind.OTHER:
        return ()
    indexes = [
        address_index(app.keyring.indexes, ChannelKind.EMAIL, address)
        for address in mail.content.recipients
    ]
    query = (
        select(Message)
        .join(Patient, Patient.id == Message.patient_id)
        .where(
            Patient.email_index.in_(indexes),
            Message.channel == ChannelKind.EMAIL.value,
            Message.state.in_([State.SENT.value, State.UNKNOWN.value]),
            Message.state_since >= mail.received_at - COMES_BACK_WITHIN,
        )
        .order_by(Message.state_since.desc(), Message.id.desc())
        .limit(MOST_CANDIDATES)
    )
    if mail.clinic is not None:
        query = query.where(Message.clinic == mail.clinic)
    return session.scalars(query).all()


def close_mail(
    app: AppContext,
    mail_id: UUID,
    *,
    as_: Closing,
    actor: str,
    about: Message | None = None,
    attempt_id: UUID | None = None,
) -> None:
    """Settle a mail, and destroy what was kept of it; raise `Conflict` if somebody was first."""

    def work(unit: UnitOfWork) -> None:
        closed = unit.session.execute(
            update(ReturnedMail)
            .where(ReturnedMail.id == mail_id, _waits())
            .values(
                closed_at=unit.by.at,
                closed_by=actor,
                closed_as=as_.value,
                content_sealed=None,
                attempt_id=attempt_id or ReturnedMail.attempt_id,
            )
            .returning(ReturnedMail.clinic)
            .execution_options(synchronize_session=False)
        ).first()
        if closed is None:
            message = "somebody has settled this e-mail already"
            raise Conflict(message)
        record_event(
            unit.session,
            unit.by,
            AuditEntry(
                action=f"returned-mail.{as_.value}",
                clinic=about.clinic if about else closed.clinic,
                patient_id=about.patient_id if about else None,
                enrolment_id=about.enrolment_id if about else None,
                message_id=about.id if about else None,
                detail={"mail": str(mail_id)},
            ),
        )

    app.transact(actor, work)


def _waits() -> ColumnElement[bool]:
    # Written out, as the partial index has it.
    return (ReturnedMail.outcome == literal_column("'unmatched'")) & ReturnedMail.closed_at.is_(
        None
    )


def _of(clinics: Collection[str] | None) -> list[ColumnElement[bool]]:
    return [] if clinics is None else [ReturnedMail.clinic.in_(clinics)]


def _view(app: AppContext, row: ReturnedMail) -> WaitingMail:
    opened = app.keyring.system.open_if(row.content_sealed, column=CONTENT_COLUMN, row=row.id)
    content = json.loads(opened) if opened else {}
    return WaitingMail(
        id=row.id,
        kind=ReturnedKind(row.kind),
        source=row.source,
        code=row.code,
        clinic=row.clinic,
        attempt_id=row.attempt_id,
        received_at=row.received_at,
        content=MailContent(
            sender=content.get("sender", ""),
            subject=content.get("subject", ""),
            recipients=content.get("recipients", ()),
            words=content.get("words", ""),
        ),
    )
