"""The patient's own page: what it shows and hides, and that its own buttons alone change things."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from followup.consent.objections import lodge_objection
from followup.context import AppContext
from followup.domain.needs import ReadingNeed
from followup.enrolment.page_tokens import replace_page_token, revoke_page_token, token_of
from followup.enrolment.reschedule import reschedule
from followup.enrolment.withdraw import withdraw_enrolment
from followup.patients import records as patients
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Objection, Patient
from tests.support.apps import (
    clock_of,
    email_of,
    enrol_one,
    make_app,
    messages,
    rows,
    run_until,
    sms_of,
)
from tests.support.apps import tasks as worklist
from tests.support.people import EMAIL, ENROLLED_AT, PROCEDURE_AT, SMS
from tests.web.conftest import served
from tests.web.test_unsubscribe import Page

EVENING = ENROLLED_AT + timedelta(hours=4)
PRIVATE = ("Test", "Patient-", "patient1", "@example.com", "7700900001", "07700", "9990000", "1951")


def path_of(app: AppContext, enrolment_id: UUID) -> str:
    with app.store.read() as session:
        enrolment = session.get_one(Enrolment, enrolment_id)
        patient = session.get_one(Patient, enrolment.patient_id)
        return f"/p/{token_of(app, enrolment, patient)}"


def patient_of(app: AppContext) -> Patient:
    [patient] = rows(app, Patient)
    return patient


def press(client: httpx.Client, path: str, do: str, **changes: Any) -> httpx.Response:
    """Press a button of the page as it stands."""
    [key, *_] = re.findall(r'name="key" value="(\w+)"', client.get(path).text)
    return client.post(path, data={"do": do, "key": key, **changes})


@pytest.fixture
def opened(sqlite_app):
    """A patient's page on the evening of the injection: the app context, a client and the path."""
    enrolment = enrol_one(sqlite_app, diabetic=True)
    run_until(sqlite_app, EVENING)
    with served(sqlite_app) as client:
        yield sqlite_app, client, path_of(sqlite_app, enrolment)


# ------------------------------------------------------------------------------ reading


def test_the_page_tells_red_flags_first_then_today_then_what_comes(opened):
    _, client, path = opened

    text = Page(client.get(path)).words

    places = [
        text.index(words)
        for words in (
            "When to get help at once",
            "Your advice today",
            "Blood sugar after your injection",
            "What comes next",
            "Tuesday 20 October",
            "Your leaflet in full",
            "What we send you",
        )
    ]
    assert places == sorted(places)
    assert "Closed now" in text


@pytest.mark.parametrize(
    ("at", "closed"),
    [
        (datetime(2026, 12, 23, 11, tzinfo=UTC), False),
        (datetime(2026, 12, 25, 11, tzinfo=UTC), True),
        (datetime(2026, 12, 28, 11, tzinfo=UTC), True),
    ],
    ids=["a Wednesday", "Christmas Day", "the Monday in lieu of Boxing Day"],
)
def test_the_clinic_is_closed_on_a_bank_holiday(sqlite_app, at, closed):
    clock_of(sqlite_app).advance_to(at - timedelta(days=1))
    path = path_of(sqlite_app, enrol_one(sqlite_app, procedure_at=at - timedelta(days=1)))
    clock_of(sqlite_app).advance_to(at)

    with served(sqlite_app) as client:
        assert ("Closed now" in Page(client.get(path)).words) is closed


def test_every_number_can_be_tapped_and_is_the_clinics(opened):
    _, client, path = opened

    page = Page(client.get(path))

    assert {link["href"] for link in page.all("a")} == {"tel:999", "tel:111", "tel:+441752437706"}


def test_nothing_on_the_page_says_who_the_patient_is(opened):
    _, client, path = opened

    for answer in (client.get(path), press(client, path, "stop-sms"), client.get(path)):
        for private in PRIVATE:
            assert private not in answer.text
            assert private not in str(answer.headers)


def test_reading_changes_nothing_and_writes_nothing(opened):
    app, client, path = opened
    before = len(rows(app, AuditEvent))

    for method in ("GET", "HEAD"):
        for query in ("", "?do=stop-sms", "?done=stop-sms", "?language=ar"):
            assert client.request(method, path + query).status_code == 200

    assert rows(app, Objection) == []
    assert len(rows(app, AuditEvent)) == before


def test_the_page_is_light_and_nothing_else_is_loaded(opened):
    _, client, path = opened

    page = client.get(path)

    assert len(page.content) < 50_000
    assert int(page.headers["content-length"]) < 10_000
    found = Page(page)
    assert found.all("script") == found.all("img") == found.all("iframe") == []
    assert found.all("link") == [{"rel": "icon", "href": "data:,"}]


def test_an_old_phone_that_takes_nothing_compressed_gets_the_page_too(opened):
    _, client, path = opened

    plain = client.get(path, headers={"Accept-Encoding": "identity"})

    assert "content-encoding" not in plain.headers
    assert plain.text == client.get(path).text


def test_nobody_keeps_finds_or_frames_the_page(opened):
    _, client, path = opened

    headers = client.get(path).headers

    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-robots-tag"] == "noindex, nofollow"
    assert headers["x-frame-options"] == "DENY"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "script-src" not in policy


def test_what_was_said_before_stays_to_be_read(opened):
    app, client, path = opened
    clock_of(app).advance(timedelta(days=9))

    page = Page(client.get(path))

    assert "Your latest advice" in page.words
    assert "Earlier advice" in page.words
    assert "Going home after your injection" in page.words
    assert "Monday 2 November" in page.words


def test_the_advice_goes_on_after_a_stop(opened):
    app, client, path = opened
    press(client, path, "stop-sms")
    press(client, path, "stop-email")
    run_until(app, EVENING + timedelta(days=1))

    assert "You can take the small dressing off now" in Page(client.get(path)).words


def test_a_moved_procedure_moves_the_advice(sqlite_app):
    enrolment = enrol_one(sqlite_app)
    run_until(sqlite_app, EVENING)
    reschedule(sqlite_app, enrolment, PROCEDURE_AT + timedelta(days=3), actor="cli:test")

    with served(sqlite_app) as client:
        words = Page(client.get(path_of(sqlite_app, enrolment))).words

    assert "Friday 23 October" in words
    assert "Tuesday 20 October" not in words


def test_a_protocol_without_a_leaflet_shows_the_signs_of_the_e_mails(sqlite_app):
    enrolment = enrol_one(
        sqlite_app, protocol="facet-joint-injection", attributes={"sugar_may_rise": False}
    )
    run_until(sqlite_app, EVENING)

    with served(sqlite_app) as client:
        words = Page(client.get(path_of(sqlite_app, enrolment))).words

    assert "Your advice after the procedure" in words
    assert "new leg weakness" in words
    assert "Your leaflet in full" not in words


# ------------------------------------------------------------------------------ choosing


@pytest.mark.parametrize("channel", ["sms", "email"])
def test_stopping_and_starting_one_kind_of_message(opened, channel):
    app, client, path = opened

    stopped = press(client, path, f"stop-{channel}")
    said = Page(client.get(stopped.headers["location"])).words
    [objection] = rows(app, Objection)
    started = press(client, path, f"start-{channel}")

    assert (stopped.status_code, started.status_code) == (303, 303)
    assert stopped.headers["location"] == f"{path}?done=stop-{channel}"
    assert "Done. We will send you no more" in said
    assert (objection.channel, objection.source, objection.lodged_by) == (
        channel,
        "link",
        "patient",
    )
    [lifted] = rows(app, Objection)
    assert lifted.lifted_by == "patient"


def test_who_stopped_everything_can_have_one_kind_again(opened):
    app, client, path = opened
    with app.store.write() as session:
        patient = session.query(Patient).one()
        lodge_objection(session, app.by("patient"), patient=patient, channel=None, source="sms")
    assert "We send you no emails" in Page(client.get(path)).words

    press(client, path, "start-sms")

    page = Page(client.get(path)).words
    assert "We send you texts" in page
    assert "We send you no emails" in page
    assert "planned" in {one.state for one in messages(app)}


def test_what_the_phone_network_stopped_only_a_text_starts_again(opened):
    app, client, path = opened
    with app.store.write() as session:
        patient = session.query(Patient).one()
        lodge_objection(session, app.by("worker"), patient=patient, channel=SMS, source="carrier")

    page = client.get(path)

    assert "text START to the number" in page.text
    assert "start-sms" not in page.text


def test_large_print_is_kept_sealed_and_honoured(opened):
    app, client, path = opened

    press(client, path, "large")

    assert 'class="large"' in client.get(path).text
    patient = patient_of(app)
    assert b"large" not in patient.needs_sealed
    assert patients.read_patient(patient, app.keyring).needs == {ReadingNeed.LARGE_PRINT}
    clock_of(app).advance(timedelta(hours=20))
    press(client, path, "stop-sms")
    run_until(app, EVENING + timedelta(days=1))
    assert "26px" in email_of(app).calls[-1].html

    press(client, path, "normal")

    assert 'class="large"' not in client.get(path).text
    assert patient_of(app).needs_sealed is None


def test_who_finds_the_words_hard_is_rung(opened):
    app, client, path = opened

    press(client, path, "easy-read")

    [item] = worklist(app)
    assert item.kind == "reading-need"
    assert "easy-read" not in client.get(path).text


@pytest.mark.parametrize("choice", ["", "stop", "stop-fax", "language-xx", "language-", "delete"])
def test_other_choices_are_refused(opened, choice):
    app, client, path = opened

    assert press(client, path, choice).status_code == 422
    assert rows(app, Objection) == []


@pytest.mark.parametrize(
    ("changes", "headers"),
    [
        ({"key": ""}, {}),
        ({"key": "0" * 32}, {}),
        ({"key": "é"}, {}),
        ({}, {"Sec-Fetch-Site": "cross-site"}),
        ({}, {"Sec-Fetch-Site": "none"}),
    ],
    ids=["no key", "another key", "not ASCII", "another site", "typed in"],
)
def test_a_post_that_is_not_the_pages_own_changes_nothing(opened, changes, headers):
    app, client, path = opened
    [key, *_] = re.findall(r'name="key" value="(\w+)"', client.get(path).text)

    answer = client.post(path, data={"do": "stop-sms", "key": key, **changes}, headers=headers)

    assert answer.status_code == 403
    assert "Nothing was changed" in answer.text
    assert rows(app, Objection) == []


def test_the_key_of_one_page_opens_no_other(opened):
    app, client, path = opened
    other = path_of(app, enrol_one(app, 2))
    [key, *_] = re.findall(r'name="key" value="(\w+)"', client.get(path).text)

    assert client.post(other, data={"do": "stop-sms", "key": key}).status_code == 403


# ------------------------------------------------------------------------------ the link


def test_the_link_is_random_and_kept_as_a_hash(app):
    paths = {path_of(app, enrol_one(app, serial)) for serial in range(1, 6)}

    assert len(paths) == 5
    for path in paths:
        token = path.removeprefix("/p/")
        assert re.fullmatch(r"[1-9A-HJ-NP-Za-km-z]{16}", token)
        for enrolment in rows(app, Enrolment):
            assert token.encode() not in enrolment.page_token_sealed
            assert token.encode() not in enrolment.page_index


def test_the_link_lasts_until_a_month_after_the_last_message(opened):
    app, client, path = opened
    last = max(one.not_after for one in messages(app))

    clock_of(app).advance_to(last + timedelta(days=30) - timedelta(seconds=1))
    in_time = client.get(path).status_code
    clock_of(app).advance(timedelta(seconds=1))

    assert (in_time, client.get(path).status_code) == (200, 404)


def test_a_link_that_was_taken_back_opens_nothing_and_a_new_one_does(opened):
    app, client, path = opened
    [enrolment] = rows(app, Enrolment)

    assert revoke_page_token(app, enrolment.id, actor="cli:test")
    assert not revoke_page_token(app, enrolment.id, actor="cli:test")
    gone = client.get(path)
    token = replace_page_token(app, enrolment.id, actor="cli:test")

    assert gone.status_code == 404
    assert client.get(path).status_code == 404
    assert client.get(f"/p/{token}").status_code == 200
    done = [one.action for one in rows(app, AuditEvent) if one.action.startswith("page.")]
    assert done == ["page.taken-back", "page.new-link"]


def test_all_links_that_open_nothing_are_answered_alike(opened):
    app, client, path = opened
    unknown = client.get("/p/" + "1" * 16)
    answers = [client.get(f"{path}x"), client.get(path[:-1]), client.get("/p/é"), unknown]
    withdraw_enrolment(app, rows(app, Enrolment)[0].id, reason="x", actor="cli:test", deceased=True)
    answers += [client.get(path), client.post(path, data={"do": "stop-sms"})]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.text for answer in answers} == {unknown.text}
    assert "This link does not work" in unknown.text
    assert "Ring NHS 111" in unknown.text


def test_after_the_end_the_leaflet_and_the_numbers_stay(opened):
    app, client, path = opened
    withdraw_enrolment(app, rows(app, Enrolment)[0].id, reason="x", actor="cli:test")

    words = Page(client.get(path)).words

    assert "Your follow-up with us has ended" in words
    assert "Your advice today" not in words
    assert "Your leaflet in full" in words


def test_when_it_has_finished_the_page_says_so_and_the_latest_advice_stays(opened):
    app, client, path = opened
    run_until(app, ENROLLED_AT + timedelta(days=50))
    [enrolment] = rows(app, Enrolment)
    assert enrolment.state == "finished"

    words = Page(client.get(path)).words

    assert "Your follow-up with us has ended. We will send you no more advice." in words
    assert "Your latest advice" in words
    assert "There is no more advice to come" not in words
    assert press(client, path, "stop-sms").status_code == 303


def test_whoever_tries_many_links_has_to_wait(opened):
    app, client, path = opened

    answers = [client.get(f"/p/{serial:016d}").status_code for serial in range(31)]

    assert answers == [404] * 30 + [429]
    assert client.get(path).status_code == 200, "others' wrong links hold up nobody's right one"
    elsewhere = {"X-Forwarded-For": "203.0.113.7"}
    assert client.get("/p/another-wrong-link", headers=elsewhere).status_code == 404
    clock_of(app).advance(timedelta(minutes=10))
    assert client.get("/p/another-wrong-link").status_code == 404


def test_a_page_is_changed_only_so_often(opened):
    _, client, path = opened
    [key, *_] = re.findall(r'name="key" value="(\w+)"', client.get(path).text)

    answers = [
        client.post(path, data={"do": do, "key": key}).status_code
        for do in ("large", "normal") * 11
    ]

    assert answers == [303] * 20 + [429] * 2
    assert client.get(path).status_code == 200


def test_while_the_database_is_away_the_page_says_so(postgres_outage):
    app, server, client = postgres_outage
    path = path_of(app, enrol_one(app))
    server.stop()

    answer = client.get(path)

    assert answer.status_code == 503
    assert Page(answer).all("h1")


# ------------------------------------------------------------------------------ messages


def test_texts_and_e_mails_carry_the_link_where_patients_can_open_it(migrated_sqlite_url):
    with closing(make_app(migrated_sqlite_url)) as made:
        app = replace(made, public_url="https://followup.example.com")
        enrolment = enrol_one(app)
        enrol_one(app, 2, channels=(EMAIL,))
        run_until(app, ENROLLED_AT + timedelta(days=2))

        first, dressing = (call.text for call in sms_of(app).calls[:2])
        token = path_of(app, enrolment)
        assert token in first
        assert token in dressing
        assert "back pain or fever: NHS 111, your GP or A&E at once" in first
        [mail, *_] = email_of(app).calls
        assert "/p/" in mail.text
        assert "/p/" in mail.html
        assert token not in mail.text


def test_without_a_public_address_no_message_carries_a_link(sqlite_app):
    enrol_one(sqlite_app)
    run_until(sqlite_app, ENROLLED_AT + timedelta(days=45))

    assert not any("/p/" in call.text for call in sms_of(sqlite_app).calls)


def test_after_the_link_was_taken_back_messages_go_without_it(migrated_sqlite_url):
    with closing(make_app(migrated_sqlite_url)) as made:
        app = replace(made, public_url="https://followup.example.com")
        enrolment = enrol_one(app)
        revoke_page_token(app, enrolment, actor="cli:test")
        run_until(app, ENROLLED_AT + timedelta(days=2))

        assert not any("/p/" in call.text for call in sms_of(app).calls)
        assert "do not drive yourself home" in sms_of(app).calls[0].text


def test_what_is_still_to_come_says_how_it_comes_once_texts_are_stopped(opened):
    _, client, path = opened
    assert "We will email it to you." not in Page(client.get(path)).words

    press(client, path, "stop-sms")
    assert "We will email it to you." in Page(client.get(path)).words

    press(client, path, "stop-email")
    text = Page(client.get(path)).words
    assert "We will email it to you." not in text
    assert "We will not send it. You will find it on this page on that day." in text
