"""`followup audit`: what one patient was told, and whether anybody edited the answer."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
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
from followup.audit.evidence_pack import evidence_pack, without_names
from followup.audit.kept_elsewhere import newest_kept
from followup.audit.tree import trail_signer
from followup.audit.verify import TrailVerdict, verify_trail
from followup.cli.framework.boundary import EXIT_REFUSED, WrongUse
from followup.cli.framework.new_file import require_new_name, write_new_file
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.screen import bullet, fields, note, paragraph, say, say_json
from followup.cli.framework.timeline_table import step_title
from followup.cli.patients.timeline import about, print_enrolment
from followup.context import AppContext, UnitOfWork
from followup.domain.errors import FollowupError
from followup.enrolment.queries import find_enrolment
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.audit import AuditEvent
from followup.wording.audit_trail import (
    WHAT_TO_DO_ABOUT_DAMAGE,
    WHAT_TO_DO_ABOUT_THE_UNSIGNED,
    damage_text,
    unsigned_text,
)
from followup.wording.channels import channel_text
from followup.wording.failure_reasons import failure_reason_of
from followup.wording.formats import day_and_time, small
from followup.wording.providers import attempt_text, provider_text, report_text
from followup.wording.reasons import moved_text
from followup.wording.staff import actor_text
from followup.wording.states import state_term
from followup.wording.worklist import item_term, outcome_text

SEAL = re.compile("[0-9a-fA-F]{64}")
MOST_DAMAGE_SHOWN = 20


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
            metavar="FILE",
            help="With --verify: a file with the checkpoint that an earlier check printed (or the "
            "old seal itself). It must still hold, or the latest part of the trail was cut off. "
            "Left out, the newest one in FOLLOWUP_CHECKPOINT_FOLDER.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every event, those of messages on their way too.")
    ] = False,
    pack: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write an evidence pack: a zip with proofs that anybody can check.",
        ),
    ] = None,
    named: Annotated[
        bool,
        typer.Option("--named", help="With --pack: show the names of those who acted."),
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
    if named and pack is None:
        raise WrongUse("--named goes with --pack")
    if pack is not None:
        require_new_name(pack)
        with opened() as app:
            events, proved = app.transact(
                actor(), lambda unit: _pack(unit, identifier, named=named)
            )
            write_new_file(pack, proved)
            say(f"Evidence of {events:,} events is in {pack}.")
            say(f"Public key, to be given by another way: {trail_signer(app).key}")
        return
    with opened() as app, app.store.read() as session:
        dossier = compile_enrolment_evidence(session, app, find_enrolment(session, identifier))
    if as_json:
        say_json({**about(dossier.enrolment), **evidence_json(dossier)})
    else:
        _show(dossier, everything=everything)


def _pack(unit: UnitOfWork, identifier: str, *, named: bool) -> tuple[int, bytes]:
    """Return of how many events there is evidence, and the pack; that it was made is noted."""
    session, app = unit.session, unit.app
    dossier = compile_enrolment_evidence(session, app, find_enrolment(session, identifier))
    enrolment = dossier.enrolment
    content = {**about(enrolment), **evidence_json(dossier)}
    report = json.dumps(content if named else without_names(content), indent=1).encode()
    files = {"report.json": report}
    proved = evidence_pack(session, app, dossier.events, report=files, named=named)
    made = AuditEntry(
        action="patient.evidence-exported",
        clinic=enrolment.clinic,
        patient_id=enrolment.patient_id,
        enrolment_id=enrolment.id,
    )
    record_event(session, unit.by, made)
    return len(dossier.events), proved


def _verify(head: str | None, *, as_json: bool) -> None:
    with opened() as app:
        verdict = verify_trail(app, kept=_kept(head) if head else _kept_by_itself(app))
        public_key = str(trail_signer(app).key)
    if as_json:
        say_json(verdict_json(verdict, public_key=public_key))
    elif not verdict.damage:
        say(
            f"Intact: {verdict.events:,} events under {verdict.checkpoints:,} checkpoints are as "
            "they were written."
        )
        say(f"{verdict.unsigned:,} of the latest are not signed yet.")
        say(f"Public key: {public_key}")
        if verdict.checkpoint is not None:
            say("Newest checkpoint:")
            say()
            say(verdict.checkpoint)
            say("Keep it somewhere else, and check with --head next time that it still holds.")
    if verdict.damage:
        found = "\n".join(map(damage_text, verdict.damage[:MOST_DAMAGE_SHOWN]))
        more = len(verdict.damage) - MOST_DAMAGE_SHOWN
        note(
            f"NOT INTACT: {found}\n"
            + (f"And {more:,} more: see them with --json.\n" if more > 0 else "")
            + WHAT_TO_DO_ABOUT_DAMAGE
        )
    elif verdict.overdue:
        note(f"NOT SIGNED: {unsigned_text(*verdict.overdue)} {WHAT_TO_DO_ABOUT_THE_UNSIGNED}")
    if not verdict.intact:
        raise typer.Exit(EXIT_REFUSED)


def verdict_json(verdict: TrailVerdict, *, public_key: str) -> dict[str, object]:
    """Return what a check of the trail found, as JSON values; `intact` is null if nobody signed."""
    return {
        "intact": verdict.intact,
        "events": verdict.events,
        "checkpoints": verdict.checkpoints,
        "unsigned": verdict.unsigned,
        "overdue": verdict.overdue and {"first": verdict.overdue[0], "last": verdict.overdue[1]},
        "damage": [
            {"kind": it.kind.value, "first": it.first, "last": it.last} for it in verdict.damage
        ],
        "checkpoint": verdict.checkpoint,
        "public_key": public_key,
    }


def _kept(head: str) -> str:
    """Return what was kept: a checkpoint out of a file, or an old seal as it was given."""
    if SEAL.fullmatch(head.strip()):
        return head
    try:
        return Path(head).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(
            f"{head}: can't be read ({error}): give the file that holds the checkpoint, or the "
            "64 letters and digits of an old seal"
        ) from error


def _kept_by_itself(app: AppContext) -> str | None:
    try:
        return newest_kept(app)
    except OSError as error:
        raise FollowupError(
            f"the folder of kept checkpoints can't be read ({error}): see to "
            "FOLLOWUP_CHECKPOINT_FOLDER, or give a checkpoint with --head"
        ) from error


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
        listed = ", ".join(
            f"{number} {small(state_term(state).label)}" for state, number in unsent.items()
        )
        say(f"Never handed to a provider: {listed}. See them with: followup timeline")
    _show_items(dossier, zone)
    say()
    say("WHAT WAS DONE")
    for event in dossier.events if everything else dossier.actions:
        bullet(_event(event, zone))


def _show_told(told: EvidenceMessage, zone: ZoneInfo) -> None:
    view = told.view
    say()
    moved = moved_text(view.moved_because)
    say(
        f"{step_title(view.step, view.occurrence)}, {channel_text(view.channel, view.segments)}, "
        f"due {day_and_time(view.local)}" + (f" ({moved})" if moved else "")
    )
    term, why = (
        state_term(view.state),
        view.reason and failure_reason_of(view.reason, view.channel).happened,
    )
    say(f"  {term.label.upper()}: {why or term.meaning}")
    for each in told.tries:
        _show_try(each, zone)


def _show_try(each: EvidenceAttempt, zone: ZoneInfo) -> None:
    attempt = each.attempt
    outcome = small(attempt_text(attempt.outcome))
    code = f" ({attempt.code}: {attempt.reason})" if attempt.code else ""
    say(
        f"  Attempt {attempt.number} on {day_and_time(attempt.started_at.astimezone(zone))}, by "
        f"{provider_text(attempt.provider)} from {attempt.sender} to {each.to or '(erased)'}: "
        f"{outcome}{code}"
    )
    if attempt.provider_id:
        say(f"  Provider's id {attempt.provider_id}")
    for receipt in each.receipts:
        at = day_and_time(receipt.received_at.astimezone(zone))
        say(
            f"  Receipt on {at}: {small(report_text(receipt.status))}"
            + (f" ({receipt.code})" if receipt.code else "")
        )
    say(f"  Message text of version {attempt.content_version[:12]}, {small(each.approval)}:")
    words = "(erased)" if each.text is None else each.text
    paragraph(f"{each.subject}\n\n{words}" if each.subject else words, indent="    | ")


def _show_items(dossier: EnrolmentEvidence, zone: ZoneInfo) -> None:
    if dossier.items:
        say()
        say("WHAT NEEDED ACTION")
    for item in dossier.items:
        opened_on = day_and_time(item.opened_at.astimezone(zone))
        closed = "still open"
        if item.closed_at:
            closed_on = day_and_time(item.closed_at.astimezone(zone))
            who, outcome = actor_text(str(item.closed_by)), small(outcome_text(item.outcome))
            closed = f"closed {closed_on} by {who}: {outcome}"
        channel = item.detail.get("channel")
        what = item_term(item.kind, channel).label
        why = failure_reason_of(item.detail.get("cause"), channel).happened
        bullet(f"{opened_on}: {what} ({why}); {closed}")


def _event(event: AuditEvent, zone: ZoneInfo) -> str:
    detail = ", ".join(f"{key} {value}" for key, value in sorted((event.detail or {}).items()))
    action = event.action.replace(".", " ").replace("-", " ")
    told = f"{day_and_time(event.at.astimezone(zone))}  {event.actor}: {action}"
    return f"{told} ({detail})" if detail else told
