"""Takes in FHIR resources: applied, put into the ledger and answered in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import structlog

from followup.context import AppContext, UnitOfWork
from followup.domain.sites.site import Site
from followup.fhir import BASE
from followup.intake.feed.inbox import (
    FeedState,
    NewFeedMessage,
    earlier_row,
    keep_message,
    row_for,
)
from followup.intake.feed.outcome import Applied
from followup.intake.fhir import FEED
from followup.intake.fhir.apply import apply_requests, note_people, outcome_of_all
from followup.intake.fhir.json_text import Json
from followup.intake.fhir.refusal import RefusedRequest
from followup.intake.fhir.requests import FhirRequest, in_its_own_words, read_bundle
from followup.intake.fhir.resources import lock_keys
from followup.intake.fhir.versions import TakenResource
from followup.store.models.feeds import FeedMessage

ENCODING = "utf-8"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirClient:
    """Whoever sends: the API key, by its name, as the audit trail has it, and for which site."""

    name: str
    actor: str
    site: Site


def site_of_key(app: AppContext, key: str) -> Site | None:
    """Return the site whose file says that this API key sends for it."""
    return next(
        (site for site in app.catalogue.sites.values() if site.fhir and key in site.fhir.keys),
        None,
    )


def base_of(app: AppContext) -> str:
    """Return the address below which our resources are."""
    return f"{app.links.public_url}{BASE}"


def take_transaction(
    app: AppContext, client: FhirClient, bundle: Json, *, single: bool = False, batch: bool = False
) -> list[TakenResource]:
    """Apply a transaction whole, and return what came of each entry.

    Raises `RefusedRequest`: then nothing was applied, and the ledger has what was refused. With
    `batch` it is one entry of one, and can't refer to others.
    """
    message = _message(client.site, bundle, source=client.name)
    try:
        requests = read_bundle(bundle, base=base_of(app), single=single)
        taken = app.transact(
            client.actor,
            lambda unit: _take(unit, client.site, requests, message, batch=batch),
            idempotent=True,
        )
    except RefusedRequest as error:
        keep_message(app, replace(message, refusal=(error.reason, None), told=error.told))
        log.info("fhir.refused", site=client.site.key, status=error.status)
        raise
    log.info("fhir.taken", site=client.site.key, entries=len(taken))
    return taken


def _take(
    unit: UnitOfWork,
    site: Site,
    requests: Sequence[FhirRequest],
    message: NewFeedMessage,
    *,
    batch: bool,
) -> list[TakenResource]:
    # Of the same words at once, the later see what came of the first.
    lock_keys(unit, [sha256(message.content).digest()])
    earlier = earlier_row(unit.session, message)
    was_refused = earlier is not None and earlier.state == FeedState.REFUSED.value
    row = earlier if earlier is not None and was_refused else row_for(unit, message)
    base = base_of(unit.app)
    taken = apply_requests(unit, requests, site, base=base, message_id=row.id, is_batch=batch)
    if earlier is not None and not any(each.changed for each in taken):
        # It was taken in before: whoever sent it did not hear of that.
        earlier.repeats += 1
        if not was_refused:
            return taken
    if earlier is not None and not was_refused:
        # The same words again, and they say something new by now.
        row.control_id = f"{message.control_id}-{earlier.repeats + 2}-{row.id.hex[-6:]}"
    unit.session.add(row)
    note_people(row, taken)
    settle_row(unit, row, outcome_of_all(taken))
    return taken


def settle_row(unit: UnitOfWork, row: FeedMessage, applied: Applied) -> None:
    """Write into the ledger what came of a message."""
    row.state, row.reason, row.told, row.place = applied.state.value, applied.code, None, None
    row.clinic, row.patient_id = applied.clinic, applied.patient_id
    row.enrolment_id, row.settled_at = applied.enrolment_id, unit.by.at
    unit.session.flush()


def _message(site: Site, bundle: Json, *, source: str) -> NewFeedMessage:
    # As a person may have to read it.
    content = json.dumps(bundle, ensure_ascii=False, indent=1).encode(ENCODING, "replace")
    return message_of(site, content, bundle, source=source)


def message_of(site: Site, content: bytes, bundle: Json, *, source: str) -> NewFeedMessage:
    """Return what the inbox keeps of a request. FHIR gives messages no id: their words are it."""
    return NewFeedMessage(
        feed=FEED,
        site=site.key,
        source=source,
        control_id=sha256(content).hexdigest()[:32],
        event=in_its_own_words(bundle),
        content=content,
        encoding=ENCODING,
    )
