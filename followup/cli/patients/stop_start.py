"""`followup stop`, `start` and `objections`: opt-outs that patients tell staff."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.orm import Session

from followup.cli.framework.choices import among
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson, Identifier
from followup.cli.framework.screen import Column, note, say, say_json, say_lines, table
from followup.cli.framework.timeline_table import step_title
from followup.consent.objections import lift_objection
from followup.consent.queries import ObjectionView, list_objections
from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.consent import ObjectionSource
from followup.domain.errors import InvalidInput
from followup.enrolment.agreed_channels import agree_to_email
from followup.enrolment.queries import find_enrolment, patient_of
from followup.enrolment.reschedule import plan_again
from followup.messages.opt_out import StopForeseen, foresee_stop, stop_messages
from followup.messages.view import utc_text
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from followup.wording.channels import covered_text
from followup.wording.formats import capital, day_and_time

OneChannel = Annotated[
    str | None,
    typer.Option("--channel", metavar="CHANNEL", help="Only this one, sms or email; else both."),
]


def stop(
    identifier: Identifier,
    *,
    channel: OneChannel = None,
    by_email: Annotated[
        bool,
        typer.Option(
            "--by-email",
            help="With --channel sms: the patient says yes to getting the rest by e-mail.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would not be sent any more, and stop nothing."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Record that a patient wants no more messages.

    It holds for every enrolment of theirs, later ones too, until they say otherwise. What will not
    be sent any more is listed; where staff must give it by phone, an item asks them to. The audit
    trail keeps who recorded it.
    """
    kind = _kind(channel)
    if by_email and kind is not ChannelKind.SMS:
        raise InvalidInput.of("--by-email", "use it with --channel sms")
    with opened() as app:
        with app.store.read() as session:
            foreseen = foresee_stop(session, _patient(session, identifier), channel=kind)

        def work(unit: UnitOfWork) -> bool:
            nonlocal foreseen
            patient = _patient(unit.session, identifier)
            if by_email:
                agree_to_email(unit, patient)
            foreseen = foresee_stop(unit.session, patient, channel=kind)
            return stop_messages(unit, patient, channel=kind, source=ObjectionSource.STAFF)

        is_new = False if dry_run else app.transact(actor(), work)
        listed = _objections_of(app, identifier)
    if as_json:
        say_json(
            {
                "dry_run": dry_run,
                "lodged": is_new,
                "objections": [_as_json(view) for view in listed],
                "not_sent": _identified(foreseen.lost),
                "by_other_channel": _identified(foreseen.moved),
                "to_phone_about": _identified(foreseen.to_ring_about),
            }
        )
        return
    what = capital(covered_text(kind))
    if dry_run:
        say("Nothing was stopped. Without --dry-run:")
    else:
        say(f"{what} stopped." if is_new else f"{what} were stopped before.")
    _show_foreseen(foreseen, kind)


def _show_foreseen(foreseen: StopForeseen, kind: ChannelKind | None) -> None:
    other = "text" if kind is ChannelKind.EMAIL else "e-mail"
    for heading, messages in (
        ("These will not be sent:", foreseen.lost),
        (f"These go by {other} instead:", foreseen.moved),
    ):
        if messages:
            say(heading)
        for message in messages:
            local = message.due_at.astimezone(ZoneInfo(message.zone))
            say(f"  {day_and_time(local)}  {step_title(message.step, message.occurrence)}")
    if foreseen.to_ring_about:
        say("The patient must know some of this: an item asks staff to phone them.")
    if foreseen.may_offer_email:
        note("There is an e-mail address. If the patient says yes to e-mails, use --by-email.")


def _patient(session: Session, identifier: str) -> Patient:
    return patient_of(session, find_enrolment(session, identifier))


def _identified(messages: Sequence[Message]) -> list[dict[str, object]]:
    return [
        {
            "id": str(message.id),
            "step": message.step,
            "occurrence": message.occurrence,
            "due_at": utc_text(message.due_at),
        }
        for message in messages
    ]


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
