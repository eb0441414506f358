"""Retention in the console: what may end, decided by one, confirmed by another."""

from __future__ import annotations

from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

from starlette.responses import Response

from followup.domain.errors import Conflict, InvalidInput, NotFound, Problem
from followup.domain.retention.classes import KeepGround, RecordClass, RetentionDecision
from followup.retention import decide as deciding
from followup.retention.decide import Decision, reviews
from followup.store.models.retention import RetentionReview
from followup.subject_access.record import RecordForm
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import EMPTY_FORM
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import AUDIT, Pages
from followup.web.console.words.record_paper import draw_record
from followup.wording.records.retention import KEEP_GROUNDS

KEPT_YEARS = (1, 2, 5, 10, 20)
CHOICES = (
    ("destroy", "Destroy, once somebody else confirms it"),
    *((f"keep-{years}", f"Keep for {years} more year{'s' * (years > 1)}") for years in KEPT_YEARS),
    ("hold", "Hold: keep until the hold is lifted"),
)
FILES = {
    RecordForm.FHIR: ("patient-record.fhir.json", "application/fhir+json"),
    RecordForm.PDF: ("patient-record.pdf", "application/pdf"),
    RecordForm.ZIP: ("patient-record.zip", "application/zip"),
}
DONE_NOTICES = {
    "acknowledged": "Recorded. Somebody may decide now.",
    "destroy": "Decided. Nothing is destroyed until somebody else confirms it.",
    "kept": "Decided. It is kept, and so is the reason.",
    "destroyed": "Destroyed. The certificate stands in the audit trail.",
    "taken-back": "Taken back. It will be proposed again.",
}

pages = Pages()


@pages.get("/retention", may=AUDIT)
def show(here: Here) -> Response:
    with here.app.store.read() as session:
        found = [it for it in reviews(session, ended=True) if _may_see(here, it)]
    return here.page(
        "retention/list.html",
        waiting=[one for one in found if one.ended_at is None],
        ended=[one for one in reversed(found) if one.destroyed is not None],
        done=DONE_NOTICES.get(here.query("done") or ""),
    )


@pages.get("/retention/{review}", may=AUDIT)
def ask(here: Here) -> Response:
    return _page(here, _find(here))


@pages.post("/retention/{review}/export", may=AUDIT)
def export(here: Here) -> Response:
    form = here.query("as") or RecordForm.FHIR
    if form not in set(RecordForm):
        raise NotFound("there is no such form of a record")
    name, kind = FILES[RecordForm(form)]
    content = deciding.export_to_record(
        here.app,
        _find(here).id,
        form=RecordForm(form),
        draw=partial(draw_record, at=here.app.clock.real_now()),
        actor=here.member.actor,
    )
    # The name of the file tells nothing of the patient.
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=kind, headers=headers)


@pages.post("/retention/{review}/acknowledge", may=AUDIT)
def acknowledge(here: Here) -> Response:
    review = _find(here)
    try:
        digest = here.form.text("digest")
        deciding.acknowledge(here.app, review.id, digest=digest, actor=here.member.actor)
    except InvalidInput as error:
        return _page(here, review, *_told(error, "digest"))
    return here.go(f"/retention/{review.id}?done=acknowledged")


@pages.post("/retention/{review}/decide", may=AUDIT)
def decide(here: Here) -> Response:
    review, chosen, ground = _find(here), here.form.text("decision"), here.form.text("ground")
    if chosen not in dict(CHOICES):
        return _page(here, review, Problem("decision", "Choose what is to be done"))
    keeps = chosen != RetentionDecision.DESTROY
    if keeps and ground not in set(KeepGround):
        return _page(here, review, Problem("ground", "Choose why it is kept"))
    decision = _decision(here, chosen, KeepGround(ground) if keeps else None)
    try:
        deciding.decide(here.app, review.id, decision, actor=here.member.actor)
    except (Conflict, InvalidInput) as error:
        return _page(here, review, *_told(error, "decision"))
    return here.go(f"/retention?done={'kept' if keeps else 'destroy'}")


def _decision(here: Here, chosen: str, ground: KeepGround | None) -> Decision:
    what, _, years = chosen.partition("-")
    until = None
    if years:
        today = here.app.clock.now()
        until = date(today.year + int(years), today.month, min(today.day, 28))
    return Decision(what=RetentionDecision(what), ground=ground, until=until)


@pages.post("/retention/{review}/confirm", may=AUDIT)
def confirm(here: Here) -> Response:
    deciding.confirm(here.app, _find(here).id, actor=here.member.actor)
    return here.go("/retention?done=destroyed")


@pages.post("/retention/{review}/take-back", may=AUDIT)
def take_back(here: Here) -> Response:
    deciding.take_back(here.app, _find(here).id, actor=here.member.actor)
    return here.go("/retention?done=taken-back")


def _may_see(here: Here, review: RetentionReview) -> bool:
    """Say whether a review is this member's: what belongs to no clinic, who may see them all."""
    return here.member.may_see(review.clinic)


def _find(here: Here) -> RetentionReview:
    with here.app.store.read() as session:
        review = session.get(RetentionReview, here.id("review"))
    if review is None:
        raise NotFound("there is no such review")
    here.require_clinic(review.clinic)
    return review


def _told(error: Conflict | InvalidInput, field: str) -> list[Problem]:
    problems = error.problems if isinstance(error, InvalidInput) else [Problem(field, str(error))]
    return [Problem(one.field, sentence(one.message)) for one in problems]


def _page(here: Here, review: RetentionReview, *problems: Problem) -> Response:
    return here.page(
        "retention/review.html",
        review=review,
        zone=here.zone_of(review.clinic) if review.clinic else ZoneInfo("Europe/London"),
        # The trail can't be shortened.
        choices=CHOICES[review.record_class == RecordClass.AUDIT :],
        grounds=[(ground.value, text) for ground, text in KEEP_GROUNDS.items()],
        own=review.decided_by == here.member.actor,
        done=DONE_NOTICES.get(here.query("done") or ""),
        form=here.form.refused(*problems) if problems else EMPTY_FORM,
    )
