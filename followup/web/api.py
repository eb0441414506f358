"""JSON API: enrolments and their messages, for the systems of a clinic."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from followup.consent.in_force import objection_to_enrolment
from followup.context import AppContext
from followup.domain.errors import InvalidInput, NotFound
from followup.domain.lifecycle import State
from followup.domain.protocols.repetition import RepetitionChoice, parse_keys
from followup.enrolment.enrol import message_rows
from followup.enrolment.enrol_or_update import enrol_or_update
from followup.enrolment.objections import objection_json
from followup.enrolment.pause import pause_enrolment, resume_enrolment
from followup.enrolment.reschedule import reschedule
from followup.enrolment.withdraw import withdraw_enrolment
from followup.intake.json_shapes import EnrolmentShape, to_request
from followup.messages.queries import MessageFilter, message_page
from followup.messages.view import message_views, utc_text
from followup.monitoring.message_balance import Scope, balance
from followup.staff.api_keys import ApiClient
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from followup.web.answers import (
    BalanceAnswer,
    ChangedAnswer,
    ConflictAnswer,
    EnrolledAnswer,
    EnrolmentAnswer,
    ErrorAnswer,
    MessagesAnswer,
    MovedAnswer,
    ProblemAnswer,
)
from followup.web.caller import (
    Caller,
    EnrolmentBody,
    ReschedulingBody,
    ReschedulingShape,
    WithdrawalBody,
    WithdrawalShape,
    describes,
)
from followup.web.paging import parse_cursor, parse_since, parse_states, write_cursor
from followup.web.site import Here
from followup.wording.enrolments import HELD

API_PATH = "/api/v1"
PAGE_SIZE = 100
LONGEST_PAGE = 500

Answers = dict[int | str, dict[str, Any]]

ALWAYS: Answers = {
    401: {"model": ErrorAnswer, "description": "There is no such key, or it was revoked."},
    503: {"model": ErrorAnswer, "description": "The database is away: try again."},
}
UNREADABLE: Answers = {
    400: {"model": ErrorAnswer, "description": "The body is not JSON."},
    413: {"description": "The body is too large."},
    415: {"model": ErrorAnswer, "description": "The body is not sent as application/json."},
}
UNUSABLE: Answers = {
    422: {"model": list[ProblemAnswer], "description": "Every field that can't be used."}
}
ABSENT: Answers = {404: {"model": ErrorAnswer, "description": "There is no such enrolment."}}
CLASH: Answers = {409: {"model": ConflictAnswer, "description": "It clashes with what is there."}}

router = APIRouter(prefix=API_PATH, responses=ALWAYS)

Id = Annotated[str, Path(description="The enrolment's id.", json_schema_extra={"format": "uuid"})]


@router.post(
    "/enrolments",
    summary="Enrol a patient",
    status_code=201,
    response_model=EnrolledAnswer,
    response_description="The patient is enrolled.",
    responses={
        200: {
            "model": EnrolledAnswer,
            "description": "It was there, under this reference, and is as it was sent.",
        },
        **UNREADABLE,
        **UNUSABLE,
        **CLASH,
    },
    openapi_extra=describes(EnrolmentShape),
)
def post_enrolment(site: Here, caller: Caller, sent: EnrolmentBody) -> JSONResponse:
    """Enrol a patient, once per `reference`; `on_conflict` says what to do with other content."""
    if not caller.may_see(sent.clinic):
        raise InvalidInput.of("clinic", f"this key is for the clinic {caller.clinic} alone")
    enrolled = enrol_or_update(
        site.app,
        to_request(site.app, sent),
        actor=caller.actor,
        on_conflict=sent.on_conflict,
    )
    return JSONResponse(
        {
            **_enrolment(site.app, caller, str(enrolled.enrolment_id)),
            "updated": list(enrolled.updated),
            "reopened": enrolled.reopened,
            "held": HELD if enrolled.held else None,
            "joined": [each.as_json() for each in enrolled.joined],
        },
        status_code=201 if enrolled.created else 200,
        headers={"Location": f"{API_PATH}/enrolments/{enrolled.enrolment_id}"},
    )


@router.get(
    "/enrolments/{enrolment_id}",
    summary="Look at an enrolment",
    response_model=EnrolmentAnswer,
    responses={**ABSENT, **UNUSABLE},
)
def get_enrolment(site: Here, caller: Caller, enrolment_id: Id) -> JSONResponse:
    """Return an enrolment and all its messages."""
    return JSONResponse(_enrolment(site.app, caller, enrolment_id))


@router.post(
    "/enrolments/{enrolment_id}/reschedule",
    summary="Change the procedure's time",
    response_model=MovedAnswer,
    responses={**UNREADABLE, **ABSENT, **UNUSABLE, **CLASH},
    openapi_extra=describes(ReschedulingShape),
)
def post_reschedule(
    site: Here, caller: Caller, enrolment_id: Id, sent: ReschedulingBody
) -> JSONResponse:
    """Plan anew for another time; `changed` messages are planned.

    What was sent before the time that it belongs to now is given again, and so is what was never
    confirmed as delivered: `repeated` and `not_repeated` say which, and why.
    """
    found = _visible(site.app, caller, enrolment_id)
    choice = RepetitionChoice(
        again=parse_keys(sent.again, option="again"),
        not_again=parse_keys(sent.not_again, option="not_again"),
        correction=sent.correction,
    )
    planned = reschedule(site.app, found, sent.procedure_at, actor=caller.actor, choice=choice)
    enrolment = _enrolment(site.app, caller, enrolment_id)
    with site.app.store.read() as session:
        zone = ZoneInfo(_find(session, caller, enrolment_id).zone)
    before = planned.told_of_before(zone)
    return JSONResponse({**enrolment, "changed": len(planned.timeline), **before})


@router.post(
    "/enrolments/{enrolment_id}/withdraw",
    summary="End an enrolment",
    response_model=ChangedAnswer,
    responses={**UNREADABLE, **ABSENT, **UNUSABLE, **CLASH},
    openapi_extra=describes(WithdrawalShape),
)
def post_withdraw(
    site: Here, caller: Caller, enrolment_id: Id, sent: WithdrawalBody
) -> JSONResponse:
    """End an enrolment; `changed` messages were not sent yet and are cancelled."""
    found = _visible(site.app, caller, enrolment_id)
    cancelled = withdraw_enrolment(
        site.app, found, reason=sent.reason, actor=caller.actor, deceased=sent.deceased
    )
    return _changed(site.app, caller, enrolment_id, cancelled)


@router.post(
    "/enrolments/{enrolment_id}/pause",
    summary="Hold what is not sent yet",
    response_model=ChangedAnswer,
    responses={**ABSENT, **UNUSABLE, **CLASH},
)
def post_pause(site: Here, caller: Caller, enrolment_id: Id) -> JSONResponse:
    """Hold every message that is not sent yet. Their windows go on running out."""
    held = pause_enrolment(site.app, _visible(site.app, caller, enrolment_id), actor=caller.actor)
    return _changed(site.app, caller, enrolment_id, held)


@router.post(
    "/enrolments/{enrolment_id}/resume",
    summary="Let messages go again",
    response_model=ChangedAnswer,
    responses={**ABSENT, **UNUSABLE, **CLASH},
)
def post_resume(site: Here, caller: Caller, enrolment_id: Id) -> JSONResponse:
    """Let the messages of a paused enrolment go again that are still of use."""
    useful = resume_enrolment(
        site.app, _visible(site.app, caller, enrolment_id), actor=caller.actor
    )
    return _changed(site.app, caller, enrolment_id, useful)


@router.get(
    "/messages",
    summary="Go through messages",
    response_model=MessagesAnswer,
    responses=UNUSABLE,
)
def get_messages(  # noqa: PLR0917 - FastAPI calls it by keyword
    site: Here,
    caller: Caller,
    state: Annotated[
        list[str],
        Query(description="One or more.", json_schema_extra={"items": {"enum": [*State]}}),
    ] = [],  # noqa: B006 - FastAPI copies it
    since: Annotated[
        str | None,
        Query(description="Due then or later.", json_schema_extra={"format": "date-time"}),
    ] = None,
    cursor: Annotated[
        str | None, Query(description="The `next_cursor` of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = PAGE_SIZE,
) -> JSONResponse:
    """Return messages in the order they fall due, a page at a time."""
    wanted = MessageFilter(
        states=parse_states(state),
        clinic=caller.clinic,
        since=parse_since(since),
        after=parse_cursor(cursor),
        unrestricted=True,
    )
    with site.app.store.read() as session:
        found = message_page(session, wanted, limit=limit + 1)
        told = [view.as_json() for view in message_views(session, site.app, found[:limit])]
    last = found[limit - 1] if len(found) > limit else None
    return JSONResponse(
        {
            "messages": told,
            "next_cursor": write_cursor((last.due_at, last.id)) if last else None,
        }
    )


@router.get("/balance", summary="Account for what fell due", response_model=BalanceAnswer)
def get_balance(site: Here, caller: Caller) -> JSONResponse:
    """Return how the messages that have fallen due stand."""
    return JSONResponse(balance(site.app, Scope(clinic=caller.clinic)).as_dict())


def _visible(app: AppContext, caller: ApiClient, enrolment_id: str) -> UUID:
    """Return the id if the caller may see that enrolment; raise `NotFound` as if it were not."""
    with app.store.read() as session:
        return _find(session, caller, enrolment_id).id


def _find(session: Session, caller: ApiClient, enrolment_id: str) -> Enrolment:
    try:
        found = session.get(Enrolment, UUID(enrolment_id))
    except ValueError:
        found = None
    if found is None or not caller.may_see(found.clinic):
        raise NotFound("there is no enrolment with this id that this key may see")
    return found


def _enrolment(app: AppContext, caller: ApiClient, enrolment_id: str) -> dict[str, Any]:
    with app.store.read() as session:
        found = _find(session, caller, enrolment_id)
        restricted = session.get_one(Patient, found.patient_id).restricted_at is not None
        objection = None if restricted else objection_to_enrolment(session, found)
        rows = [] if restricted else message_rows(session, found.id)
        messages = message_views(session, app, rows)
        return {
            "enrolment_id": str(found.id),
            "patient_id": str(found.patient_id),
            "goes_on_in": str(found.merged_into) if found.merged_into else None,
            "clinic": found.clinic,
            "protocol": found.protocol,
            "reference": None if restricted else found.reference,
            "restricted": restricted,
            "state": found.state,
            "procedure_at": utc_text(found.procedure_at),
            "attributes": {} if restricted else found.attributes,
            "channels": found.channels,
            "generation": found.generation,
            "objection": objection_json(objection, ZoneInfo(found.zone)) if objection else None,
            "messages": [message.as_json() for message in messages],
        }


def _changed(app: AppContext, caller: ApiClient, enrolment_id: str, changed: int) -> JSONResponse:
    return JSONResponse({**_enrolment(app, caller, enrolment_id), "changed": changed})
