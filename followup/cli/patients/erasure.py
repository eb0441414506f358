"""`followup erasure`: asking for a patient's data to be erased, and deciding it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from followup.cli.framework.boundary import Command, Group, WrongUse
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.registry import new_app
from followup.cli.framework.screen import Column, note, say, say_json, table
from followup.domain.erasure.grounds import ErasureDecision, ErasureGround, RefusalGround
from followup.enrolment.queries import patient_id_of
from followup.erasure.requests import decide_erasure, erasure_requests, propose_erasure
from followup.messages.view import utc_text
from followup.store.models.patients import ErasureRequest
from followup.wording.records.erasure import decision_text, ground_text

HELP = """Erase a patient's data: one proposes, another decides.

Erasing destroys the patient's key and every other copy, cancels what is not sent, and can't be
undone, by a backup neither. The audit trail stays whole. Export first what the record has to keep.
"""

group = new_app(cls=Group, no_args_is_help=True, help=HELP)

Request = Annotated[UUID, typer.Argument(metavar="REQUEST", help="As `erasure list` shows it.")]


@group.command(cls=Command)
def propose(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="As for timeline.")],
    *,
    ground: Annotated[ErasureGround, typer.Option(help="Why it should be erased.")],
    as_json: AsJson = False,
) -> None:
    """Ask for the data of an enrolment's patient to be erased. Nothing is erased yet."""
    with opened() as app:
        patient = patient_id_of(app, identifier)
        request = propose_erasure(app, patient, ground=ground, actor=actor())
    if as_json:
        say_json({"request": str(request)})
        return
    say(f"Proposed. Another person decides: followup erasure decide {request} --erase")


@group.command(cls=Command)
def decide(
    request: Request,
    *,
    erase: Annotated[bool, typer.Option("--erase", help="Erase: this can't be undone.")] = False,
    refuse: Annotated[
        RefusalGround | None, typer.Option(help="Keep the data, for this reason.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide on a request that somebody else made."""
    if erase == (refuse is not None):
        raise WrongUse("give either --erase or --refuse REASON")
    with opened() as app:
        decision = decide_erasure(app, request, actor=actor(), refusal=refuse)
    if as_json:
        say_json({"request": str(request), "decision": decision.value})
    elif decision is ErasureDecision.ERASED:
        say("Erased. What is left tells of nobody.")
    else:
        say("Refused. The data is kept, and so is the reason.")


@group.command("list", cls=Command)
def list_requests(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those decided, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what waits for a decision."""
    with opened() as app, app.store.read() as session:
        found = erasure_requests(session, waiting=not everything)
        if as_json:
            say_json([_as_json(request) for request in found])
            return
        if not found:
            say("No request waits.")
            return
        columns = [
            Column("Request"), Column("Clinic"), Column("Proposed"), Column("Why"), Column("State")
        ]  # fmt: skip
        table(
            columns,
            (
                [
                    str(request.id),
                    request.clinic,
                    f"{utc_text(request.proposed_at)} by {request.proposed_by}",
                    ground_text(request.ground),
                    decision_text(request.decision, request.refusal),
                ]
                for request in found
            ),
        )
    note("Another person decides: followup erasure decide REQUEST")


def _as_json(request: ErasureRequest) -> dict[str, str | None]:
    return {
        "request": str(request.id),
        "patient_id": str(request.patient_id),
        "clinic": request.clinic,
        "ground": request.ground,
        "proposed_at": utc_text(request.proposed_at),
        "proposed_by": request.proposed_by,
        "decided_at": utc_text(request.decided_at) if request.decided_at else None,
        "decided_by": request.decided_by,
        "decision": request.decision,
        "refusal": request.refusal,
    }
