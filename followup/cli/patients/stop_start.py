"""`followup stop`, `start` and `objections`: opt-outs that patients tell staff."""

from __future__ import annotations

from typing import Annotated

import typer

from followup.cli.framework.choices import among
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson, Identifier
from followup.cli.framework.screen import Column, say, say_json, say_lines, table
from followup.consent.objections import lift_objection, lodge_objection
from followup.consent.queries import ObjectionView, list_objections
from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.consent import ObjectionSource
from followup.enrolment.queries import find_enrolment, patient_of
from followup.enrolment.reschedule import plan_again
from followup.messages.view import utc_text
from followup.wording.channels import covered_text
from followup.wording.formats import capital

OneChannel = Annotated[
    str | None,
    typer.Option("--channel", metavar="CHANNEL", help="Only this one, sms or email; else both."),
]


def stop(identifier: Identifier, *, channel: OneChannel = None, as_json: AsJson = False) -> None:
    """Record that a patient wants no more messages.

    It holds for every enrolment of theirs, later ones too, until they say otherwise. What is not
    sent yet is cancelled. The audit trail keeps who recorded it.
    """
    kind = _kind(channel)
    with opened() as app:

        def work(unit: UnitOfWork) -> bool:
            patient = patient_of(unit.session, find_enrolment(unit.session, identifier))
            source = ObjectionSource.STAFF
            return lodge_objection(
                unit.session, unit.by, patient=patient, channel=kind, source=source
            )

        is_new = app.transact(actor(), work)
        listed = _objections_of(app, identifier)
    if as_json:
        say_json({"lodged": is_new, "objections": [_as_json(view) for view in listed]})
        return
    what = capital(covered_text(kind))
    say(f"{what} stopped." if is_new else f"{what} were stopped before.")


def start(identifier: Identifier, *, channel: OneChannel = None, as_json: AsJson = False) -> None:
    """Restart the messages of a patient.

    Only at the patient's own word. What the objection cancelled is planned again, if it is still
    to come and was not received before.
    """
    kind = _kind(channel)
    with opened() as app:

        def work(unit: UnitOfWork) -> tuple[int, int]:
            patient = patient_of(unit.session, find_enrolment(unit.session, identifier))
            lifted = lift_objection(
                unit.session,
                unit.by,
                patient=patient,
                source=ObjectionSource.STAFF,
                channel=kind,
            )
            again = plan_again(unit, patient_id=patient.id) if lifted else 0
            return lifted, again

        lifted, again = app.transact(actor(), work)
        listed = _objections_of(app, identifier)
    if as_json:
        say_json(
            {
                "lifted": lifted,
                "planned_again": again,
                "objections": [_as_json(view) for view in listed],
            }
        )
        return
    if not lifted:
        say("Messages were not stopped.")
        return
    say(f"Messages restarted. Planned again: {again}.")


def objections(
    identifier: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="Only those of the patient of this enrolment."),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those that were lifted, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the opt-outs of patients.

    JSON is one object a line.
    """
    with opened() as app, app.store.read() as session:
        patient_id = find_enrolment(session, identifier).patient_id if identifier else None
        listed = list_objections(session, patient_id=patient_id, with_lifted=everything)
    if as_json:
        say_lines(_as_json(view) for view in listed)
    elif listed:
        _show(listed)
    else:
        say("There are none.")


def _kind(channel: str | None) -> ChannelKind | None:
    chosen = among(ChannelKind, [channel or ""], option="--channel")
    return chosen[0] if len(chosen) == 1 else None


def _objections_of(app: AppContext, identifier: str) -> list[ObjectionView]:
    with app.store.read() as session:
        return list_objections(session, patient_id=find_enrolment(session, identifier).patient_id)


def _as_json(view: ObjectionView) -> dict[str, object]:
    objection = view.objection
    return {
        "id": str(objection.id),
        "channel": objection.channel,
        "source": objection.source,
        "lodged_at": utc_text(objection.lodged_at),
        "lodged_by": objection.lodged_by,
        "lifted_at": utc_text(objection.lifted_at) if objection.lifted_at else None,
        "lifted_by": objection.lifted_by,
        "enrolment_ids": [str(enrolment.id) for enrolment in view.enrolments],
    }


def _show(listed: list[ObjectionView]) -> None:
    names = ("Lodged", "Against", "Came by", "Recorded by", "Lifted", "Enrolment")
    columns = [Column(name) for name in names]
    table(
        columns,
        (
            [
                f"{view.objection.lodged_at:%Y-%m-%d %H:%M} UTC",
                capital(covered_text(view.objection.channel)),
                view.objection.source,
                view.objection.lodged_by,
                f"{view.objection.lifted_at:%Y-%m-%d %H:%M}" if view.objection.lifted_at else "",
                ", ".join(str(each.id) for each in view.enrolments) or "(an address alone)",
            ]
            for view in listed
        ),
    )
