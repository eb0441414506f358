"""A patient's page: what they got and will get, and everything that can be done from there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event, update

from followup.domain.channel import ChannelKind
from followup.domain.roles import Role
from followup.patients import search_limit
from followup.patients.records import read_patient
from followup.patients.search_limit import MOST_FOUND
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Objection, Patient
from followup.store.models.staff import Call
from tests.support.apps import (
    actions,
    clock_of,
    enrol_many,
    enrol_one,
    messages,
    rows,
    run_jobs,
    run_until,
    sms_of,
    states,
)
from tests.support.people import ENROLLED_AT, nhs_number
from tests.support.scripted_channel import refuse


@pytest.fixture
def enrolment(sqlite_app):
    return enrol_one(sqlite_app, 1, diabetic=True)


@pytest.fixture
def patient(sqlite_app, enrolment):
    """The path of the page of somebody who was just enrolled."""
    return f"/patients/{rows(sqlite_app, Patient)[0].id}"


@pytest.fixture
def texts_alone(sqlite_app):
    """The path of the page of somebody who agreed to texts alone, and has an e-mail address."""
    enrol_one(sqlite_app, 1, channels=(ChannelKind.SMS,))
    return f"/patients/{rows(sqlite_app, Patient)[0].id}"


def steps(page, kind):
    """Return the words of each entry of a kind in the timeline."""
    return [
        each.text
        for each in page.page.all("li")
        if kind in each.attributes.get("class", "").split()
    ]


# ----------------------------------------------------------------------------- searching


@pytest.mark.parametrize(
    "wanted",
    [
        nhs_number(7),
        "07700 900007",
        "+447700900007",
        "Patient7@example.com",
        "REF-7",
        "patient-00007",
    ],
)
def test_a_patient_is_found_by_what_is_at_hand(sqlite_app, admin, wanted):
    enrol_many(sqlite_app, 9)

    page = admin.post("/patients", {"wanted": wanted})

    assert [text for text in page.links() if text.startswith("Test")] == ["Test Patient-00007"]
    assert wanted not in page.path


def test_three_letters_find_so_many_and_less_nobody_and_it_says_what_to_do(sqlite_app, admin):
    enrol_many(sqlite_app, MOST_FOUND + 2)

    page = admin.post("/patients", {"wanted": "Pat"})
    assert f"Only the latest {MOST_FOUND} are shown" in page.text
    assert page.values("/patients")["wanted"] == "Pat"
    assert not [text for text in page.links() if "Next" in text]

    page = admin.post("/patients", {"wanted": "Patricia Test"})
    assert "Nobody has exactly that name" in page.text

    assert "Nobody was found" in admin.post("/patients", {"wanted": "Pa"}).text


def test_nobody_reads_the_patients_off_letter_by_letter(sqlite_app, admin, monkeypatch):
    monkeypatch.setattr(search_limit, "MOST_LISTS", 2)
    for wanted in ("Pat", "Tes"):
        admin.post("/patients", {"wanted": wanted})

    page = admin.post("/patients", {"wanted": "Ann"}, status=422)

    assert page.errors == [
        "You have searched 2 times in 10 minutes: wait a few minutes, and search again"
    ]


def test_the_list_goes_on_page_by_page(sqlite_app, admin):
    enrol_many(sqlite_app, 53)

    first = admin.get("/patients")
    second = admin.get(
        first.links()["Next page"]
        if "Next page" in first.links()
        else next(href for text, href in first.links().items() if "Next" in text)
    )

    names = [text for page in (first, second) for text in page.links() if text.startswith("Test")]
    assert len(names) == len(set(names)) == 53


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({"state": "active"}, 3),
        ({"state": "paused"}, 0),
        ({"since": "19", "since-month": "10", "since-year": "2026"}, 3),
        ({"since": "20", "since-month": "10", "since-year": "2026"}, 0),
        ({"until": "19", "until-month": "10", "until-year": "2026"}, 3),
        ({"until": "18", "until-month": "10", "until-year": "2026"}, 0),
    ],
    ids=str,
)
def test_the_list_is_narrowed_by_state_and_date(sqlite_app, admin, given, count):
    enrol_many(sqlite_app, 3)

    page = admin.post("/patients", {"wanted": "", **given})

    assert len([text for text in page.links() if text.startswith("Test")]) == count


def test_a_date_that_does_not_exist_is_said_so(admin):
    page = admin.post(
        "/patients", {"since": "31", "since-month": "2", "since-year": "2026"}, status=422
    )

    assert page.errors == ["Enter a real date"]


def test_searching_is_recorded_without_what_was_searched_for(sqlite_app, auditor, enrolment):
    auditor.post("/patients", {"wanted": nhs_number(1)})

    (event,) = [each for each in rows(sqlite_app, AuditEvent) if each.action == "patients.listed"]
    assert (event.actor, event.detail) == (f"web:{auditor.email}", {"shown": 1, "by": "nhs-number"})


# ------------------------------------------------------------------------------- looking


def test_contacts_are_masked_until_somebody_asks_and_that_is_recorded(sqlite_app, auditor, patient):
    page = auditor.get(patient)
    assert "+447700900001" not in page.html
    assert "patient1@example.com" not in page.html
    assert nhs_number(1) not in page.html

    shown = auditor.post(f"{patient}/reveal")

    for told in ("+447700900001", "patient1@example.com", nhs_number(1)):
        assert told in shown.text
    assert actions(sqlite_app)[-2:] == ["patient.viewed", "patient.revealed"]


def test_no_patient_stands_in_a_title(admin, patient):
    assert admin.get(patient).page.one("title").text == "Patient – REF-1, day 0 – Follow-up"


def test_what_was_sent_stands_before_now_and_the_rest_behind(sqlite_app, joined, patient):
    run_until(sqlite_app, ENROLLED_AT + timedelta(days=1, hours=12))

    page = joined(Role.AUDIT).get(patient)

    assert len(steps(page, "fu-past")) + len(steps(page, "fu-future")) >= 14
    marks = [
        each.attributes["class"].split()[-1 if "fu-now" in each.attributes["class"] else 1]
        for each in page.page.one("ol", **{"class": "fu-timeline"}).all("li")
    ]
    assert marks.count("fu-now") == 1
    now = marks.index("fu-now")
    assert set(marks[:now]) == {"fu-past"}
    assert set(marks[now + 1 :]) == {"fu-future"}
    assert any("Taking the dressing off" in each for each in steps(page, "fu-past"))


def test_texts_from_the_patient_stand_in_the_same_line(sqlite_app, admin, patient):
    write(sqlite_app, "It itches a bit")

    page = admin.get(patient)

    assert any("The patient wrote It itches a bit" in each for each in steps(page, "fu-past"))
    assert "Reply from a patient, since" in page.text


def test_an_answer_stands_after_the_text_that_it_answers(sqlite_app, joined, patient):
    write(sqlite_app, "is this thing on", written_at=sqlite_app.clock.real_now())
    run_jobs(sqlite_app)
    with sqlite_app.store.write() as session:
        # As where the provider's clock is a little ahead of ours.
        [answer] = session.query(Message).filter_by(kind="reply")
        answer.sent_at = answer.due_at = ENROLLED_AT - timedelta(seconds=30)

    page = joined(Role.ENROL).get(patient)

    told = [each.text for each in page.page.all("li") if "fu-step" in str(each.attributes)]
    wrote = next(place for place, each in enumerate(told) if "is this thing on" in each)
    title = sqlite_app.content.cards["reply-signs"].title
    answered = next(place for place, each in enumerate(told) if title in each)
    assert wrote < answered


def write(app, body, serial=1, *, written_at=None):
    take_inbound(
        app,
        InboundText(
            provider_id=f"SM{body}",
            from_=f"+447700900{serial:03d}",
            to="+447700900999",
            body=body,
            written_at=written_at,
        ),
        provider="sandbox",
    )


@pytest.mark.parametrize("what", ["", "/reveal", "/contacts", "/stop", "/call"])
def test_a_patient_of_another_clinic_is_not_there(joined, patient, what):
    stranger = joined(clinics=["elsewhere"])
    method = stranger.post if what == "/reveal" else stranger.get

    assert method(patient + what, status=404).heading == "Page not found"


@pytest.mark.parametrize("what", ["pause", "resume", "end", "time"])
def test_an_enrolment_of_another_clinic_is_not_there(joined, sqlite_app, enrolment, what):
    joined(clinics=["elsewhere"]).post(f"/enrolments/{enrolment}/{what}", status=404)

    assert set(states(sqlite_app, enrolment).values()) == {"planned"}


def test_the_list_of_another_clinic_is_empty(joined, enrolment):
    page = joined(clinics=["elsewhere"]).get("/patients")

    assert "Nobody is enrolled yet" in page.text


def test_who_may_only_read_is_offered_nothing_to_change(auditor, patient):
    page = auditor.get(patient)

    for offered in ("Pause", "Stop messages", "Record a call", "Change time"):
        assert offered not in page.text


# ------------------------------------------------------------------------------ changing


def test_pausing_holds_everything_and_resuming_lets_it_go(sqlite_app, admin, patient, enrolment):
    page = admin.post(f"/enrolments/{enrolment}/pause")
    assert "The follow-up is paused" in page.page.text
    assert set(states(sqlite_app, enrolment).values()) == {"held"}

    page = admin.post(f"/enrolments/{enrolment}/resume")
    assert "The follow-up is resumed" in page.page.text
    assert set(states(sqlite_app, enrolment).values()) == {"planned"}
    who = [e.actor for e in rows(sqlite_app, AuditEvent) if e.action == "enrolment.paused"]
    assert who == [f"web:{admin.email}"]


def test_answers_are_changed_once_it_is_known_what_was_injected(sqlite_app, admin, enrolment):
    path = f"/enrolments/{enrolment}/answers"
    asked = admin.get(path)
    held = asked.values(path)
    assert (held["attribute-diabetic"], held["attribute-steroid_given"]) == ("yes", "yes")

    refused = admin.post(path, {"attribute-diabetic": "no"}, status=422)
    assert "Does the injection contain a steroid?" in refused.text
    page = admin.post(path, {**held, "attribute-steroid_given": "no"})

    assert "The answers were changed. What is not sent yet is planned again." in page.page.text
    assert "Enrolment corrected: the answer on steroid given" in page.text
    left = [one.step for one in messages(sqlite_app, enrolment) if one.state == "planned"]
    assert "sugar" not in left
    assert "dressing" in left


def test_a_changed_time_is_shown_before_and_after_and_only_then_done(sqlite_app, admin, enrolment):
    asked = admin.get(f"/enrolments/{enrolment}/time")
    held = asked.values(f"/enrolments/{enrolment}/time")
    assert (held["on"], held["at"]) == ("19", "14:30")

    shown = admin.post(f"/enrolments/{enrolment}/time", {**held, "on": "20"})
    assert "from Mon 19 Oct 2026, 2:30pm to Tue 20 Oct 2026, 2:30pm" in shown.text
    assert rows(sqlite_app, Enrolment)[0].generation == 1

    page = admin.post(
        f"/enrolments/{enrolment}/time", shown.values(f"/enrolments/{enrolment}/time")
    )
    assert "Timeline updated" in page.page.text
    moved = rows(sqlite_app, Enrolment)[0]
    assert (moved.generation, moved.procedure_at.day) == (2, 20)
    assert "Timeline updated: procedure on Tue 20 Oct 2026, 2:30pm" in page.text


def test_what_was_sent_is_said_to_come_again_or_not_and_why_and_a_person_decides(
    sqlite_app, joined, enrolment
):
    run_until(sqlite_app, ENROLLED_AT + timedelta(minutes=1))
    path, admin = f"/enrolments/{enrolment}/time", joined(Role.ENROL)
    when = {"on": "20", "on-month": "10", "on-year": "2026", "at": "15:30"}

    near = admin.post(path, {**when, "on": "19"})
    assert "Not sent again: it was sent on Mon 19 Oct 2026, 3pm" in near.text
    assert near.values(path).get("again") is None

    shown = admin.post(path, when)
    assert "Sent again: it was sent on Mon 19 Oct 2026, 3pm, before its new time" in shown.text
    assert "Do not follow the advice we sent you before this message yet." in shown.text
    held = shown.values(path)
    assert (held["again"], held["correction"]) == ("going-home", "yes")

    admin.post(path, {name: value for name, value in held.items() if name != "again"})
    assert [one.state for one in messages(sqlite_app) if one.step == "going-home"] == ["sent"]
    assert [one.state for one in messages(sqlite_app) if one.step == "procedure-moved"] == [
        "planned"
    ]


def test_a_time_too_far_away_is_refused(admin, enrolment):
    page = admin.post(
        f"/enrolments/{enrolment}/time",
        {"on": "20", "on-month": "2", "on-year": "2027", "at": "14:30"},
        status=422,
    )

    assert page.errors == ["This is more than 90 days ahead: enrol nearer to the day"]


def test_ending_asks_why_and_stops_everything(sqlite_app, admin, enrolment):
    refused = admin.post(f"/enrolments/{enrolment}/end", {}, status=422)
    assert refused.errors == ["Choose why the follow-up ends"]

    page = admin.post(f"/enrolments/{enrolment}/end", {"why": "patient", "reason": "moving away"})

    assert "Nothing more goes out" in page.page.text
    assert set(states(sqlite_app, enrolment).values()) == {"cancelled"}
    assert "Change time" not in page.text


def test_a_finished_follow_up_says_so_and_is_active_again_once_it_is_moved(
    sqlite_app, joined, enrolment
):
    clock_of(sqlite_app).advance(timedelta(days=60))
    run_jobs(sqlite_app)
    admin = joined(Role.ENROL)

    (found,) = rows(sqlite_app, Enrolment)
    page = admin.get(f"/patients/{found.patient_id}")
    assert "Finished" in page.text
    assert "Follow-up finished" in page.text
    assert "Record a death or a mistake" in page.links()
    for offered in ("Pause", "Resume", "End the follow-up"):
        assert offered not in page.text
    listed = admin.post("/patients", {"wanted": "", "state": "finished"})
    assert [text for text in listed.links() if text.startswith("Test")]
    assert (
        admin.post("/patients", {"wanted": "", "state": "active"})
        .links()
        .keys()
        .isdisjoint(text for text in listed.links() if text.startswith("Test"))
    )

    day = sqlite_app.clock.now() + timedelta(days=1)
    when = {"on": str(day.day), "on-month": str(day.month), "on-year": str(day.year), "at": "14:30"}
    shown = admin.post(f"/enrolments/{enrolment}/time", when)
    assert "The follow-up has finished. It will be active again." in shown.text
    page = admin.post(
        f"/enrolments/{enrolment}/time", shown.values(f"/enrolments/{enrolment}/time")
    )
    assert "Follow-up active again" in page.text
    assert rows(sqlite_app, Enrolment)[0].state == "active"


def test_a_move_that_leaves_nothing_to_send_is_said_to_leave_it_finished(
    sqlite_app, joined, enrolment
):
    with sqlite_app.store.write() as session:
        # In time for whatever day the procedure is moved to.
        late = ENROLLED_AT + timedelta(days=365)
        session.execute(update(Message).values(state="delivered", sent_at=late))
    clock_of(sqlite_app).advance(timedelta(days=60))
    run_jobs(sqlite_app)
    day = sqlite_app.clock.now()

    shown = joined(Role.ENROL).post(
        f"/enrolments/{enrolment}/time",
        {"on": str(day.day), "on-month": str(day.month), "on-year": str(day.year), "at": "14:30"},
    )

    assert "No message is left to send: it stays finished." in shown.text


def test_a_death_is_recorded_and_said(sqlite_app, admin, enrolment):
    page = admin.post(f"/enrolments/{enrolment}/end", {"why": "died"})

    assert "The patient has died. Nothing is sent." in page.text
    assert rows(sqlite_app, Patient)[0].deceased_at is not None


def test_a_wish_to_stop_is_kept_until_the_patient_takes_it_back(
    sqlite_app, admin, patient, enrolment
):
    page = admin.post(f"{patient}/stop", {"channel": "all", "confirmed": "yes"})
    assert "The patient does not want messages" in page.text
    assert set(states(sqlite_app, enrolment).values()) == {"cancelled"}

    page = admin.post(f"{patient}/start")
    assert "does not want" not in page.links()
    assert "planned" in states(sqlite_app, enrolment).values()


def test_a_wish_about_texts_alone_lets_mails_go_on(sqlite_app, admin, patient):
    page = admin.post(f"{patient}/stop", {"channel": "sms", "confirmed": "yes"})

    assert "The patient does not want texts" in page.text


def test_what_was_past_at_enrolment_is_told_once_however_often_the_timeline_is_updated(
    sqlite_app, admin
):
    enrol_one(sqlite_app, channels=(ChannelKind.SMS,), procedure_at=ENROLLED_AT - timedelta(days=5))
    path = f"/patients/{rows(sqlite_app, Patient)[0].id}"
    past = "Its time had passed when the patient was enrolled"
    told = admin.get(path).text.count(past)
    assert told

    page = admin.post(f"{path}/stop", {"channel": "sms", "confirmed": "yes", "email": "yes"})

    assert "By e-mail instead" in page.text
    assert page.text.count(past) == told


def test_what_stops_is_shown_before_it_stops_and_the_timeline_tells_it_after(
    sqlite_app, admin, texts_alone
):
    path = texts_alone
    page = admin.post(f"{path}/stop", {"channel": "sms"})
    assert "These will not be sent" in page.text
    assert "an item asks staff to phone" in page.text
    assert "@example.com" in page.text
    assert rows(sqlite_app, Objection) == []

    refused = admin.post(f"{path}/stop", {"channel": "sms", "confirmed": "yes"}, status=422)
    assert refused.errors == [
        "Ask the patient whether they want these by e-mail, and choose yes or no"
    ]

    sent = {"channel": "sms", "confirmed": "yes", "email": "no"}
    page = admin.post(f"{path}/stop", sent)
    told = steps(page, "fu-future")
    assert told
    assert all("Will not be sent" in each for each in told)
    assert "Messages stopped: advice to give by phone" in page.text

    admin.post(f"{path}/start")
    page = admin.post(f"{path}/stop", {**sent, "email": "yes"})
    assert all("By e-mail instead" in each for each in steps(page, "fu-future"))
    assert "advice to give by phone" not in page.text


def test_what_to_stop_must_be_chosen(admin, patient):
    assert admin.post(f"{patient}/stop", {}, status=422).errors == [
        "Choose what the patient does not want"
    ]


def test_a_corrected_number_gets_what_failed_and_is_still_useful(
    sqlite_app, admin, patient, enrolment
):
    sms_of(sqlite_app).script(refuse("30005", recipient=True))
    run_until(sqlite_app, ENROLLED_AT + timedelta(minutes=5))

    page = admin.post(
        f"{patient}/contacts",
        {"mobile": "07700 900222", "mobile_again": "07700900222", "email": ""},
    )

    assert "contact details were changed" in page.page.text
    person = read_patient(rows(sqlite_app, Patient)[0], sqlite_app.keyring)
    assert person.mobile == "+447700900222"
    assert person.email == "patient1@example.com"
    assert "Details changed: mobile number" in page.text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "Enter a mobile number or an e-mail address"),
        ({"mobile": "07700900222", "mobile_again": "07700900223"}, "The two mobile numbers differ"),
        ({"mobile": "01752437706"}, "This number can't take texts"),
        ({"email": "ada"}, "This is not an e-mail address"),
    ],
    ids=str,
)
def test_a_wrong_correction_is_refused(admin, patient, given, told):
    page = admin.post(f"{patient}/contacts", given, status=422)

    assert page.errors[0].startswith(told)


def test_a_call_is_noted_sealed_and_shown(sqlite_app, admin, patient):
    admin.post(f"{patient}/call", {"outcome": "", "note": ""}, status=422)

    page = admin.post(f"{patient}/call", {"outcome": "spoke", "note": "All is well."})

    assert any(
        "Phone call: spoke to the patient" in each and "All is well." in each
        for each in steps(page, "fu-line-call")
    )
    assert b"All is well" not in rows(sqlite_app, Call)[0].note_sealed
    assert "patient.called" in actions(sqlite_app)


def test_an_ended_enrolment_says_in_words_that_it_can_not_be_paused(admin, enrolment):
    admin.post(f"/enrolments/{enrolment}/end", {"why": "clinic"})

    page = admin.post(f"/enrolments/{enrolment}/pause", status=409)

    assert page.heading == "This has changed meanwhile"


def test_the_page_asks_no_more_of_the_database_where_there_is_more_to_show(sqlite_app, admin):
    enrol_one(sqlite_app, 1)
    enrol_one(sqlite_app, 2, diabetic=True)
    few, many = (f"/patients/{each.id}" for each in rows(sqlite_app, Patient))
    for body in "abc":
        write(sqlite_app, body, serial=2)
    for path in (few, many):
        admin.get(path)

    assert statements(sqlite_app, lambda: admin.get(many)) == statements(
        sqlite_app, lambda: admin.get(few)
    )


def statements(app, act):
    """Return how many statements the database gets while something is done."""
    seen = []

    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    event.listen(app.store.engine, "before_cursor_execute", note)
    act()
    event.remove(app.store.engine, "before_cursor_execute", note)
    return len(seen)
