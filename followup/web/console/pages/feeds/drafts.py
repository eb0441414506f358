"""Enrolments that a hospital's system began: listed, looked at, completed, dismissed."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from followup.intake.feed.drafts import (
    ATTRIBUTES,
    DraftContent,
    WaitingDraft,
    dismiss_draft,
    find_draft,
    waiting_drafts,
)
from followup.store.audit_log import AuditEntry
from followup.web.console.framework.drafts import begin_draft
from followup.web.console.framework.enrolment_form import DATE_FIELD, attribute_field
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, SEE_PATIENTS, Pages
from followup.web.console.pages.enrol import DRAFT_KIND, FEED_DRAFT
from followup.wording.intake.feeds import missing_text

PATH = "/attention/enrolments"
DONE = {"dismissed": "Closed. Nobody was enrolled."}
pages = Pages()


@pages.get(PATH, may=SEE_PATIENTS)
def show(here: Here) -> Response:
    clinics = None if here.member.clinics is None else here.clinics
    with here.app.store.read() as session:
        found = waiting_drafts(session, here.app, clinics)
    here.record(AuditEntry(action="drafts.listed", detail={"shown": len(found)}))
    return here.page(
        "attention/drafts.html",
        drafts=found,
        missing={draft.id: missing_texts(here, draft) for draft in found},
        done=DONE.get(here.query("done")),
    )


@pages.get(f"{PATH}/{{draft}}", may=SEE_PATIENTS)
def look(here: Here) -> Response:
    draft = _find(here)
    here.record(
        AuditEntry(
            action="draft.viewed", clinic=draft.content.clinic, detail={"draft": str(draft.id)}
        )
    )
    return here.page(
        "attention/draft.html",
        draft=draft,
        content=draft.content,
        missing=missing_texts(here, draft),
        answers={
            here.question_of(draft.content.protocol, key): given
            for key, given in draft.content.answers.items()
        },
        zone=here.zone_of(draft.content.clinic),
        may_change=here.member.may(CHANGE_PATIENTS),
    )


@pages.post(f"{PATH}/{{draft}}/complete", may=CHANGE_PATIENTS)
def complete(here: Here) -> Response:
    """Begin the usual form with what is known; nothing that is missing is filled in."""
    draft = _find(here)
    answers = {**_answers(here, draft.content), FEED_DRAFT: (str(draft.id),)}
    form_id = begin_draft(here.app, here.member.id, kind=DRAFT_KIND, answers=answers)
    # Whoever completes it sees who it is about, and confirms the number as always.
    return here.go(f"/enrol/{form_id}/name")


@pages.post(f"{PATH}/{{draft}}/dismiss", may=CHANGE_PATIENTS)
def dismiss(here: Here) -> Response:
    draft = _find(here)
    dismiss_draft(here.app, draft.id, actor=here.member.actor)
    return here.go(f"{PATH}?done=dismissed")


def _find(here: Here) -> WaitingDraft:
    draft_id = here.id("draft")
    with here.app.store.read() as session:
        draft = find_draft(session, here.app, draft_id)
    here.require_clinic(draft.content.clinic)
    return draft


def missing_texts(here: Here, draft: WaitingDraft) -> list[str]:
    """Return what of a draft is to be answered, as questions and names."""
    return [
        here.question_of(draft.content.protocol, each.removeprefix(ATTRIBUTES))
        if each.startswith(ATTRIBUTES)
        else missing_text(each)
        for each in draft.missing
    ]


def _answers(here: Here, content: DraftContent) -> Mapping[str, tuple[str, ...]]:
    """Return what is known as the fields of the form have it."""
    person, born = content.person, content.person.date_of_birth
    at = content.procedure_at.astimezone(here.zone_of(content.clinic))
    known = {
        "clinic": content.clinic,
        "protocol": content.protocol,
        "nhs_number": person.nhs_number,
        "name": person.name,
        "mobile": person.mobile or content.other_number,
        "email": person.email,
        "language": person.language,
        "reference": content.reference,
        DATE_FIELD: at.day,
        f"{DATE_FIELD}-month": at.month,
        f"{DATE_FIELD}-year": at.year,
        "at": f"{at:%H:%M}",
    }
    if born is not None:
        known |= {"born": born.day, "born-month": born.month, "born-year": born.year}
    answers = {name: (str(value),) for name, value in known.items() if value is not None}
    for key, given in content.answers.items():
        answers[attribute_field(key)] = ("yes" if given else "no",)
    return answers
