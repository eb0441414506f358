"""`followup retention`: what may end, who decides, and who confirms it."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from followup.cli.framework.boundary import Command, Group, WrongUse
from followup.cli.framework.new_file import require_new_name, write_new_file
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.registry import new_app
from followup.cli.framework.screen import Column, note, say, say_json, table
from followup.domain.retention.classes import KeepGround, RetentionDecision
from followup.messages.view import utc_text
from followup.retention import decide as deciding
from followup.retention.decide import Decision, reviews
from followup.store.models.retention import RetentionReview
from followup.subject_access.record import RecordForm
from followup.web.console.words.record_paper import draw_record
from followup.wording.formats import day
from followup.wording.records.retention import class_text, review_text

FORMS = {".json": RecordForm.FHIR, ".pdf": RecordForm.PDF, ".zip": RecordForm.ZIP}
HELP = """Decide what ends: one decides, another confirms.

A job proposes what was kept for long enough (8 years for a patient's record, unless the clinic says
otherwise). Nothing is destroyed by itself.
"""

group = new_app(cls=Group, no_args_is_help=True, help=HELP)

Review = Annotated[UUID, typer.Argument(metavar="REVIEW", help="As `retention list` shows it.")]


@group.command("list", cls=Command)
def list_reviews(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those that ended, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what may end, and what is kept longer or on hold."""
    with opened() as app, app.store.read() as session:
        found = reviews(session, ended=everything)
        if as_json:
            say_json([_as_json(review) for review in found])
            return
        if not found:
            say("Nothing waits for a decision.")
            return
        columns = [Column("Review"), Column("What"), Column("Clinic"), Column("Not used since")]
        table(
            [*columns, Column("Records", right=True), Column("State")],
            (
                [
                    str(review.id),
                    class_text(review.record_class),
                    review.clinic or "",
                    day(review.upto),
                    f"{review.records:,}",
                    _state(review),
                ]
                for review in found
            ),
        )
    note("One person decides, another confirms: followup retention decide REVIEW")


@group.command(cls=Command)
def export(
    review: Review,
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="A new name: .json for a FHIR bundle, .pdf, or .zip for all data.",
        ),
    ],
) -> None:
    """Export a patient's record for the hospital's own, before anything is destroyed."""
    form = FORMS.get(output.suffix.lower())
    if form is None:
        raise WrongUse(f"{output}: name it .json (a FHIR bundle), .pdf, or .zip (all data)")
    require_new_name(output)
    with opened() as app:
        draw = partial(draw_record, at=app.clock.real_now())
        content = deciding.export_to_record(app, review, form=form, draw=draw, actor=actor())
    write_new_file(output, content)
    say(f"The record is in {output}.")
    say(f"SHA-256: {sha256(content).hexdigest()}")
    note("When the hospital's record has it: followup retention acknowledge REVIEW SHA-256")


@group.command(cls=Command)
def acknowledge(
    review: Review,
    digest: Annotated[
        str, typer.Argument(metavar="SHA-256", help="Of what the hospital's record took.")
    ],
) -> None:
    """Record that the hospital's record has what was exported."""
    with opened() as app:
        deciding.acknowledge(app, review, digest=digest, actor=actor())
    say("Recorded. Somebody may decide now.")


@group.command(cls=Command)
def decide(
    review: Review,
    *,
    destroy: Annotated[bool, typer.Option("--destroy", help="Destroy, once confirmed.")] = False,
    keep_until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Keep it until that day.")
    ] = None,
    hold: Annotated[bool, typer.Option("--hold", help="Keep it until the hold is lifted.")] = False,
    ground: Annotated[KeepGround | None, typer.Option(help="Why it is kept.")] = None,
) -> None:
    """Decide on a proposal. Nothing is destroyed before another person confirms it."""
    if destroy + hold + (keep_until is not None) != 1:
        raise WrongUse("give one of --destroy, --keep-until DAY and --hold")
    what = RetentionDecision.DESTROY if destroy else RetentionDecision.HOLD
    until: date | None = None
    if keep_until is not None:
        what, until = RetentionDecision.KEEP, keep_until.date()
    with opened() as app:
        decision = Decision(what=what, ground=ground, until=until)
        deciding.decide(app, review, decision, actor=actor())
    if destroy:
        say(f"Decided. Another person confirms: followup retention confirm {review}")
    else:
        say("Decided. It is kept, and so is the reason.")


@group.command(cls=Command)
def confirm(review: Review) -> None:
    """Confirm what somebody else decided to destroy: this can't be undone."""
    with opened() as app:
        destroyed = deciding.confirm(app, review, actor=actor())
    say(f"Destroyed: {destroyed:,}. The certificate stands in the audit trail.")


@group.command("take-back", cls=Command)
def take_back(review: Review) -> None:
    """Lift a hold, or take back a decision that is not confirmed: it is proposed again."""
    with opened() as app:
        deciding.take_back(app, review, actor=actor())
    say("Taken back.")


def _state(review: RetentionReview) -> str:
    if review.destroyed is not None:
        return f"Destroyed on {day(review.confirmed_at or review.proposed_at)}"
    if review.ended_at is not None:
        return "Ended"
    return review_text(review.decision, review.ground, review.keep_until)


def _as_json(review: RetentionReview) -> dict[str, object]:
    times = ("upto", "proposed_at", "exported_at", "acknowledged_at", "keep_until", "decided_at",
             "confirmed_at", "ended_at")  # fmt: skip
    plain = ("record_class", "clinic", "subject", "records", "export_digest", "decision", "ground",
             "decided_by", "confirmed_by", "destroyed")  # fmt: skip
    return {
        "review": str(review.id),
        **{name: getattr(review, name) for name in plain},
        **{name: utc_text(at) if (at := getattr(review, name)) else None for name in times},
    }
