"""A number that is confirmed by a test text: at enrolment, and where a number is corrected."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from followup.consent.objections import lodge_objection_of_address
from followup.domain.kill_switch import SwitchScope
from followup.domain.message_kind import MessageKind
from followup.domain.roles import Role
from followup.enrolment.number_verification import CODE_LIFETIME, MOST_WRONG
from followup.messages.verification_code import HIDDEN_CODE, code_of
from followup.patients.records import address_index, read_patient
from followup.providers.twilio.channel import TwilioChannel
from followup.sending.kill_switches import activate_switch
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt, Message
from followup.store.models.patients import Patient
from followup.store.models.staff import NumberCheck
from followup.store.models.worklist import WorklistItem
from tests.stand_ins.twilio import TwilioStandIn
from tests.support.apps import (
    actions,
    balance_is_even,
    clock_of,
    enrol_one,
    make_app,
    rows,
    run_jobs,
    sms_of,
    tasks,
    tick,
)
from tests.support.people import EMAIL, ENROLLED_AT, SMS
from tests.support.scripted_channel import ScriptedChannel, refuse
from tests.web.console.conftest import make_asgi
from tests.web.console.patients.test_enrol import EVERYTHING, NAME, PAGES, REACH, WHO
from tests.web.console.test_attention import failed  # noqa: F401 - a fixture
from tests.web.console.visitors import join

MOBILE = "+447700900123"
NUMBER = {"mobile": "07700 900123", "mobile_again": "", "email": "ada@example.com"}
TEST = {**NUMBER, "do": "test"}


def at_reach(admin):
    return admin.post(admin.post("/enrol", WHO).path, NAME)


def asked(admin):
    """Ask for a test text on the contact page; return the page that asks for the code."""
    page = at_reach(admin)
    return admin.post(page.path, TEST)


def checks(app):
    return [one for one in rows(app, Message) if one.kind == MessageKind.CHECK]


def code(app):
    """Return the code of the text that went last, as the phone shows it."""
    return re.search(r"\b\d{4}\b", sms_of(app).texts[-1])[0]


def wrong(right):
    return f"{(int(right) + 1) % 10_000:04d}"


def through(admin, page, *, after="procedure"):
    """Fill in the rest of the form from a page on, and enrol."""
    for step in list(PAGES)[list(PAGES).index(after) :]:
        assert page.path.endswith(f"/{step}"), page.text
        page = admin.post(page.path, PAGES[step])
    return admin.post(page.path)


# ---------------------------------------------------------------------------------- enrolling


def test_the_code_of_the_text_confirms_the_number_and_enrols_without_typing_it_twice(
    app, make_admin
):
    admin = make_admin(app)
    page = asked(admin)
    assert page.heading.endswith("Enter the code from the text")
    assert "07700 900123" in page.text
    tick(app)

    page = admin.post(page.path, {"code": code(app)})
    done = through(admin, page)

    assert done.heading == "Patient"
    (patient,) = rows(app, Patient)
    assert read_patient(patient, app.keyring).mobile == MOBILE
    assert (patient.mobile_confirmed, patient.mobile_confirmed_by) == (
        "test-text", f"web:{admin.email}"
    )  # fmt: skip
    assert patient.mobile_confirmed_at == ENROLLED_AT
    assert "Confirmed by a test text, Mon 19 Oct 2026, 3pm, by" in done.text
    assert "Test text to a number" in done.text


def test_the_text_names_the_clinic_and_holds_no_advice(sqlite_app, admin):
    asked(admin)
    tick(sqlite_app)

    (text,) = sms_of(sqlite_app).texts
    assert re.fullmatch(
        r"Derriford Pain Clinic: your code is \d{4}\. Please read it out to the person who asked "
        r"for your number\. Not you\? Then ignore this text\. To stop, reply STOP\.",
        text,
    )


def test_the_text_becomes_the_patients_own_sealed_under_their_key(sqlite_app, admin):
    page = asked(admin)
    tick(sqlite_app)
    through(admin, admin.post(page.path, {"code": code(sqlite_app)}))

    (message,), (patient,) = checks(sqlite_app), rows(sqlite_app, Patient)
    assert message.patient_id == patient.id
    sealer = sqlite_app.keyring.patient(patient.data_key, patient.master_key_id)
    assert sealer.open(message.address_sealed, column="messages.address") == MOBILE
    (attempt,) = [one for one in rows(sqlite_app, Attempt) if one.message_id == message.id]
    assert "your code is" in sealer.open(
        attempt.body_sealed, column="attempts.body", row=attempt.id
    )
    run_jobs(sqlite_app)
    balance_is_even(sqlite_app)


def test_the_quick_form_asks_for_the_code_and_then_shows_the_check(sqlite_app, admin):
    page = admin.post("/enrol/quick", {**EVERYTHING, "mobile_again": "", "do": "test"})
    assert page.path.endswith("/code?then=check")
    tick(sqlite_app)

    page = admin.post(page.path.partition("?")[0], {"code": code(sqlite_app), "then": "check"})

    assert page.path.endswith("/check")
    assert "+447700900123, confirmed by a test text" in page.text
    assert admin.post(page.path).heading == "Patient"


def test_a_number_typed_twice_is_noted_as_that(sqlite_app, admin):
    page = admin.post("/enrol/quick", EVERYTHING)
    assert "+447700900123, typed twice" in page.text
    admin.post(page.path)

    (patient,) = rows(sqlite_app, Patient)
    assert patient.mobile_confirmed == "retyped"
    assert patient.mobile_confirmed_by == f"web:{admin.email}"
    assert checks(sqlite_app) == []


def test_another_system_confirms_nothing(sqlite_app):
    enrol_one(sqlite_app, 1)

    assert rows(sqlite_app, Patient)[0].mobile_confirmed is None


def test_the_audit_says_who_confirmed_which_way(sqlite_app, admin, auditor):
    page = asked(admin)
    tick(sqlite_app)
    admin.post(page.path, {"code": wrong(code(sqlite_app))}, status=422)
    through(admin, admin.post(page.path, {"code": code(sqlite_app)}))

    told = [one for one in actions(sqlite_app) if one.startswith("number.")]
    assert told == ["number.tested", "number.code-wrong", "number.confirmed"]
    (created,) = [one for one in rows(sqlite_app, AuditEvent) if one.action == "enrolment.created"]
    assert created.detail["number"] == "test-text"
    text = auditor.get("/audit").text
    assert "entered the right code of a test text" in text
    assert "number confirmed by a test text" in text


# ------------------------------------------------------------------------------ wrong and late


def test_a_wrong_code_is_said_and_the_third_is_the_last(sqlite_app, admin):
    page = asked(admin)
    tick(sqlite_app)
    right = code(sqlite_app)

    for _ in range(MOST_WRONG - 1):
        told = admin.post(page.path, {"code": wrong(right)}, status=422)
        assert told.errors == [
            "This is not the code of the last text: ask the patient to read it out again"
        ]
    for entered in (wrong(right), right):
        told = admin.post(page.path, {"code": entered}, status=422)
        assert told.errors == ["Too many wrong codes: send another text, or type the number again"]


def test_a_code_is_good_for_ten_minutes(sqlite_app, admin):
    page = asked(admin)
    tick(sqlite_app)
    clock_of(sqlite_app).advance(CODE_LIFETIME)

    told = admin.post(page.path, {"code": code(sqlite_app)}, status=422)

    assert told.errors == [
        "The code is no longer good: send another text, or type the number again"
    ]


def test_no_code_at_all_is_no_try(sqlite_app, admin):
    page = asked(admin)

    for _ in range(MOST_WRONG + 1):
        assert admin.post(page.path, {"code": " "}, status=422).errors == [
            "Enter the code of the text"
        ]
    assert rows(sqlite_app, NumberCheck)[0].wrong == 0


def test_another_text_has_another_code_and_there_are_three_at_most(sqlite_app, admin):
    page = asked(admin)
    tick(sqlite_app)
    first = code(sqlite_app)
    for _ in range(2):
        clock_of(sqlite_app).advance(timedelta(seconds=30))
        page = admin.post(f"{page.path.removesuffix('/again')}/again")
        tick(sqlite_app)
    last = code(sqlite_app)
    assert first != last
    assert "Send another text" not in page.text

    told = admin.post(f"{page.path}/again", status=422)
    assert told.errors == ["Enough test texts went to this number: type it again instead"]
    admin.post(page.path, {"code": first}, status=422)
    assert admin.post(page.path, {"code": last}).path.endswith("/procedure")
    assert len(checks(sqlite_app)) == 3


@pytest.mark.slow
def test_nobodys_phone_is_flooded_by_one_form_after_another(sqlite_app, admin):
    for _ in range(6):
        assert asked(admin).path.endswith("/code")

    refused = admin.post(at_reach(admin).path, TEST, status=422)

    assert refused.errors == ["Enough test texts went to this number: type it again instead"]
    clock_of(sqlite_app).advance(timedelta(hours=1))
    later = join(sqlite_app, make_asgi(sqlite_app), Role.ENROL)
    assert asked(later).path.endswith("/code")


def test_a_code_is_for_its_own_number_alone(sqlite_app, admin):
    page = asked(admin)
    tick(sqlite_app)
    admin.post(page.path, {"code": code(sqlite_app)})
    reach = page.path.replace("/code", "/reach")

    told = admin.post(reach, {**NUMBER, "mobile": "07700 900124"}, status=422)

    assert told.errors == ["Type the number again, or send a test text to it"]
    assert admin.post(reach, NUMBER).path.endswith("/procedure")


def test_a_code_confirms_nothing_in_another_form(sqlite_app, admin):
    page = asked(admin)
    tick(sqlite_app)
    admin.post(page.path, {"code": code(sqlite_app)})

    for path, answers in (
        ("/enrol/quick", {**EVERYTHING, "mobile_again": ""}),
        (at_reach(admin).path, NUMBER),
    ):
        told = admin.post(path, answers, status=422)

        assert told.errors == ["Type the number again, or send a test text to it"]


def test_the_form_of_one_is_not_for_another(sqlite_app, admin, joined):
    page = asked(admin)
    other = joined(Role.ENROL)

    other.get(page.path, status=404)
    other.post(page.path, {"code": "1234"}, status=404)
    other.post(f"{page.path}/again", status=404)


# ------------------------------------------------------------------------- what keeps it back


def test_typing_the_number_again_is_always_open(sqlite_app, admin):
    page = asked(admin)
    (back,) = [
        href for text, href in page.links().items() if text.startswith("Type the number again")
    ]

    assert admin.get(back).values(back)["mobile"] == "07700 900123"
    through(admin, admin.post(back, REACH))

    assert rows(sqlite_app, Patient)[0].mobile_confirmed == "retyped"


def test_a_number_that_wants_no_texts_gets_none(sqlite_app, admin):
    index = address_index(sqlite_app.keyring.indexes, SMS, MOBILE)
    with sqlite_app.store.write() as session:
        lodge_objection_of_address(
            session, sqlite_app.by("patient"), contact_index=index, source="sms"
        )

    told = admin.post(at_reach(admin).path, TEST, status=422)

    assert told.errors == ["Whoever has this number wants no texts: type it again instead"]
    assert checks(sqlite_app) == []


def test_a_wish_that_comes_before_the_text_goes_is_honoured(sqlite_app, admin):
    page = asked(admin)
    index = address_index(sqlite_app.keyring.indexes, SMS, MOBILE)
    with sqlite_app.store.write() as session:
        lodge_objection_of_address(
            session, sqlite_app.by("patient"), contact_index=index, source="sms"
        )
    tick(sqlite_app)

    assert sms_of(sqlite_app).texts == []
    assert "Not sent" in admin.get(page.path).text


def test_a_kill_switch_is_said_at_once_and_holds_what_was_asked_for_before(sqlite_app, admin):
    page = asked(admin)
    activate_switch(sqlite_app, SwitchScope.CHANNEL, "sms", reason="a test", actor="cli:test")
    tick(sqlite_app)

    assert sms_of(sqlite_app).texts == []
    assert "Sending is stopped by a kill switch" in admin.get(page.path).text
    told = admin.post(f"{page.path}/again", status=422)
    assert told.errors == ["Sending is stopped at the moment: type the number again instead"]
    clock_of(sqlite_app).advance(CODE_LIFETIME)
    run_jobs(sqlite_app)
    assert [one.state for one in checks(sqlite_app)] == ["expired"]


def test_a_text_that_does_not_arrive_is_said_and_asks_nobody(sqlite_app, admin):
    sms_of(sqlite_app).script(refuse("21211", recipient=True))
    page = asked(admin)
    run_jobs(sqlite_app)

    page = admin.get(page.path)

    assert "Not delivered" in page.text
    assert "Correct the number or type it again" in page.links()
    assert tasks(sqlite_app) == []
    balance_is_even(sqlite_app)


def test_a_form_that_is_given_up_leaves_the_text_in_the_record_and_nothing_else(sqlite_app, admin):
    asked(admin)
    run_jobs(sqlite_app)
    clock_of(sqlite_app).advance(timedelta(days=2))
    run_jobs(sqlite_app)

    assert [one.state for one in checks(sqlite_app)] == ["sent"]
    assert rows(sqlite_app, Patient) == rows(sqlite_app, Enrolment) == []
    assert rows(sqlite_app, WorklistItem) == []
    balance_is_even(sqlite_app)


def test_what_is_no_number_gets_no_text(sqlite_app, admin):
    for mobile, told in (
        ("", "Enter the mobile number that the text is to go to"),
        ("01752 437706", "This number can't take texts: give a mobile number, or leave it out"),
    ):
        page = admin.post(at_reach(admin).path, {**TEST, "mobile": mobile}, status=422)
        assert page.errors == [told]
    assert checks(sqlite_app) == []


# ------------------------------------------------------------------------------ nothing leaks


def test_the_code_stands_nowhere_but_in_the_sealed_text(sqlite_app, admin, tmp_path):
    page = asked(admin)
    right = code_of(sqlite_app.keyring.indexes, checks(sqlite_app)[0].id)
    assert right not in page.text
    tick(sqlite_app)

    shown = admin.get(f"/messages/{checks(sqlite_app)[0].id}")

    assert f"your code is {HIDDEN_CODE}." in shown.text
    assert re.fullmatch(r"/enrol/[0-9a-f-]{36}/code", page.path)
    for row in [*rows(sqlite_app, NumberCheck), *rows(sqlite_app, AuditEvent)]:
        values = {name: value for name, value in vars(row).items() if name != "id"}
        assert right not in re.sub(r"[0-9a-f-]{36}|datetime\([^)]*\)", "", str(values))


def test_in_practice_mode_the_page_shows_the_text(migrated_sqlite_url):
    with closing(make_app(migrated_sqlite_url, sandbox=True)) as app:
        admin = join(app, make_asgi(app), Role.ENROL)
        page = asked(admin)

        shown = re.search(r"your code is (\d{4})", page.text)[1]
        tick(app)

        assert f"your code is {shown}" in admin.get(page.path).text
        assert admin.post(page.path, {"code": shown}).path.endswith("/procedure")


# ---------------------------------------------------------------------------- correcting


def test_a_corrected_number_can_be_confirmed_by_a_test_text(sqlite_app, admin):
    enrol_one(sqlite_app, 1)
    (patient,) = rows(sqlite_app, Patient)
    page = admin.post(f"/patients/{patient.id}/contacts", {**TEST, "email": ""})
    (check,) = checks(sqlite_app)
    assert check.patient_id == patient.id
    sent = len(sms_of(sqlite_app).texts)
    tick(sqlite_app)
    assert read_patient(patient, sqlite_app.keyring).mobile != MOBILE
    (text,) = [one for one in sms_of(sqlite_app).texts[sent:] if "your code is" in one]

    done = admin.post(page.path, {"code": re.search(r"\d{4}", text)[0]})

    assert done.path == f"/patients/{patient.id}?done=corrected"
    (patient,) = rows(sqlite_app, Patient)
    assert read_patient(patient, sqlite_app.keyring).mobile == MOBILE
    assert patient.mobile_confirmed == "test-text"
    assert "number confirmed by a test text" in admin_audit(sqlite_app)


def admin_audit(app):
    return join(app, make_asgi(app), Role.AUDIT).get("/audit").text


def test_a_number_that_changes_by_itself_is_no_longer_confirmed(sqlite_app, admin):
    page = admin.post("/enrol/quick", EVERYTHING)
    admin.post(page.path)
    (patient,) = rows(sqlite_app, Patient)
    assert patient.mobile_confirmed == "retyped"

    enrol_one(
        sqlite_app, 1, nhs_number="9990000018", mobile="+447700900777", reference="R2",
        name="Ada Larkin", date_of_birth=date(1957, 5, 17),
        procedure_at=ENROLLED_AT + timedelta(days=2),
    )  # fmt: skip

    (patient,) = rows(sqlite_app, Patient)
    assert patient.mobile_confirmed is patient.mobile_confirmed_at is None


def test_what_needs_a_person_is_settled_by_a_number_that_a_text_confirmed(
    sqlite_app, admin, failed  # noqa: F811 - the fixture
):  # fmt: skip
    path = failed()
    page = admin.post(f"{path}/contacts", {**TEST, "email": ""})
    tick(sqlite_app)

    done = admin.post(page.path, {"code": code(sqlite_app)})

    assert done.path.startswith("/attention?done=corrected")
    (patient,) = rows(sqlite_app, Patient)
    assert patient.mobile_confirmed == "test-text"
    assert patient.mobile_unusable is None


# -------------------------------------------------------------------------- by the real way


@pytest.mark.slow
def test_the_code_that_twilio_was_given_is_the_one_that_confirms(migrated_sqlite_url):
    with (
        TwilioStandIn(callbacks=False) as twilio,
        closing(
            TwilioChannel(
                twilio.account_sid,
                twilio.auth_token,
                public_url="https://followup.example.org",
                sender="+447700900999",
                api_url=twilio.url,
            )
        ) as channel,
        closing(
            make_app(migrated_sqlite_url, channels={SMS: channel, EMAIL: ScriptedChannel(EMAIL)})
        ) as app,
    ):
        admin = join(app, make_asgi(app), Role.ENROL)
        page = asked(admin)
        tick(app)

        (text,) = twilio.messages(to=MOBILE)
        right = re.search(r"\b\d{4}\b", text["body"])[0]
        admin.post(page.path, {"code": wrong(right)}, status=422)
        assert admin.post(page.path, {"code": right}).path.endswith("/procedure")


@pytest.fixture
def make_admin():
    return lambda app: join(app, make_asgi(app), Role.ENROL)


def test_deleting_old_tests_keeps_the_texts(sqlite_app, admin):
    asked(admin)
    clock_of(sqlite_app).advance(timedelta(days=2))
    admin = join(sqlite_app, make_asgi(sqlite_app), Role.ENROL)
    asked(admin)

    with sqlite_app.store.read() as session:
        assert len(session.scalars(select(NumberCheck)).all()) == 1
    assert len(checks(sqlite_app)) == 2
