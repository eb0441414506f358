"""FHIR requests of the inbox: looked at, put right by a person, and worked off again."""

from __future__ import annotations

from followup.context import AppContext, UnitOfWork
from followup.domain.errors import InvalidInput
from followup.domain.sites.site import Site
from followup.intake.feed.formats import NotTaken
from followup.intake.feed.inbox import NewFeedMessage
from followup.intake.feed.outcome import Applied
from followup.intake.fhir.apply import apply_requests, note_people, outcome_of_all
from followup.intake.fhir.json_text import Json, read_json_text
from followup.intake.fhir.refusal import BAD, RefusedRequest, refuse
from followup.intake.fhir.requests import read_bundle
from followup.intake.fhir.take import base_of, message_of
from followup.store.models.feeds import FeedMessage


class FhirFormat:
    """What is kept of FHIR: each request as the transaction that it is."""

    def apply(self, unit: UnitOfWork, row: FeedMessage, content: bytes, site: Site) -> Applied:
        """Apply a request that was kept; raise `NotTaken` for one that is refused."""
        base = base_of(unit.app)
        try:
            with unit.session.begin_nested():
                requests = read_bundle(_bundle(content), base=base)
                taken = apply_requests(unit, requests, site, base=base, message_id=row.id)
        except RefusedRequest as error:
            raise NotTaken(error.reason, told=error.told) from None
        note_people(row, taken)
        return outcome_of_all(taken)

    def note(self, unit: UnitOfWork, row: FeedMessage, content: bytes, site: Site) -> None:
        """Do nothing: what clashes was kept when it was applied."""

    def written(self, text: str, *, encoding: str) -> bytes:
        """Return the bytes of a text that a person has put right."""
        return "\n".join(text.splitlines()).strip().encode(encoding, "replace")

    def checked(
        self, app: AppContext, row: FeedMessage, content: bytes, site: Site
    ) -> NewFeedMessage:
        """Return a request that was put right; raise `InvalidInput` if it would be refused again.

        Whether its references lead somewhere, and its conditions hold, is seen when it is applied.
        """
        try:
            bundle = _bundle(content)
            read_bundle(bundle, base=base_of(app))
        except RefusedRequest as error:
            raise InvalidInput.of("content", error.told) from None
        return message_of(site, content, bundle, source=row.source)


def _bundle(content: bytes) -> Json:
    bundle = read_json_text(content)
    if not isinstance(bundle, dict):
        raise refuse(BAD, "structure", "Bundle", "write an object, in braces")
    return bundle
