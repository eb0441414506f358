"""Enrolling: page by page or all on one, checked with the whole timeline, and once."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from followup.consent.objections import lodge_objection
from followup.domain.roles import Role
from followup.enrolment.withdraw import withdraw_enrolment
from followup.patients.records import read_patient
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from followup.web.console.framework.enrolment_form import Reading
from followup.web.console.framework.forms import Form
from tests.support.apps import enrol_one, rows
from tests.support.people import nhs_number

WHO = {"nhs_number": "999 000 0018"}
NAME = {"name": "Ada  Larkin", "born": "17", "born-month": "5", "born-year": "1957"}
REACH = {"mobile": "07700 900123", "mobile_again": "+44 7700 900123", "email": "ada@example.com"}
PROCEDURE = {
    "protocol": "nerve-root-block", "on": "19", "on-month": "10", "on-year": "2026", "at": "2.30pm",
}  # fmt: skip
ABOUT = {"attribute-diabetic": "yes", "attribute-steroid_given": "yes"}
PREFERENCES = {"channels": ["sms", "email"], "reference": "H 123"}
EVERYTHING = {**WHO, **NAME, **REACH, **PROCEDURE, **ABOUT, **PREFERENCES}
PAGES = {
    "name": NAME,
    "reach": REACH,
    "procedure": PROCEDURE,
    "about": ABOUT,
    "preferences": PREFERENCES,
}


def go_through(admin, **changed):
    """Fill in page after page, and return the page with all answers."""
    page = admin.post("/enrol", changed.get("who", WHO))
    for step, answers in PAGES.items():
        assert page.path.endswith(f"/{step}")
        page = admin.post(page.path, changed.get(step, answers))
    return page


def submit(admin, page):
    return admin.post(page.path)


def test_one_thing_a_page_leads_to_the_whole_timeline_and_then_to_the_patient(sqlite_app, admin):
    page = go_through(admin)

    assert page.heading.endswith("Check the answers before enrolling")
    for told in ("Ada Larkin", "17 May 1957", "+447700900123", "Nerve root block, Mon 19 Oct 2026"):
        assert told in page.text
    assert page.text.count("Blood sugar, by text") == 4
    assert "Red flags" not in page.text
    assert submit(admin, page).path.startswith("/patients/")
    (enrolment,) = rows(sqlite_app, Enrolment)
    assert enrolment.attributes == {"diabetic": True, "steroid_given": True}
    assert enrolment.procedure_at.isoformat() == "2026-10-19T13:30:00+00:00"
    assert enrolment.created_by == f"web:{admin.email}"
    (patient,) = rows(sqlite_app, Patient)
    assert read_patient(patient, sqlite_app.keyring).name == "Ada Larkin"


def test_the_quick_form_leads_to_the_same_check(sqlite_app, admin):
    page = admin.post("/enrol/quick", EVERYTHING)

    assert page.path.endswith("/check")
    assert submit(admin, page).path.startswith("/patients/")
    assert len(rows(sqlite_app, Enrolment)) == 1


def test_each_message_of_the_check_is_there_in_full_words_with_why_it_was_moved(admin):
    page = admin.post("/enrol/quick", {**EVERYTHING, "at": "2:30pm"})
    steps = [each for each in page.page.all("li") if "fu-step" in each.attributes["class"]]

    assert len(steps) == 14
    assert "wel trouble, new back pain or fever: NHS 111, your GP" in steps[0].text
    assert "Planned" in steps[0].text
    late = admin.post("/enrol/quick", {**EVERYTHING, "on": "10"})
    assert "Its time had passed when the patient was enrolled" in late.text


def test_sending_the_check_twice_enrols_once(sqlite_app, admin):
    page = go_through(admin)

    first, second = submit(admin, page), submit(admin, page)

    assert first.path == second.path
    assert len(rows(sqlite_app, Enrolment)) == 1


def test_two_forms_of_the_same_patient_lead_to_the_same_enrolment(sqlite_app, admin):
    one, other = go_through(admin), admin.post("/enrol/quick", EVERYTHING)

    assert submit(admin, one).path == submit(admin, other).path
    assert len(rows(sqlite_app, Enrolment)) == 1


def test_somebody_enrolled_already_is_said_as_soon_as_the_nhs_number_is_there(sqlite_app, admin):
    enrol_one(sqlite_app, 7)

    page = admin.post("/enrol", {"nhs_number": nhs_number(7)})

    assert "This patient is known here and enrolled already" in page.text
    assert "Nerve root block on Mon 19 Oct 2026" in page.links()
    assert page.values(page.path)["name"] == "Test Patient-00007"
    viewed = [event for event in rows(sqlite_app, AuditEvent) if event.action == "patient.viewed"]
    assert len(viewed) == 1


def test_going_back_keeps_the_answers(admin):
    page = go_through(admin)
    base = page.path.removesuffix("check")

    for step, answers in PAGES.items():
        held = admin.get(base + step)
        shown = held.values(base + step)
        for name, value in answers.items():
            if isinstance(value, str):
                assert shown[name] == value


def test_a_change_from_the_check_leads_back_to_it(admin):
    page = go_through(admin)
    (change,) = [href for text, href in page.links().items() if text == "Change mobile and e-mail"]

    asked = admin.get(change)
    answers = {**REACH, "email": "other@example.com", "then": "check"}
    again = admin.post(asked.path.partition("?")[0], answers)

    assert again.path == page.path
    assert "other@example.com" in again.text


def test_a_change_that_clashes_with_another_answer_asks_for_that_one(admin):
    page = go_through(admin)

    asked = admin.post(
        page.path.replace("check", "reach"), {**REACH, **NO_MOBILE, "then": "check"}, status=422
    )

    assert "/preferences?" in asked.path
    assert asked.errors == ["There is no mobile number to write to"]


NO_MOBILE = {"mobile": "", "mobile_again": ""}


def test_the_answers_are_sealed_in_the_database(sqlite_app, admin, tmp_path):
    go_through(admin)

    raw = b"".join(each.read_bytes() for each in tmp_path.iterdir() if each.is_file())
    for told in (b"Larkin", b"7700900123", b"7700 900123", b"9990000018", b"ada@example"):
        assert told not in raw


def test_nothing_of_a_patient_stands_in_an_address(admin):
    page = go_through(admin)

    assert re.fullmatch(r"/enrol/[0-9a-f-]{36}/check", page.path)


def test_the_answers_of_one_are_not_for_another(sqlite_app, admin, joined):
    page = go_through(admin)

    joined(Role.ENROL).get(page.path, status=404)


def test_neither_diabetes_nor_steroid_is_answered_by_itself(admin):
    page = admin.get("/enrol/quick")

    radios = page.page.all("input", type="radio")
    assert radios
    assert not [radio for radio in radios if "checked" in radio.attributes]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"nhs_number": "999 000 0019"}, "Enter a valid NHS number"),
        ({"name": " "}, "Enter the patient’s full name"),
        ({"name": "Mr & Mrs Walker"}, "This may name more than one person: enter each patient"),
        ({"name": "Ren?e Hale"}, "Letters of this name were lost"),
        ({"born": "31", "born-month": "2"}, "Enter a real date"),
        ({"born": ""}, "Enter the date of birth"),
        ({"born-year": "2027"}, "Check the year of birth"),
        ({"mobile_again": "07700 900124"}, "The two mobile numbers differ: ask the patient again"),
        ({"mobile_again": ""}, "Type the number again, or send a test text to it"),
        (
            {"mobile": "01752 437706", "mobile_again": "01752 437706"},
            "This number can't take texts: give a mobile number, or leave it out",
        ),
        ({**NO_MOBILE, "email": ""}, "Enter a mobile number or an e-mail address"),
        (NO_MOBILE, "There is no mobile number to write to"),
        ({"email": "ada"}, "This is not an e-mail address: write it as name@example.com, or leave"),
        ({"attribute-diabetic": ""}, "Answer yes or no: Does the patient have diabetes?"),
        ({"channels": []}, "Choose how the patient wants to get the messages"),
        ({"at": "25:00"}, "Enter the time of the procedure, like 14:30 or 2:30pm"),
        ({"at": "13:00pm"}, "Enter the time of the procedure, like 14:30 or 2:30pm"),
        (
            {"on-month": "2", "on-year": "2027"},
            "This is more than 90 days ahead: enrol nearer to the day",
        ),
        ({"on-month": "8"}, "This is more than 42 days ago: no advice would be useful"),
        ({"reference": "x" * 81}, "Use at most 80 characters"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_beside_it_and_the_rest_is_kept(sqlite_app, admin, changed, told):
    answers = {**EVERYTHING, **changed}

    page = admin.post("/enrol/quick", answers, status=422)

    assert any(each.startswith(told) for each in page.errors), page.errors
    shown = page.values("/enrol/quick")
    for name in ("name", "email", "reference"):
        assert shown[name] == answers[name].strip()
    assert rows(sqlite_app, Enrolment) == []


def test_a_month_may_be_written_by_its_name(sqlite_app, admin):
    page = admin.post("/enrol/quick", {**EVERYTHING, "born-month": "May", "on-month": "oct"})

    assert "Going home" in page.text
    refused = admin.post("/enrol/quick", {**EVERYTHING, "born-month": "Mayor"}, status=422)
    assert refused.errors == ["Enter a real date"]


def test_a_date_is_judged_before_clinic_and_procedure_are_chosen(sqlite_app):
    form = Form.of(**{"on": "1", "on-month": "2", "on-year": "2031", "at": "14:30"})
    reading = Reading(sqlite_app, form, ["derriford-pain", "derriford-pain"])

    reading.request()

    told = {problem.field: problem.message for problem in reading.problems}
    assert told["on"] == "This is more than 90 days ahead: enrol nearer to the day"
    assert {"clinic", "protocol"} <= told.keys()


def test_a_page_complains_of_its_own_fields_alone(admin):
    page = admin.post("/enrol", {"nhs_number": "123"}, status=422)

    assert len(page.errors) == 1


def test_a_time_that_the_clocks_skip_or_repeat_is_asked_about(sqlite_app, admin):
    page = admin.post("/enrol/quick", {**EVERYTHING, "on": "25", "at": "01:30"}, status=422)

    assert "show this time twice" in page.errors[0]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("14:30", "13:30"), ("2pm", "13:00"), ("9.05", "08:05"), ("1430", "13:30"),
     ("12:15 am", "23:15"), ("12pm", "11:00")],
)  # fmt: skip
def test_a_time_may_be_written_as_people_write_it(sqlite_app, admin, written, meant):
    page = admin.post("/enrol/quick", {**EVERYTHING, "at": written})

    submit(admin, page)

    (enrolment,) = rows(sqlite_app, Enrolment)
    assert f"{enrolment.procedure_at:%H:%M}" == meant


def test_a_reference_of_another_patient_is_refused_in_words(sqlite_app, admin):
    enrol_one(sqlite_app, 1, reference="H 123")

    page = admin.post("/enrol/quick", EVERYTHING, status=422)

    assert "belongs to enrolment" in page.errors[0]


def test_nobody_can_enrol_at_a_clinic_that_is_not_theirs(sqlite_app, joined):
    stranger = joined(Role.ENROL, clinics=["elsewhere"])

    stranger.post("/enrol/quick", {**EVERYTHING, "clinic": "derriford-pain"}, status=404)

    assert rows(sqlite_app, Enrolment) == []


def test_what_is_enrolled_here_goes_out_as_anything_else(sqlite_app, admin):
    submit(admin, go_through(admin))

    with sqlite_app.store.read() as session:
        count = session.scalar(select(func.count()).select_from(Message))
    assert count == 14


def test_one_who_wants_no_messages_is_told_of_before_and_after_enrolling(sqlite_app, admin):
    submit(admin, go_through(admin))
    [patient] = rows(sqlite_app, Patient)
    by = sqlite_app.by("patient")
    sqlite_app.store.transact(
        lambda session: lodge_objection(session, by, patient=patient, channel=None, source="sms")
    )
    told = "The patient wants no messages since Mon 19 Oct 2026, 3pm; nothing will be sent."

    page = go_through(
        admin, procedure=PROCEDURE | {"on": "18"}, preferences=PREFERENCES | {"reference": "H 2"}
    )
    assert told in page.text
    done = submit(admin, page)

    assert f"The patient is enrolled. {told}" in done.text
    assert "Below is what they will get" not in done.text
    assert "Enrolled after asking us to stop" in done.text


# ---------------------------------------------------------- enrolled already, and different


def entered(visitor, **changes):
    return visitor.post("/enrol/quick", {**EVERYTHING, **changes})


def pressed(visitor, page, on_conflict):
    return visitor.post(page.path, {"on_conflict": on_conflict})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"attribute-diabetic": "no"}, "Different are: the answer on diabetic."),
        (
            {"mobile": "07700 900555", "mobile_again": "07700 900555"},
            "Different are: mobile number.",
        ),
        ({"name": "Ada Larking"}, "Different are: name."),
    ],
    ids=["answer", "mobile", "name"],
)
def test_what_differs_from_an_enrolment_is_named_and_applied_by_choice(
    sqlite_app, admin, changes, named
):
    submit(admin, entered(admin))
    before = len(rows(sqlite_app, Message))

    page = entered(admin, **changes)

    assert "Enrolled already, with other answers" in page.text
    assert named in page.text
    assert "Enrol the patient" not in page.text
    assert submit_plainly(admin, page).path == page.path
    assert len(rows(sqlite_app, Message)) == before

    assert pressed(admin, page, "update").path.startswith("/patients/")
    assert len(rows(sqlite_app, Enrolment)) == 1
    assert "enrolment.corrected" in {event.action for event in rows(sqlite_app, AuditEvent)}


def submit_plainly(visitor, page):
    return visitor.post(page.path, {})


def test_another_time_that_day_is_moved_by_choice(sqlite_app, admin):
    submit(admin, entered(admin, at="09:00"))

    page = entered(admin, at="09:40", reference="H 124")
    moved = pressed(admin, page, "update")

    assert "Enrolled for another time that day" in page.text
    assert "Move it to this time" in page.text
    assert moved.path.startswith("/patients/")
    (enrolment,) = rows(sqlite_app, Enrolment)
    assert enrolment.procedure_at.isoformat() == "2026-10-19T08:40:00+00:00"


def test_a_follow_up_that_was_ended_is_started_again_by_choice(sqlite_app, admin):
    submit(admin, entered(admin, reference="R-1"))
    (enrolment,) = rows(sqlite_app, Enrolment)
    withdraw_enrolment(sqlite_app, enrolment.id, reason="wrong list", actor="web:b")

    page = entered(admin, reference="R-1")
    opened = pressed(admin, page, "reopen")

    assert "This follow-up was ended" in page.text
    assert opened.path.startswith("/patients/")
    (enrolment,) = rows(sqlite_app, Enrolment)
    assert enrolment.state == "active"


def test_an_older_follow_up_that_ends_is_said_before_the_patient_is_enrolled(sqlite_app, admin):
    submit(admin, entered(admin, at="09:00", on="15", reference="R-1"))

    page = entered(admin, reference="R-2")
    patient = submit(admin, page)

    assert "The follow-up after the procedure of Thu 15 Oct 2026, 9am goes over" in page.text
    assert "A newer follow-up takes over" in patient.text
    assert "the follow-up of a newer procedure takes over" in patient.text.lower()


@pytest.mark.parametrize(
    ("button", "told"),
    [("same", "continues under the record that was there"), ("two", "They are two people")],
)
def test_whether_it_is_the_same_person_is_settled_in_needs_attention(
    sqlite_app, admin, button, told
):
    bare = {"nhs_number": "", "reference": ""}
    submit(admin, entered(admin, **bare, at="09:00", on="15", name="Siân Larkin"))
    page = entered(admin, **bare, name="Sian Larkin")
    assert "This may be a patient who is known here under other details" in page.text
    submit(admin, page)
    (item,) = rows(sqlite_app, WorklistItem)

    shown = admin.get(f"/attention/{item.id}")
    settled = admin.post(f"/attention/{item.id}/{button}")

    assert "Is this the same person?" in shown.text
    assert "Siân Larkin" in shown.text
    assert "Sian Larkin" in shown.text
    assert "Close" not in shown.links()
    assert told in settled.text
    record = admin.get(f"/patients/{item.patient_id}")
    assert ("This is the same person as in another record" in record.text) is (button == "same")
    (item,) = rows(sqlite_app, WorklistItem)
    assert item.state == "closed"
