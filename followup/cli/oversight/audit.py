"""`followup audit`: what one patient was told, and whether anybody edited the answer."""

from __future__ import annotations

from collections import Counter
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from followup.audit.enrolment_evidence import (
    EnrolmentEvidence,
    EvidenceAttempt,
    EvidenceMessage,
    compile_enrolment_evidence,
    evidence_json,
)
from followup.audit.seals import TrailVerdict, verify_trail
from followup.cli.framework.boundary import REFUSED, WrongUse
from followup.cli.framework.opening import opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.screen import bullet, fields, note, paragraph, say, say_json
from followup.cli.framework.timeline_table import day_and_time, step_title
from followup.cli.patients.timeline import about, print_enrolment
from followup.domain.lifecycle import State
from followup.enrolment.queries import find_enrolment
from followup.store.models.audit import AuditEvent
from followup.wording.labels import KINDS, STATES, channel_text, moved_text, reason_text


def audit(
    identifier: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="As for timeline; or use --verify.")
    ] = None,
    *,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Check that nobody edited the audit trail, of all patients."),
    ] = False,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="SEAL",
            help="With --verify: the newest seal that an earlier check printed. It must still be "
            "there, or the latest part of the trail was cut off.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every event, those of messages on their way too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show all that one patient was told; check the trail.

    When, in which exact words, by which version of them and whose approval, every attempt and
    receipt, what staff did, and whether it arrived. Contact details are masked.
    """
    if (identifier is None) != verify or (head is not None and not verify):
        raise WrongUse("give an enrolment to show, or --verify to check the whole trail")
    if identifier is None:
        _verify(head, as_json=as_json)
        return
    with opened() as app, app.store.read() as session:
        dossier = compile_enrolment_evidence(session, app, find_enrolment(session, identifier))
    if as_json:
        say_json({**about(dossier.enrolment), **evidence_json(dossier)})
    else:
        _show(dossier, everything=everything)


def _verify(head: str | None, *, as_json: bool) -> None:
    with opened() as app:
        verdict = verify_trail(app, kept_head=head.strip().lower() if head else None)
    if as_json:
        say_json(
            {
                "intact": verdict.intact,
                "events": verdict.events,
                "seals": verdict.seals,
                "unsealed": verdict.unsealed,
                "broken_between": verdict.broken_between,
                "head": verdict.head,
                "lost_head": verdict.lost_head,
            }
        )
    elif verdict.intact:
        say(
            f"Intact: {verdict.events} events under {verdict.seals} seals are as they were written."
        )
        say(f"{verdict.unsealed} of the latest are not sealed yet.")
        if verdict.head is not None:
            say(f"Newest seal: {verdict.head}")
            say("Keep it somewhere else, and check with --head next time that it is still there.")
    if not verdict.intact:
        note(_alarm(verdict))
        raise typer.Exit(REFUSED)


def _alarm(verdict: TrailVerdict) -> str:
    if verdict.lost_head:
        return (
            "NOT INTACT: the seal that you kept is not there any more. The end of the trail was "
            "cut off, or an older backup was restored since. Keep the database as it is, and tell "
            "whoever answers for it."
        )
    first, last = verdict.broken_between or (0, 0)
    return (
        f"NOT INTACT: of the audit events {first} to {last}, at least one was edited, removed or "
        "slipped in. Keep the database as it is, and tell whoever answers for it."
    )


def _show(dossier: EnrolmentEvidence, *, everything: bool) -> None:
    zone = ZoneInfo(dossier.enrolment.zone)
    print_enrolment(dossier.enrolment, why=dossier.why_ended)
    who = dossier.who
    named = ("name", "nhs_number", "mobile", "email")
    fields([("Patient", ", ".join(who[it] for it in named if it in who) or "(data was erased)")])
    say()
    say("WHAT THE PATIENT WAS TOLD")
    for told in dossier.told:
        if told.tries:
            _show_told(told, zone)
    unsent = Counter(told.view.state for told in dossier.told if not told.tries)
    if unsent:
        say()
        listed = ", ".join(f"{number} {state}" for state, number in unsent.items())
        say(f"Never handed to a provider: {listed}. They stand in: followup timeline")
    _show_items(dossier, zone)
    say()
    say("WHAT WAS DONE")
    for event in dossier.events if everything else dossier.deeds:
        bullet(_event(event, zone))


def _show_told(told: EvidenceMessage, zone: ZoneInfo) -> None:
    view = told.view
    say()
    moved = moved_text(view.moved_because)
    say(
        f"{step_title(view.step, view.occurrence)}, {channel_text(view.channel, view.segments)}, "
        f"due {day_and_time(view.local)}" + (f" ({moved})" if moved else "")
    )
    state, why = STATES[State(view.state)], reason_text(view.reason)
    say(f"  {state.label.upper()}: {why or state.meaning}")
    for each in told.tries:
        _show_try(each, zone)


def _show_try(each: EvidenceAttempt, zone: ZoneInfo) -> None:
    attempt = each.attempt
    outcome = attempt.outcome or "under way"
    code = f" ({attempt.code}: {attempt.reason})" if attempt.code else ""
    say(
        f"  Attempt {attempt.number} on {day_and_time(attempt.started_at.astimezone(zone))}, by "
        f"{attempt.provider} from {attempt.sender} to {each.to or '(erased)'}: {outcome}{code}"
    )
    if attempt.provider_id:
        say(f"  Provider's id {attempt.provider_id}")
    for receipt in each.receipts:
        at = day_and_time(receipt.received_at.astimezone(zone))
        say(f"  Receipt on {at}: {receipt.status}" + (f" ({receipt.code})" if receipt.code else ""))
    say(f"  Words of version {attempt.content_version[:12]}, {_approval(each)}:")
    words = "(erased)" if each.text is None else each.text
    paragraph(f"{each.subject}\n\n{words}" if each.subject else words, indent="    | ")


def _approval(each: EvidenceAttempt) -> str:
    approval = each.version.approval if each.version else None
    if not approval:
        return "approval not recorded"
    if approval.get("by_role"):
        return f"{approval['standing']} by {approval['by_role']} on {approval['on']}"
    return f"{approval['standing']}: approved by nobody yet"


def _show_items(dossier: EnrolmentEvidence, zone: ZoneInfo) -> None:
    if dossier.items:
        say()
        say("WHAT A PERSON WAS ASKED TO DO")
    for item in dossier.items:
        opened_on = day_and_time(item.opened_at.astimezone(zone))
        closed = "open still"
        if item.closed_at:
            closed_on = day_and_time(item.closed_at.astimezone(zone))
            closed = f"closed {closed_on} by {item.closed_by}: {item.outcome}"
        what = KINDS.get(item.kind, item.kind)
        bullet(f"{opened_on}: {what} ({reason_text(item.detail.get('cause'))}); {closed}")


def _event(event: AuditEvent, zone: ZoneInfo) -> str:
    detail = ", ".join(f"{key} {value}" for key, value in sorted((event.detail or {}).items()))
    action = event.action.replace(".", " ").replace("-", " ")
    told = f"{day_and_time(event.at.astimezone(zone))}  {event.actor}: {action}"
    return f"{told} ({detail})" if detail else told
