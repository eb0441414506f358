"""Merging two records in the console: found, compared with the timeline first, and undone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from followup.domain.item_kind import ItemKind
from followup.domain.roles import Role
from followup.intake.feed.merge import TWINS
from followup.store.models.audit import AuditEvent
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import NewItem, open_item
from tests.support.apps import clock_of, rows
from tests.support.people import CLINIC, PROCEDURE_AT, nhs_number
from tests.support.two_records import merge, patient, two_records

SAME_TIME = {"procedure_at": PROCEDURE_AT}


@pytest.fixture
def both(sqlite_app):
    return two_records(sqlite_app, theirs=SAME_TIME)


@pytest.fixture
def path(both):
    """Where the two are compared."""
    return f"/patients/{both.survivor}/merge/{both.duplicate}"


def test_the_other_record_is_found_and_nothing_typed_stands_in_an_address(admin, both, path):
    page = admin.get(f"/patients/{both.survivor}")
    search = page.links()["Same person as another record?"]

    nobody = admin.post(search, {"wanted": "Nobody"})
    found = admin.post(search, {"wanted": "Oneill"})

    assert "No other record was found" in nobody.text
    assert found.path == search
    assert path in found.links().values()
    assert admin.post(search, {"wanted": ""}).path == search


def test_the_timeline_comes_before_the_records_and_says_what_falls_away(
    sqlite_app, admin, both, path
):
    page = admin.get(path)

    assert page.text.index("What the patient will be sent") < page.text.index("Date of birth")
    assert "will not be sent because of the merge" in page.text
    assert "Not sent: the follow-up continues under another record of the same person" in page.text
    assert "Will be sent" in page.text
    looks = [one for one in rows(sqlite_app, AuditEvent) if one.action == "patient.revealed"]
    assert {one.patient_id for one in looks} == {both.survivor, both.duplicate}


def test_without_a_reason_it_says_so_and_with_one_it_is_done(sqlite_app, admin, both, path):
    refused = admin.post(path, {"reason": " "}, status=422)
    merged = admin.post(path, {"reason": "Asked her on the phone"})

    assert "Say how you know that this is one person" in " ".join(refused.errors)
    assert merged.path == f"/patients/{both.survivor}?done=merged"
    assert "Asked her on the phone" in merged.text
    assert "Merged with another record" in merged.text
    gone = admin.get(f"/patients/{both.duplicate}")
    assert "This is the same person as in another record" in gone.text
    assert "Same person as another record?" not in gone.links()


def test_what_contradicts_itself_is_asked_with_what_each_record_says(sqlite_app, admin):
    answers = {"diabetic": True, "steroid_given": True}
    both = two_records(
        sqlite_app, theirs={**SAME_TIME, "nhs_number": nhs_number(8), "attributes": answers}
    )
    path = f"/patients/{both.survivor}/merge/{both.duplicate}"

    page = admin.get(path)
    refused = admin.post(path, {"reason": "Asked her"}, status=422)
    done = admin.post(
        path, {"reason": "Asked her", "nhs_number": "survivor", "answers": "duplicate"}
    )

    for question in ("Which NHS number is right?", "Whose answers on the procedure are right?"):
        assert question in page.text
    assert len(refused.errors) == 2
    assert "done=merged" in done.path


def test_it_is_undone_from_the_page_for_a_day(sqlite_app, admin, both):
    merged = merge(sqlite_app, both)
    undo = f"/patients/{both.survivor}/merges/{merged.merge_id}/undo"
    assert "It can be undone until" in admin.get(f"/patients/{both.survivor}").text
    admin.post(f"/patients/{both.duplicate}/merges/{merged.merge_id}/undo", status=404)

    undone = admin.post(undo)

    assert "these are two records again" in undone.text
    for record in (both.survivor, both.duplicate):
        timeline = admin.get(f"/patients/{record}").text
        assert timeline.index("Merged with another record") < timeline.index("records undone")
    assert patient(sqlite_app, both.duplicate).merged_into is None
    assert "undone already" in admin.post(undo, status=409).text


def test_after_a_day_there_is_no_button(sqlite_app, admin, both):
    merge(sqlite_app, both)
    clock_of(sqlite_app).advance_service(timedelta(hours=24))

    page = admin.get(f"/patients/{both.survivor}")

    assert "Another record was merged into this one" in page.text
    assert "Undo the merge" not in page.text


def test_records_that_are_merged_already_say_so(admin, both, path, sqlite_app):
    merge(sqlite_app, both)

    assert "merged already" in admin.get(path, status=409).text


def test_a_feeds_merge_leads_here_with_both_records_and_is_closed_by_it(
    sqlite_app, admin, both, path
):
    task = NewItem(
        subject="feed:merge:1",
        kind=ItemKind.FEED,
        clinic=CLINIC,
        cause="merge",
        patient_id=both.survivor,
        more={TWINS: [str(both.survivor), str(both.duplicate)]},
    )
    item_id = sqlite_app.transact("feed", lambda unit: open_item(unit, task))

    item = admin.get(f"/attention/{item_id}")
    compare = item.links()["Compare the two records"]
    page = admin.get(compare)
    admin.post(path, {"reason": "The hospital says so", "item": str(item_id)})

    assert compare == f"{path}?item={item_id}"
    assert page.values(path)["item"] == str(item_id)
    [closed] = [one for one in rows(sqlite_app, WorklistItem) if one.id == item_id]
    assert (closed.state, closed.outcome) == ("closed", "same-person")


@pytest.mark.parametrize("role", [Role.AUDIT, Role.MANAGE])
def test_only_who_changes_patients_merges(joined, both, path, role, sqlite_app):
    visitor = joined(role)

    visitor.get(path, status=403)
    visitor.post(path, {"reason": "x"}, status=403)
    assert {one.merged_into for one in rows(sqlite_app, Patient)} == {None}
