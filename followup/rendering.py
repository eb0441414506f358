"""The words of one message for one patient, and the version of the template that they came from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.content import ContentVersion, Form
from followup.domain.channel import ChannelKind
from followup.domain.errors import TemplateError
from followup.domain.sms import SmsSize
from followup.kit import Kit
from followup.store.inserting import insert_new
from followup.store.models import ContentVersion as StoredVersion
from followup.store.models import Message
from followup.store.types import AnyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a patient gets, complete. `size` is for texts, `subject` and `html` for e-mails."""

    text: str
    subject: str | None
    html: str | None
    size: SmsSize | None
    version: ContentVersion
    stop_url: str | None


def render(kit: Kit, row: AnyRow | Message, *, language: str | None) -> Words:
    """Return the words of a message row as they stand now, or raise `TemplateError`."""
    clinic = kit.catalogue.clinics.get(row.clinic)
    if clinic is None:
        message = f"the clinic {row.clinic} is no longer configured; put its file back"
        raise TemplateError(message)
    channel = ChannelKind(row.channel)
    stop_url = _stop_url(kit, row.patient_id) if channel is ChannelKind.EMAIL else None
    rendered = kit.content.render(
        row.template,
        language=language or clinic.languages[0],
        channel=channel,
        clinic=clinic,
        occurrence=row.occurrence,
        form=Form(asks_reply=row.answer_wait is not None),
        extra={"stop_url": stop_url} if stop_url else {},
    )
    return Words(
        text=rendered.text,
        subject=rendered.subject,
        html=rendered.html,
        size=rendered.size,
        version=rendered.version,
        stop_url=stop_url,
    )


def _stop_url(kit: Kit, patient_id: UUID | None) -> str | None:
    return None if patient_id is None else kit.links.stop_url(patient_id)


def remember_versions(
    session: Session, versions: Collection[ContentVersion], *, at: datetime
) -> None:
    """Keep template versions exactly as they are, the first time that they are sent by."""
    by_id = {version.id: version for version in versions}
    known = set(session.scalars(select(StoredVersion.id).where(StoredVersion.id.in_(by_id))))
    for new in sorted(by_id.keys() - known):
        _remember(session, by_id[new], at=at)


def _remember(session: Session, version: ContentVersion, *, at: datetime) -> None:
    approved = version.approved
    insert_new(
        session,
        StoredVersion,
        {
            "id": version.id,
            "template": version.template,
            "language": version.language,
            "channel": version.channel.value,
            "sources": dict(version.sources),
            "approval": {
                "standing": version.standing.value,
                "by_role": approved.by_role if approved else None,
                "on": approved.on.isoformat() if approved else None,
            },
            "first_used_at": at,
        },
    )
