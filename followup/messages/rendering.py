"""Message rendering: the words for one patient, and their content version."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.catalogue.bank_holidays import office_is_open
from followup.content.handbook import ContentContext
from followup.content.library import PAGE_TOKEN, Form
from followup.content.phrases import is_phrase, ring_at_text
from followup.content.version import ContentVersion
from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.errors import TemplateError
from followup.domain.message_kind import MessageKind
from followup.domain.needs import ReadingNeed
from followup.domain.text.sms import SmsSize
from followup.messages.verification_code import code_of
from followup.store.engine.upsert import insert_new
from followup.store.models.messages import ContentVersion as StoredVersion

SOME_TOKEN = "x" * PAGE_TOKEN


class Renderable(Protocol):
    """What the words of a message are made from: a row that is to be sent, or the message."""

    @property
    def id(self) -> UUID: ...

    @property
    def kind(self) -> str: ...

    @property
    def clinic(self) -> str: ...

    @property
    def patient_id(self) -> UUID | None: ...

    @property
    def template(self) -> str: ...

    @property
    def protocol(self) -> str | None: ...

    @property
    def words_of(self) -> str | None: ...

    @property
    def step(self) -> str: ...

    @property
    def occurrence(self) -> int: ...

    @property
    def occurrences(self) -> int | None: ...

    @property
    def channel(self) -> str: ...

    @property
    def answer_wait(self) -> int | None: ...

    @property
    def not_after(self) -> datetime: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedMessage:
    """What a patient gets, complete. `size` is for texts, `subject` and `html` for e-mails."""

    text: str
    subject: str | None
    html: str | None
    size: SmsSize | None
    version: ContentVersion
    stop_url: str | None


def render_message(
    app: AppContext,
    row: Renderable,
    *,
    language: str | None,
    page_token: str | None = SOME_TOKEN,
    needs: frozenset[ReadingNeed] = frozenset(),
) -> RenderedMessage:
    """Return the words of a message row as they stand now, or raise `TemplateError`.

    Words that are not approved in the patient's language stand in the clinic's first one. Without
    the `page_token` of the patient, one of the same length stands in; None leaves the link out.
    """
    clinic = app.catalogue.clinics.get(row.clinic)
    if clinic is None:
        message = f"the clinic {row.clinic} is no longer configured; put its file back"
        raise TemplateError(message)
    channel, protocol = ChannelKind(row.channel), row.protocol or row.words_of
    stop_url = _stop_url(app, row.patient_id) if channel is ChannelKind.EMAIL else None
    spoken = app.content.language_for(
        row.template, wanted=language, channel=channel, clinic=clinic, protocol=protocol
    )
    rendered = app.content.render(
        row.template,
        language=spoken,
        channel=channel,
        clinic=clinic,
        protocol=protocol,
        occurrence=row.occurrence,
        occurrences=occurrences_of(app, row),
        form=Form(
            asks_reply=row.answer_wait is not None,
            large_print=channel is ChannelKind.EMAIL and ReadingNeed.LARGE_PRINT in needs,
            office_open=_office_open(app, row, clinic),
            ring_at=_ring_at(row, clinic, spoken),
        ),
        extra=_own(app, row, stop_url=stop_url, page_token=page_token),
    )
    return RenderedMessage(
        text=rendered.text,
        subject=rendered.subject,
        html=rendered.html,
        size=rendered.size,
        version=rendered.version,
        stop_url=stop_url,
    )


class Occurring(Protocol):
    """What says how often a message comes: a row, or the message."""

    @property
    def kind(self) -> str: ...

    @property
    def protocol(self) -> str | None: ...

    @property
    def step(self) -> str: ...

    @property
    def occurrences(self) -> int | None: ...


def occurrences_of(app: ContentContext, row: Occurring) -> int:
    """Return how often the step of a message was planned; 0 where that can't be known any more.

    Rows of before that was kept go by the protocol as it is now.
    """
    if row.occurrences is not None:
        return row.occurrences
    if row.kind != MessageKind.ADVICE:
        return 1
    protocol = app.catalogue.protocols.get(row.protocol or "")
    steps = protocol.steps if protocol else ()
    return next((len(step.occurrences) for step in steps if step.key == row.step), 0)


def _office_open(app: AppContext, row: Renderable, clinic: Clinic) -> bool:
    # Advice does not depend on the hour; an answer names whom to ring now.
    return row.kind != MessageKind.REPLY or office_is_open(clinic, app.clock.now())


def _ring_at(row: Renderable, clinic: Clinic, language: str) -> str | None:
    # A phrase that names the time of a call is of use until then, and no longer.
    if not is_phrase(row.template):
        return None
    return ring_at_text(row.not_after, zone=clinic.zone, language=language)


def _own(
    app: AppContext, row: Renderable, *, stop_url: str | None, page_token: str | None
) -> dict[str, str]:
    """Return the patient's own addresses, or the code of a test text.

    Answers to texts have no page, for they may be anyone's. The link is left out where patients
    can't reach this server.
    """
    if row.kind == MessageKind.CHECK:
        return {"code": code_of(app.keyring.indexes, row.id)}
    found = {"stop_url": stop_url} if stop_url else {}
    if app.public_url is not None and page_token is not None and row.kind == MessageKind.ADVICE:
        found["page_url"] = app.links.page_url(page_token)
    return found


def _stop_url(app: AppContext, patient_id: UUID | None) -> str | None:
    return None if patient_id is None else app.links.stop_url(patient_id)


def remember_versions(
    session: Session, versions: Collection[ContentVersion], *, at: datetime
) -> None:
    """Keep template versions exactly as they are, the first time that they are sent by."""
    by_id = {version.id: version for version in versions}
    known = set(session.scalars(select(StoredVersion.id).where(StoredVersion.id.in_(by_id))))
    for new in sorted(by_id.keys() - known):
        _remember(session, by_id[new], at=at)


def _remember(session: Session, version: ContentVersion, *, at: datetime) -> None:
    insert_new(
        session,
        StoredVersion,
        {
            "id": version.id,
            "template": version.template,
            "language": version.language,
            "channel": version.channel.value,
            "sources": dict(version.sources),
            "approval": {"standing": version.standing.value},
            "first_used_at": at,
        },
    )
