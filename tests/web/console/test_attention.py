"""What needs a person: the list by patient, and everything that is done about an entry."""

from __future__ import annotations

from datetime import timedelta

import pytest

from followup.context import UnitOfWork
from followup.domain.item_kind import ItemKind
from followup.domain.roles import Role
from followup.patients.records import read_patient
from followup.store.models.audit import AuditEvent
from followup.store.models.patients import Patient
from followup.store.models.staff import Call
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import NewItem, open_item
from tests.support.apps import (
    actions,
    balance_is_even,
    clock_of,
    enrol_one,
    messages,
    rows,
    run_until,
    sms_of,
    tasks,
)
from tests.support.people import CLINIC, ENROLLED_AT, SMS
from tests.support.scripted_channel import refuse
from tests.web.console.patients.test_patient import statements, write

SOON = ENROLLED_AT + timedelta(minutes=5)


@pytest.fixture
def failed(sqlite_app):
    """Somebody who agreed to texts alone, or to both, and whose number does not exist."""

    def fail(serial=1, **given):
        sms_of(sqlite_app).script(refuse("21211", recipient=True))
        enrol_one(sqlite_app, serial, **{"channels": (SMS,), **given})
        run_until(sqlite_app, clock_of(sqlite_app).now() + timedelta(minutes=1))
        item = tasks(sqlite_app)[-1]
        return f"/attention/{item.id}"

    return fail


def item_of(app, path):
    (found,) = [one for one in tasks(app) if str(one.id) == path.rpartition("/")[2]]
    return found


def view(page, text):
    (found,) = [
        link
        for link in page.page.one("nav", **{"aria-label": "Assigned to"}).all("a")
        if link.text.startswith(text)
    ]
    return found


# ------------------------------------------------------------------------------- looking


def test_an_empty_list_is_good_news(auditor):
    assert "Nothing needs action" in auditor.get("/attention").text


def test_what_failed_is_told_with_what_to_do_until_when_and_whose_it_is(admin, failed):
    failed()

    page = admin.get("/attention")

    for told in (
        "Test Patient-00001",
        "Message not delivered",
        "Ask the patient for the right number and correct it",
        "Unassigned",
    ):
        assert told in page.text


def test_items_of_one_patient_stand_together(sqlite_app, joined, failed):
    failed(1)
    failed(2)
    write(sqlite_app, "What is this?", serial=1)

    page = joined().get("/attention")

    assert [heading.text for heading in page.page.one("main").all("h3")] == [
        "Test Patient-00001",
        "Test Patient-00002",
    ]
    assert "What is this?" in page.text


def test_what_is_overdue_is_said_and_can_be_asked_for(sqlite_app, joined, failed):
    failed(1)
    run_until(sqlite_app, ENROLLED_AT + timedelta(days=2))
    failed(2)

    page = joined().get("/attention")
    late = joined().get(view(page, "Overdue").attributes["href"])

    assert "Overdue by" in late.text
    assert "Test Patient-00001" in late.text
    assert "Test Patient-00002" not in late.text


def test_the_list_of_another_clinic_is_good_news(joined, failed):
    failed()

    assert "Nothing needs action" in joined(clinics=["elsewhere"]).get("/attention").text


@pytest.mark.parametrize("what", ["", "/call", "/contacts", "/mail", "/done"])
def test_an_item_of_another_clinic_is_not_there(joined, failed, what):
    path = failed()

    assert joined(clinics=["elsewhere"]).get(path + what, status=404)


@pytest.mark.parametrize("what", ["take", "reveal", "call", "contacts", "mail", "done"])
def test_nothing_can_be_done_about_an_item_of_another_clinic(sqlite_app, joined, failed, what):
    path = failed()

    joined(clinics=["elsewhere"]).post(f"{path}/{what}", {"outcome": "told"}, status=404)

    assert item_of(sqlite_app, path).state == "open"


def test_contacts_are_masked_until_somebody_asks(sqlite_app, auditor, failed):
    path = failed()
    assert "+447700900001" not in auditor.get(path).html

    assert "07700 900001" in auditor.post(f"{path}/reveal").text
    assert actions(sqlite_app)[-1] == "patient.revealed"


def test_who_may_only_read_is_offered_nothing_to_do(auditor, failed):
    path = failed()

    for page in (auditor.get("/attention"), auditor.get(path)):
        assert not {"Assign to me", "Close", "Record a call"} & set(page.links())
        assert page.page.all("form", action=f"{path}/take") == []


def test_a_text_of_a_shared_number_names_all_who_share_it(sqlite_app, joined):
    enrol_one(sqlite_app, 1)
    enrol_one(sqlite_app, 2, mobile="+447700900001")
    write(sqlite_app, "It itches a bit")

    page = joined().get("/attention")

    assert "A number that several patients share" in page.text
    assert {"Test Patient-00001", "Test Patient-00002"} <= set(page.links())
    assert "It itches a bit" in page.text


@pytest.mark.parametrize(
    ("late", "said", "not_answered"),
    [
        (timedelta(hours=5), "This text reached us 5 hours late.", False),
        (timedelta(days=2), "This text reached us 2 days late. It was too old", True),
    ],
    ids=["hours", "days"],
)
def test_a_text_that_was_found_late_says_how_late_and_whether_it_was_answered(
    sqlite_app, joined, late, said, not_answered
):
    enrol_one(sqlite_app)
    write(sqlite_app, "It itches a bit", written_at=ENROLLED_AT - late)
    path = f"/attention/{tasks(sqlite_app)[0].id}"

    page = joined().get(path)

    assert said in page.text
    assert ("an automatic answer: none was sent" in page.text) is not_answered


def test_a_text_that_came_at_once_says_nothing_of_being_late(sqlite_app, joined):
    enrol_one(sqlite_app)
    write(sqlite_app, "It itches a bit")

    assert "reached us" not in joined().get(f"/attention/{tasks(sqlite_app)[0].id}").text


def test_a_text_of_nobody_is_read_and_closed_with_a_note(sqlite_app, joined):
    write(sqlite_app, "Who are you?", serial=77)
    admin = joined()
    path = f"/attention/{tasks(sqlite_app)[0].id}"
    assert "Somebody who is not enrolled" in admin.get(path).text

    admin.post(f"{path}/done", {"outcome": "not-needed", "note": "A wrong number."})

    page = admin.get(path)
    assert "No action needed" in page.text
    assert "A wrong number." in page.text


def test_more_items_ask_no_more_of_the_database(sqlite_app, joined, failed):
    failed(1)
    write(sqlite_app, "Hello 1", serial=1)
    joined().get("/attention")
    visitor = joined()
    few = statements(sqlite_app, lambda: visitor.get("/attention"))
    for serial in range(2, 9):
        failed(serial)
        write(sqlite_app, f"Hello {serial}", serial=serial)
    # Time has passed: whether other words went live is asked once a second.
    joined().get("/attention")
    visitor = joined()

    assert statements(sqlite_app, lambda: visitor.get("/attention")) == few


def test_beyond_what_a_page_shows_it_says_that_there_is_more(sqlite_app, joined, monkeypatch):
    monkeypatch.setattr("followup.worklist.queries.PAGE_SIZE", 2)
    with sqlite_app.store.write() as session:
        for serial in range(3):
            task = NewItem(
                subject=f"s{serial}", kind=ItemKind.SET_UP, clinic=CLINIC, cause="TemplateError"
            )
            open_item(UnitOfWork(session, sqlite_app, sqlite_app.by("cli:test")), task)

    visitor = joined()
    page = visitor.get("/attention")

    assert "These are the most urgent. Others wait behind them, on the next page." in page.text
    assert len(page.page.all("li", **{"class": "fu-item"})) == 2
    assert view(page, "All").text == "All 3"
    behind = visitor.get(page.links()["Next page"])
    assert len(behind.page.all("li", **{"class": "fu-item"})) == 1
    assert behind.links()["Previous page"] == "/attention"
    assert "Others wait behind them" not in behind.text


@pytest.mark.parametrize("page", ["0", "-1", "x", "٣", "99999"])
def test_a_page_that_is_none_is_the_first(sqlite_app, joined, failed, page):
    failed()

    shown = joined().get("/attention", params={"page": page})

    assert len(shown.page.all("li", **{"class": "fu-item"})) == 1


def test_each_view_is_counted_beyond_the_page_too(sqlite_app, joined, monkeypatch):
    monkeypatch.setattr("followup.worklist.queries.PAGE_SIZE", 1)
    with sqlite_app.store.write() as session:
        for serial in range(3):
            task = NewItem(
                subject=f"s{serial}", kind=ItemKind.SET_UP, clinic=CLINIC, cause="TemplateError"
            )
            open_item(UnitOfWork(session, sqlite_app, sqlite_app.by("cli:test")), task)
    visitor = joined()
    visitor.post(f"/attention/{tasks(sqlite_app)[2].id}/take")

    page = visitor.get("/attention?view=mine")

    views = ("All", "Assigned to you", "Unassigned", "Overdue")
    assert [view(page, text).text for text in views] == [
        "All 3", "Assigned to you 1", "Unassigned 2", "Overdue 0"
    ]  # fmt: skip
    assert len(page.page.all("li", **{"class": "fu-item"})) == 1


# --------------------------------------------------------------------------------- doing


def test_taking_makes_it_mine_and_another_can_take_it_over(sqlite_app, joined, failed):
    path = failed()
    first, second = joined(Role.ENROL), joined(Role.ENROL)

    page = first.post(f"{path}/take")
    assert "Assigned to you" in page.page.text
    assert view(first.get("/attention"), "Assigned to you").text == "Assigned to you 1"

    assert second.post(f"{path}/take", status=409).heading == "This has changed meanwhile"
    seen = second.get(path)
    assert f"Assigned to {first.email}" in seen.text
    second.post(f"{path}/take", seen.values(f"{path}/take"))
    assert item_of(sqlite_app, path).owner == f"web:{second.email}"


def test_a_corrected_number_plans_anew_what_is_still_useful_and_closes_it(
    sqlite_app, joined, failed
):
    path = failed()
    admin = joined()
    assert "Correct number" in admin.get(path).links()

    page = admin.post(
        f"{path}/contacts", {"mobile": "07700 900222", "mobile_again": "07700 900222"}
    )
    assert "the timeline updated" in page.page.text
    assert "Nothing needs action" in page.text
    run_until(sqlite_app, clock_of(sqlite_app).now() + timedelta(minutes=2))

    assert item_of(sqlite_app, path).outcome == "corrected"
    assert read_patient(rows(sqlite_app, Patient)[0], sqlite_app.keyring).mobile == "+447700900222"
    assert sms_of(sqlite_app).calls[-1].to == "+447700900222"
    balance_is_even(sqlite_app)


def test_a_correction_that_comes_too_late_leaves_it_on_the_list(sqlite_app, joined, failed):
    path = failed()
    run_until(sqlite_app, ENROLLED_AT + timedelta(days=1))

    page = joined().post(
        f"{path}/contacts", {"mobile": "07700 900222", "mobile_again": "07700 900222"}
    )

    assert "too late to send this message" in page.page.text
    assert item_of(sqlite_app, path).state == "open"


def test_a_wrong_correction_is_refused(joined, failed):
    page = joined().post(f"{failed()}/contacts", {}, status=422)

    assert page.errors == ["Enter a mobile number or an e-mail address"]


def test_it_is_sent_by_e_mail_where_the_patient_agreed(sqlite_app, joined, failed):
    path = failed()
    assert "Send by e-mail" not in joined().get(path).links()
    joined().get(f"{path}/mail", status=409)


def test_sending_by_e_mail_closes_it(sqlite_app, joined):
    enrolment = enrol_one(sqlite_app, 1)
    run_until(sqlite_app, SOON)
    (sent,) = [one for one in messages(sqlite_app, enrolment) if one.state == "sent"]
    with sqlite_app.store.write() as session:
        task = NewItem.of_message(sent, kind=ItemKind.NO_RECEIPT, cause="no-receipt")
        item = open_item(UnitOfWork(session, sqlite_app, sqlite_app.by("reconciler")), task)
    admin, path = joined(), f"/attention/{item}"
    asked = admin.get(admin.get(path).links()["Send by e-mail"])
    assert "would get it a second time" in asked.text

    page = admin.post(f"{path}/mail")

    assert "The message goes out by e-mail" in page.page.text
    assert item_of(sqlite_app, path).outcome == "sent-by-email"
    assert [one.channel for one in messages(sqlite_app) if one.fallback_of == sent.id] == ["email"]
    admin.post(f"{path}/mail", status=409)


def test_a_call_is_noted_sealed_and_closes_it_where_it_settled_it(sqlite_app, joined, failed):
    path = failed()
    admin = joined()
    refused = admin.post(f"{path}/call", {}, status=422)
    assert refused.errors == ["Choose how the call ended", "Choose whether to close this"]

    again = admin.post(
        f"{path}/call", {"outcome": "no-answer", "done": "no", "note": "Rang twice."}
    )
    assert "Phone call: no answer" in again.text
    assert "Rang twice." in again.text
    assert item_of(sqlite_app, path).state == "open"

    admin.post(f"{path}/call", {"outcome": "spoke", "advised": "told", "done": "yes", "note": ""})
    assert item_of(sqlite_app, path).outcome == "told"
    assert {one.item_id for one in rows(sqlite_app, Call)} == {item_of(sqlite_app, path).id}
    assert b"Rang twice" not in rows(sqlite_app, Call)[0].note_sealed


def test_saying_that_it_is_dealt_with_asks_what_came_of_it(sqlite_app, joined, failed):
    path = failed()
    admin = joined()
    assert admin.post(f"{path}/done", {}, status=422).errors == ["Choose the outcome"]

    page = admin.post(f"{path}/done", {"outcome": "told", "note": "By her daughter."})

    assert "Closed" in page.page.text
    item = item_of(sqlite_app, path)
    assert (item.state, item.outcome, item.closed_by) == ("closed", "told", f"web:{admin.email}")
    assert b"daughter" not in item.note_sealed
    assert "By her daughter." in admin.get(path).text
    assert "Close" not in admin.get(path).links()
    admin.post(f"{path}/done", {"outcome": "told"}, status=409)


def test_a_note_that_is_too_long_is_refused(joined, failed):
    page = joined().post(f"{failed()}/done", {"outcome": "told", "note": "x" * 2001}, status=422)

    assert page.errors == ["use at most 2000 characters"]


def test_everything_done_is_in_the_audit_trail(sqlite_app, joined, failed):
    path = failed()
    admin = joined()
    admin.get("/attention")
    admin.get(path)
    admin.post(f"{path}/take")
    admin.post(f"{path}/call", {"outcome": "spoke", "advised": "told", "done": "yes"})

    told = [e.action for e in rows(sqlite_app, AuditEvent) if e.actor == f"web:{admin.email}"]
    assert [action for action in told if action != "worklist.viewed"] == [
        "worklist.listed",
        "worklist.taken",
        "patient.called",
        "worklist.closed",
        "worklist.listed",
    ]


def test_the_number_in_the_menu_is_what_waits_for_me(joined, failed, sqlite_app):
    failed()

    menu = joined().get("/").page.one("nav", **{"aria-label": "Menu"})
    assert "Needs attention 1" in menu.text
    elsewhere = joined(clinics=["elsewhere"]).get("/").page.one("nav", **{"aria-label": "Menu"})
    assert "Needs attention 1" not in elsewhere.text
    assert len(rows(sqlite_app, WorklistItem)) == 1


def open_another(app):
    """Open an item of the same kind about the same patient that nothing gathers with the first."""
    (first,) = tasks(app)
    task = NewItem(
        subject="failed:another",
        kind=ItemKind(first.kind),
        clinic=first.clinic,
        cause="30006",
        patient_id=first.patient_id,
    )
    app.transact("worker", lambda unit: open_item(unit, task))


def test_what_fails_later_for_the_same_patient_stands_with_the_first(sqlite_app, joined, failed):
    path = failed(1)

    run_until(sqlite_app, ENROLLED_AT + timedelta(days=1))

    assert len(tasks(sqlite_app)) == 1
    assert "And 1 more message:" in joined().get(path).text


def test_what_is_alike_about_a_patient_stands_once_and_is_dealt_with_together(
    sqlite_app, joined, failed
):
    failed(1)
    open_another(sqlite_app)
    count = len(tasks(sqlite_app))
    assert count > 1
    page = joined().get("/attention")
    assert len(page.page.all("li", **{"class": "fu-item"})) == 1
    assert f"{count - 1} other" in page.text
    path = f"/attention/{tasks(sqlite_app)[0].id}"

    joined().post(
        f"{path}/call",
        {"outcome": "spoke", "advised": "told", "done": "all", "note": "All explained."},
    )

    assert {one.outcome for one in tasks(sqlite_app)} == {"told"}
    assert len(rows(sqlite_app, Call)) == 1


@pytest.mark.parametrize(("others", "left"), [("one", 1), ("all", 0)])
def test_closing_asks_whether_the_others_are_meant_too(sqlite_app, joined, failed, others, left):
    path = failed(1)
    open_another(sqlite_app)
    assert "This and 1 other like it" in joined().get(f"{path}/done").text

    joined().post(f"{path}/done", {"outcome": "told", "others": others})

    assert len([one for one in tasks(sqlite_app) if one.state == "open"]) == left


def test_a_reply_that_may_be_a_red_flag_is_first_and_says_to_ring_now(sqlite_app, joined, failed):
    failed(1)
    enrol_one(sqlite_app, 2)
    write(sqlite_app, "I can't feel when I need the toilet", serial=2)

    page = joined().get("/attention")

    first = page.page.all("section")[0].text
    assert "Test Patient-00002" in first
    assert "Phone now: this may be one of the warning signs" in first
    assert "Possible red flag: “cant feel”" in first
