"""Review dates in force: when each protocol's source is due, and who may no longer be enrolled."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from followup.catalogue.signers import load_signers
from followup.context import AppContext
from followup.domain.errors import BadSignature, Conflict, InvalidInput
from followup.domain.protocols.protocol import Protocol
from followup.domain.releases.review import (
    ReviewExtension,
    ReviewStage,
    extended,
    new_extension,
    read_extension,
    review_stage,
)
from followup.releases.queries import REVIEW, approved_releases
from followup.releases.sign import Statement
from followup.releases.verify import two_people_of


@dataclass(frozen=True, slots=True)
class Review:
    """When the source of a protocol is due for review at a clinic, and how near that is."""

    clinic: str
    protocol: str
    source: str
    due: date
    stage: ReviewStage


def reviews(session: Session, app: AppContext) -> list[Review]:
    """Return it of every protocol at every clinic, as of today by the clinic's clock."""
    found = _extensions(session, app, app.catalogue.clinics)
    return [
        _review(app, clinic, protocol, found.get((clinic, protocol.key), []))
        for clinic in app.catalogue.clinics
        for protocol in app.catalogue.protocols.values()
    ]


def review_of(session: Session, app: AppContext, clinic: str, protocol: str) -> Review:
    """Return it of one protocol at one clinic."""
    plain = _review(app, clinic, app.catalogue.protocols[protocol], [])
    if plain.stage is not ReviewStage.OVER:
        return plain
    found = _extensions(session, app, [clinic])
    extensions = found.get((clinic, protocol), [])
    return _review(app, clinic, app.catalogue.protocols[protocol], extensions)


def require_enrollable(session: Session, app: AppContext, clinic: str, protocol: str) -> None:
    """Raise `Conflict` where nobody new may be enrolled: past its review date, or an example.

    In live use alone; who is enrolled goes on.
    """
    if not app.policy.live:
        return
    if app.catalogue.protocols[protocol].example:
        raise Conflict(f"protocol {protocol} is an example: no patient can be enrolled on it")
    review = review_of(session, app, clinic, protocol)
    if review.stage is ReviewStage.OVER:
        raise Conflict(
            f"{review.source} was due for review by {review.due:%-d %B %Y}: nobody new can be "
            f"enrolled on {protocol} until two people sign its new version, or a later date"
        )


def extension_statement(
    session: Session, app: AppContext, *, clinic: str, protocol: str, until: date, reason: str
) -> Statement:
    """Return what two people sign to move a review date; raise `InvalidInput` for a wrong one."""
    found = _extensions(session, app, [clinic]).get((clinic, protocol), [])
    review = _review(app, clinic, app.catalogue.protocols[protocol], found)
    extension = new_extension(
        clinic=clinic,
        protocol=protocol,
        source=review.source,
        review_due=review.due,
        until=until,
        reason=reason,
    )
    return Statement(kind=REVIEW, clinic=clinic, protocol=protocol, text=extension.text())


def _review(
    app: AppContext, clinic: str, protocol: Protocol, extensions: list[ReviewExtension]
) -> Review:
    source = protocol.source
    due = extended(source.review_due, source.reference, extensions)
    today = app.clock.now().astimezone(ZoneInfo(app.catalogue.clinics[clinic].zone.key)).date()
    return Review(clinic, protocol.key, source.reference, due, review_stage(due, today))


def _extensions(
    session: Session, app: AppContext, clinics: Collection[str]
) -> dict[tuple[str, str], list[ReviewExtension]]:
    """Return what two people signed, by clinic and protocol; what can't be believed is left out."""
    found: dict[tuple[str, str], list[ReviewExtension]] = {}
    rows = approved_releases(session, clinics, kind=REVIEW)
    signers = load_signers(app.catalogue.folder) if rows else ()
    for row in rows:
        with suppress(BadSignature, InvalidInput, ValueError):
            two_people_of(row, signers)
            extension = read_extension(row.statement)
            if (extension.clinic, extension.protocol) == (row.clinic, row.protocol):
                found.setdefault((row.clinic, row.protocol), []).append(extension)
    return found
