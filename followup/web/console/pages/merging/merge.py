"""Merging of two records: the other one found, both compared, the timeline shown, and undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from starlette.responses import Response

from followup.domain.errors import InvalidInput, NotFound, Problem
from followup.domain.merging.facts import Question, Side
from followup.merging.merge import MergeRequest, merge_patients
from followup.merging.preview import preview_merge
from followup.merging.undo import undo_merge
from followup.patients.search import SearchTerms
from followup.store.models.merges import PatientMerge
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, Pages
from followup.web.console.pages.patient import find, record_look
from followup.web.console.pages.patients import find_people
from followup.web.console.words.merge_rows import asked_of, compared_rows

PATH = "/patients/{patient}/merge"
pages = Pages()


@pages.get(PATH, may=CHANGE_PATIENTS)
def ask(here: Here) -> Response:
    return _search_page(here, find(here), here.form, found=None)


@pages.post(PATH, may=CHANGE_PATIENTS)
def seek(here: Here) -> Response:
    """Look for the other record: what was typed stands in no address."""
    patient, wanted = find(here), here.form.text("wanted")
    sought = SearchTerms(clinics=[patient.clinic], besides=patient.id)
    try:
        rows = find_people(here, sought, wanted).rows if wanted else ()
    except InvalidInput as error:
        told = (Problem(each.field, sentence(each.message)) for each in error.problems)
        return _search_page(here, patient, here.form.refused(*told), found=None)
    found = {row.Patient.id: row.Patient for row in rows}
    return _search_page(here, patient, here.form, found=list(found.values()))


@pages.get(f"{PATH}/{{other}}", may=CHANGE_PATIENTS)
def compare(here: Here) -> Response:
    survivor, duplicate = find(here), find(here, "other")
    for patient in (survivor, duplicate):
        # Whoever compares them sees numbers and addresses in full.
        record_look(here, patient, "patient.revealed")
    return _compare_page(here, here.form)


@pages.post(f"{PATH}/{{other}}", may=CHANGE_PATIENTS)
def merge(here: Here) -> Response:
    survivor, duplicate = find(here), find(here, "other")
    item = _item(here, here.form.text("item"))
    request = MergeRequest(
        survivor_id=survivor.id,
        duplicate_id=duplicate.id,
        reason=here.form.text("reason"),
        decisions=_decisions(here.form),
        item_id=item.id if item else None,
    )
    try:
        merge_patients(here.app, request, actor=here.member.actor)
    except InvalidInput as error:
        told = (Problem(each.field, sentence(each.message)) for each in error.problems)
        return _compare_page(here, here.form.refused(*told))
    return here.go(f"/patients/{survivor.id}?done=merged")


@pages.post("/patients/{patient}/merges/{merge}/undo", may=CHANGE_PATIENTS)
def undo(here: Here) -> Response:
    patient = find(here)
    with here.app.store.read() as session:
        merged = session.get(PatientMerge, here.id("merge"))
    if merged is None or merged.survivor_id != patient.id:
        raise NotFound("there is no such merge")
    undo_merge(here.app, merged.id, actor=here.member.actor)
    return here.go(f"/patients/{patient.id}?done=unmerged")


def _search_page(
    here: Here, patient: Patient, form: Form, *, found: Sequence[Patient] | None
) -> Response:
    return here.page(
        "patients/merge-search.html",
        patient=patient,
        person=here.person(patient),
        form=form,
        found=None if found is None else [(each, here.person(each)) for each in found],
    )


def _compare_page(here: Here, form: Form) -> Response:
    survivor, duplicate = here.id("patient"), here.id("other")
    seen = preview_merge(
        here.app, survivor, duplicate, decisions=_decisions(form), actor=here.member.actor
    )
    item = form.text("item") or here.query("item")
    return here.page(
        "patients/merge.html",
        form=form,
        seen=seen,
        rows=compared_rows(here, seen),
        questions=[asked_of(here, question, seen) for question in seen.questions],
        zone=here.zone_of(seen.survivor.patient.clinic),
        item=item if _item(here, item) else "",
    )


def _decisions(form: Form) -> Mapping[Question, Side]:
    given = {question: form.text(question.value) for question in Question}
    return {question: Side(side) for question, side in given.items() if side in set(Side)}


def _item(here: Here, wanted: str) -> WorklistItem | None:
    """Return the item from which somebody came, if it is one of theirs."""
    try:
        item_id = UUID(wanted)
    except ValueError:
        return None
    with here.app.store.read() as session:
        item = session.get(WorklistItem, item_id)
    return item if item is not None and here.member.may_see(item.clinic) else None
