"""A message as it is shown: what was sent, what would be, and nothing where nothing ever will."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from followup.context import AppContext
from followup.delivery.receipts import take_receipt
from followup.domain.errors import NotFound, TemplateError
from followup.enrolment.enrol import check_request, message_rows
from followup.enrolment.preview import preview_enrolment
from followup.messages.rendering import render_message
from followup.messages.view import MessageView, message_views, utc_text
from followup.providers.interface import ReportedStatus
from followup.signed_links import SignedLinks
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from tests.support.apps import (
    a_message,
    clock_of,
    email_of,
    enrol_one,
    messages,
    sms_of,
    sweep,
    tick,
)
from tests.support.people import EMAIL, ENROLLED_AT, PROCEDURE_AT, SMS, request
from tests.support.scripted_channel import VANISHED

FIELDS = {
    "step", "occurrence", "channel", "state", "reason", "due_at", "not_before", "not_after",
    "local", "moved_because", "segments", "encoding", "text", "attempts", "provider_id",
}  # fmt: skip


def seen(app: AppContext, enrolment_id, step: str = "going-home") -> MessageView:
    with app.store.read() as session:
        found = message_views(session, app, message_rows(session, enrolment_id))
    return next(view for view in found if view.step == step)


def test_a_preview_has_the_fields_of_the_machine_interface_and_no_ids(sqlite_app: AppContext):
    shown = [
        view.as_json()
        for view in preview_enrolment(sqlite_app, check_request(sqlite_app, request()))
    ]

    assert len(shown) == 10
    assert all(set(one) == FIELDS for one in shown)
    dressing = next(one for one in shown if one["step"] == "dressing")
    assert dressing["due_at"] == "2026-10-20T13:30:00Z"
    assert dressing["local"] == "2026-10-20T14:30:00+01:00"
    assert (dressing["segments"], dressing["encoding"]) == (1, "GSM-7")
    assert "dressing" in dressing["text"]


def test_a_preview_and_the_rows_that_come_of_it_say_the_same(app: AppContext):
    wanted = request(diabetic=True, procedure_at=ENROLLED_AT - timedelta(days=3))
    foreseen = [view.as_json() for view in preview_enrolment(app, check_request(app, wanted))]

    enrolment_id = enrol_one(app, diabetic=True, procedure_at=ENROLLED_AT - timedelta(days=3))
    with app.store.read() as session:
        made = [
            view.as_json()
            for view in message_views(session, app, message_rows(session, enrolment_id))
        ]

    for view in made:
        assert view.pop("enrolment_id") == str(enrolment_id)
        assert view.pop("id")
        assert view.pop("outlook") is None
        if view["state"] == "expired":
            view["text"] = view["segments"] = view["encoding"] = None
    for view in foreseen:
        if view["state"] == "expired":
            view["text"] = view["segments"] = view["encoding"] = None
    order = [(view["due_at"], view["step"], view["occurrence"]) for view in made]
    assert sorted(order) == sorted(
        (view["due_at"], view["step"], view["occurrence"]) for view in foreseen
    )
    assert sorted(map(str, made)) == sorted(map(str, foreseen))


def test_what_was_sent_is_shown_word_for_word_though_the_template_changed(app: AppContext):
    enrolment_id = enrol_one(app)
    tick(app)
    good = app.content

    class Changed:
        def language_for(self, *_names, **_more):
            return "en"

        def render(self, name, **more):
            return replace(good.render(name, **more), text="something else")

    changed = replace(app, content=Changed())  # type: ignore[arg-type]

    view = seen(changed, enrolment_id)
    assert view.text == sms_of(app).calls[0].text
    assert view.provider_id in sms_of(app).taken
    assert (view.attempts, view.segments) == (1, 2)
    assert seen(changed, enrolment_id, "dressing").text == "something else"


def test_a_sent_email_is_shown_with_its_subject(app: AppContext):
    enrolment_id = enrol_one(app, channels=(EMAIL,))
    tick(app)

    assert seen(app, enrolment_id).subject == email_of(app).calls[0].subject
    assert seen(app, enrolment_id, "dressing").subject


def test_what_will_never_go_shows_no_words(app: AppContext):
    enrolment_id = enrol_one(app)
    clock_of(app).advance_to(PROCEDURE_AT + timedelta(days=3))
    sweep(app, "expire")

    view = seen(app, enrolment_id)
    assert (view.state, view.text, view.segments) == ("expired", None, None)


def test_a_template_that_is_broken_fails_no_listing(app: AppContext):
    enrolment_id = enrol_one(app)

    class Broken:
        def language_for(self, *_names, **_more):
            return "en"

        def render(self, name, **_more):
            raise TemplateError(f"{name}: broken")

    broken = replace(app, content=Broken())  # type: ignore[arg-type]

    assert seen(broken, enrolment_id).text is None


def test_of_several_attempts_the_one_that_was_taken_is_shown(app: AppContext):
    enrolment_id = enrol_one(app)
    sms_of(app).script(VANISHED)
    tick(app)
    clock_of(app).advance(timedelta(minutes=10))
    sweep(app, "settle-unknown")
    sms_of(app).script(VANISHED)
    tick(app)
    first = sms_of(app).calls[0]
    report = sms_of(app)._take(first).report
    take_receipt(
        app,
        replace(report, status=ReportedStatus.DELIVERED),
        provider="scripted",
        message_id=first.message_id,
        attempt_id=first.attempt_id,
    )

    view = seen(app, enrolment_id)
    assert (view.state, view.attempts, view.provider_id) == ("delivered", 2, report.provider_id)


def test_after_an_erasure_the_words_are_gone_and_the_rest_is_there(app: AppContext):
    enrolment_id = enrol_one(app)
    tick(app)
    with app.store.write() as session:
        session.execute(update(Patient).values(data_key=None, master_key_id=None))

    view = seen(app, enrolment_id)
    assert (view.text, view.subject) == (None, None)
    assert (view.state, view.segments) == ("sent", 2)


def test_an_answer_to_nobody_we_know_is_shown_too(app: AppContext):
    sealed = app.keyring.system.seal("+447700900321", column="messages.address")
    a_message(app, address_sealed=sealed, address_index=b"0" * 16)
    tick(app)

    with app.store.read() as session:
        (view,) = message_views(session, app, session.query(Message).all())

    assert view.text == sms_of(app).calls[0].text
    assert view.as_json()["enrolment_id"] is None


def test_an_hour_that_the_clocks_repeat_is_told_apart_by_its_offset(app: AppContext):
    ids = [
        a_message(app, due_at=ENROLLED_AT.replace(day=25, hour=hour, minute=30)) for hour in (0, 1)
    ]
    with app.store.read() as session:
        rows = [session.get_one(Message, id_) for id_ in ids]
        shown = [view.local.isoformat() for view in message_views(session, app, rows)]

    assert shown == ["2026-10-25T01:30:00+01:00", "2026-10-25T01:30:00+00:00"]


def test_times_are_written_in_utc_to_the_second():
    assert utc_text(ENROLLED_AT + timedelta(microseconds=9)) == "2026-10-19T14:00:00Z"


def test_a_clinic_that_is_gone_has_no_words(sqlite_app: AppContext):
    enrol_one(sqlite_app)
    without = replace(sqlite_app, catalogue=replace(sqlite_app.catalogue, clinics={}))

    with pytest.raises(TemplateError, match="no longer configured"):
        render_message(without, messages(sqlite_app)[0], language="en")


def test_a_stop_address_is_ours_alone():
    links, other = (
        SignedLinks("https://f.example.com/", b"1" * 32),
        SignedLinks("https://x", b"2" * 32),
    )
    patient = UUID("01a15476-4700-7d41-99da-b00000000001")
    token = links.stop_url(patient).rpartition("/")[2]

    assert links.stop_url(patient).startswith("https://f.example.com/u/")
    assert links.mail_domain == "f.example.com"
    assert links.patient_of_stop_token(token) == patient
    for wrong in ("", "x", token[:-1], token + "x", other.stop_url(patient).rpartition("/")[2]):
        with pytest.raises(NotFound, match="not one of ours"):
            links.patient_of_stop_token(wrong)


def test_texts_name_no_patient(app: AppContext):
    enrol_one(app, diabetic=True, name="Wilhelmina Featherstonehaugh", channels=(SMS,))

    with app.store.read() as session:
        shown = message_views(session, app, session.query(Message).all())

    assert all(view.text and "Wilhelmina" not in view.text for view in shown)
