"""A message as it is shown: what was sent, what would be, and nothing where nothing ever will."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from followup.channels.interface import ReportedStatus
from followup.domain.errors import NotFound, TemplateError
from followup.enrol import check, message_rows
from followup.kit import Kit
from followup.links import Links
from followup.message_view import MessageView, preview, utc_text, views
from followup.receipts import take
from followup.rendering import render
from followup.store.models import Message, Patient
from tests.kits import (
    a_message,
    clock_of,
    email_of,
    enrol_one,
    messages,
    sms_of,
    sweep,
    tick,
)
from tests.people import EMAIL, ENROLLED_AT, PROCEDURE_AT, SMS, request
from tests.scripted_channel import VANISHED

FIELDS = {
    "step", "occurrence", "channel", "state", "reason", "due_at", "not_before", "not_after",
    "local", "moved_because", "segments", "encoding", "text", "attempts", "provider_id",
}  # fmt: skip


def seen(kit: Kit, enrolment_id, step: str = "going-home") -> MessageView:
    with kit.store.read() as session:
        found = views(session, kit, message_rows(session, enrolment_id))
    return next(view for view in found if view.step == step)


def test_a_preview_has_the_fields_of_the_machine_interface_and_no_ids(sqlite_kit: Kit):
    shown = [view.as_json() for view in preview(sqlite_kit, check(sqlite_kit, request()))]

    assert len(shown) == 10
    assert all(set(one) == FIELDS for one in shown)
    dressing = next(one for one in shown if one["step"] == "dressing")
    assert dressing["due_at"] == "2026-10-20T13:30:00Z"
    assert dressing["local"] == "2026-10-20T14:30:00+01:00"
    assert (dressing["segments"], dressing["encoding"]) == (1, "GSM-7")
    assert "dressing" in dressing["text"]


def test_a_preview_and_the_rows_that_come_of_it_say_the_same(kit: Kit):
    wanted = request(diabetic=True, procedure_at=ENROLLED_AT - timedelta(days=3))
    foreseen = [view.as_json() for view in preview(kit, check(kit, wanted))]

    enrolment_id = enrol_one(kit, diabetic=True, procedure_at=ENROLLED_AT - timedelta(days=3))
    with kit.store.read() as session:
        made = [view.as_json() for view in views(session, kit, message_rows(session, enrolment_id))]

    for view in made:
        assert view.pop("enrolment_id") == str(enrolment_id)
        assert view.pop("id")
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


def test_what_was_sent_is_shown_word_for_word_though_the_template_changed(kit: Kit):
    enrolment_id = enrol_one(kit)
    tick(kit)
    good = kit.content

    class Changed:
        def language_for(self, *_names, **_more):
            return "en"

        def render(self, name, **more):
            return replace(good.render(name, **more), text="something else")

    changed = replace(kit, content=Changed())  # type: ignore[arg-type]

    view = seen(changed, enrolment_id)
    assert view.text == sms_of(kit).calls[0].text
    assert view.provider_id in sms_of(kit).taken
    assert (view.attempts, view.segments) == (1, 2)
    assert seen(changed, enrolment_id, "dressing").text == "something else"


def test_a_sent_email_is_shown_with_its_subject(kit: Kit):
    enrolment_id = enrol_one(kit, channels=(EMAIL,))
    tick(kit)

    assert seen(kit, enrolment_id).subject == email_of(kit).calls[0].subject
    assert seen(kit, enrolment_id, "dressing").subject


def test_what_will_never_go_shows_no_words(kit: Kit):
    enrolment_id = enrol_one(kit)
    clock_of(kit).advance_to(PROCEDURE_AT + timedelta(days=3))
    sweep(kit, "expire")

    view = seen(kit, enrolment_id)
    assert (view.state, view.text, view.segments) == ("expired", None, None)


def test_a_template_that_is_broken_fails_no_listing(kit: Kit):
    enrolment_id = enrol_one(kit)

    class Broken:
        def language_for(self, *_names, **_more):
            return "en"

        def render(self, name, **_more):
            raise TemplateError(f"{name}: broken")

    broken = replace(kit, content=Broken())  # type: ignore[arg-type]

    assert seen(broken, enrolment_id).text is None


def test_of_several_attempts_the_one_that_was_taken_is_shown(kit: Kit):
    enrolment_id = enrol_one(kit)
    sms_of(kit).script(VANISHED)
    tick(kit)
    clock_of(kit).advance(timedelta(minutes=10))
    sweep(kit, "settle-unknown")
    sms_of(kit).script(VANISHED)
    tick(kit)
    first = sms_of(kit).calls[0]
    report = sms_of(kit)._take(first).report
    take(
        kit,
        replace(report, status=ReportedStatus.DELIVERED),
        provider="scripted",
        message_id=first.message_id,
        attempt_id=first.attempt_id,
    )

    view = seen(kit, enrolment_id)
    assert (view.state, view.attempts, view.provider_id) == ("delivered", 2, report.provider_id)


def test_after_an_erasure_the_words_are_gone_and_the_rest_is_there(kit: Kit):
    enrolment_id = enrol_one(kit)
    tick(kit)
    with kit.store.write() as session:
        session.execute(update(Patient).values(data_key=None, master_key_id=None))

    view = seen(kit, enrolment_id)
    assert (view.text, view.subject) == (None, None)
    assert (view.state, view.segments) == ("sent", 2)


def test_an_answer_to_nobody_we_know_is_shown_too(kit: Kit):
    sealed = kit.keyring.system.seal("+447700900321", column="messages.address")
    a_message(kit, address_sealed=sealed, address_index=b"0" * 16)
    tick(kit)

    with kit.store.read() as session:
        (view,) = views(session, kit, session.query(Message).all())

    assert view.text == sms_of(kit).calls[0].text
    assert view.as_json()["enrolment_id"] is None


def test_an_hour_that_the_clocks_repeat_is_told_apart_by_its_offset(kit: Kit):
    ids = [
        a_message(kit, due_at=ENROLLED_AT.replace(day=25, hour=hour, minute=30)) for hour in (0, 1)
    ]
    with kit.store.read() as session:
        rows = [session.get_one(Message, id_) for id_ in ids]
        shown = [view.local.isoformat() for view in views(session, kit, rows)]

    assert shown == ["2026-10-25T01:30:00+01:00", "2026-10-25T01:30:00+00:00"]


def test_times_are_written_in_utc_to_the_second():
    assert utc_text(ENROLLED_AT + timedelta(microseconds=9)) == "2026-10-19T14:00:00Z"


def test_a_clinic_that_is_gone_has_no_words(sqlite_kit: Kit):
    enrol_one(sqlite_kit)
    without = replace(sqlite_kit, catalogue=replace(sqlite_kit.catalogue, clinics={}))

    with pytest.raises(TemplateError, match="no longer configured"):
        render(without, messages(sqlite_kit)[0], language="en")


def test_a_stop_address_is_ours_alone():
    links, other = Links("https://f.example.com/", b"1" * 32), Links("https://x", b"2" * 32)
    patient = UUID("01a15476-4700-7d41-99da-b00000000001")
    token = links.stop_url(patient).rpartition("/")[2]

    assert links.stop_url(patient).startswith("https://f.example.com/u/")
    assert links.mail_domain == "f.example.com"
    assert links.patient_of_stop_token(token) == patient
    for wrong in ("", "x", token[:-1], token + "x", other.stop_url(patient).rpartition("/")[2]):
        with pytest.raises(NotFound, match="not one of ours"):
            links.patient_of_stop_token(wrong)


def test_texts_name_no_patient(kit: Kit):
    enrol_one(kit, diabetic=True, name="Wilhelmina Featherstonehaugh", channels=(SMS,))

    with kit.store.read() as session:
        shown = views(session, kit, session.query(Message).all())

    assert all(view.text and "Wilhelmina" not in view.text for view in shown)
