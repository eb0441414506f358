"""Merging two records of one person: what is sent, what is kept, and who is found by what."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest

from followup.audit.patient_evidence import compile_patient_report
from followup.consent.objections import lodge_objection
from followup.delivery.receipts import take_receipt
from followup.domain.channel import ChannelKind
from followup.domain.errors import Conflict, ContentDiffers, InvalidInput, NotFound
from followup.domain.intake.on_conflict import OnConflict
from followup.domain.merging.facts import Side
from followup.enrolment.enrol import enrol
from followup.enrolment.enrol_or_update import enrol_or_update
from followup.enrolment.page_tokens import find_enrolment_by_token, revoke_page_token, token_of
from followup.enrolment.pause import pause_enrolment
from followup.enrolment.reschedule import reopen_in, reschedule
from followup.enrolment.withdraw import withdraw_enrolment
from followup.merging.preview import preview_merge
from followup.patients.records import find_by_address, read_patient
from followup.patients.search import SearchTerms, search_patients
from followup.patients.search_keys import word_key
from followup.providers.interface import ProviderReport, ReportedStatus
from followup.sending.claim import claim_due
from followup.sending.send_batch import send_batch
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt
from followup.store.models.patients import Objection, Patient
from followup.store.models.worklist import WorklistItem
from tests.support.apps import (
    EXECUTOR,
    actions,
    balance_is_even,
    messages,
    rows,
    run_until,
    sms_of,
    tick,
)
from tests.support.people import CLINIC, PROCEDURE_AT, nhs_number, request
from tests.support.two_records import (
    ACTOR,
    DAY,
    DUPLICATE,
    SURVIVOR,
    merge,
    patient,
    patient_of,
    two_records,
)

SAME_TIME = {"procedure_at": PROCEDURE_AT}


def enrolment(app, enrolment_id):
    return next(one for one in rows(app, Enrolment) if one.id == enrolment_id)


def planned(app):
    return [one for one in messages(app) if one.state in {"planned", "held", "claimed"}]


def wish(app, patient_id, channel=None):
    app.transact(
        ACTOR,
        lambda unit: lodge_objection(
            unit.session,
            unit.by,
            patient=unit.session.get_one(Patient, patient_id),
            channel=channel,
            source="staff",
        ),
    )


# ------------------------------------------------------------------------------- timeline


def test_all_of_the_duplicate_is_the_survivors_and_opens_with_their_key(app):
    both = two_records(app)
    tick(app)

    merge(app, both)

    assert {one.patient_id for one in messages(app)} == {both.survivor}
    assert {one.patient_id for one in rows(app, Enrolment)} == {both.survivor}
    assert patient(app, both.duplicate).merged_into == both.survivor
    with app.store.read() as session:
        report = compile_patient_report(session, app, patient(app, both.survivor))
    sent = [one for one in report.told if one.row.sent_at]
    assert sent
    assert all(one.view.text and one.tries for one in sent)
    balance_is_even(app)


def test_a_newer_procedure_ends_the_older_follow_up(app):
    both = two_records(app)

    merge(app, both)

    after = [one for one in planned(app) if one.enrolment_id == both.other]
    assert all(one.due_at < PROCEDURE_AT for one in after)
    assert {one.reason for one in messages(app, both.other) if one.state == "cancelled"} == {
        "newer-procedure"
    }


def test_of_one_procedure_no_advice_goes_twice(sqlite_app):
    app = sqlite_app
    both = two_records(app, theirs=SAME_TIME)
    tick(app)
    went = Counter((one.step, one.occurrence) for one in messages(app) if one.sent_at)
    assert set(went.values()) == {2}

    merge(app, both)
    run_until(app, PROCEDURE_AT + timedelta(days=45))

    told = Counter((one.step, one.occurrence) for one in messages(app) if one.sent_at)
    assert {step for step, count in told.items() if count > 1} == set(went)
    assert len(told) == len({(one.step, one.occurrence) for one in messages(app)})
    assert enrolment(app, both.other).merged_into == both.kept
    balance_is_even(app)


def test_what_one_record_was_told_already_is_not_told_by_the_other(sqlite_app):
    app = sqlite_app
    both = two_records(app, theirs=SAME_TIME)
    pause_enrolment(app, both.kept, actor=ACTOR)
    tick(app)

    merge(app, both)

    already = [one for one in messages(app, both.kept) if one.reason == "received-already"]
    assert [one.step for one in already] == ["going-home"]
    reschedule(app, both.kept, PROCEDURE_AT + timedelta(minutes=20), actor=ACTOR)
    anew = [one for one in messages(app, both.kept) if one.generation == 2]
    assert "going-home" not in {one.step for one in anew}


def test_what_is_being_sent_of_a_follow_up_that_ends_still_goes_where_it_failed(sqlite_app):
    app = sqlite_app
    both = two_records(app, theirs=SAME_TIME, ours={"channels": (ChannelKind.SMS,)})
    tick(app)
    merge(app, both)
    first = next(one for one in messages(app, both.other) if one.sent_at)
    with app.store.read() as session:
        provider_id = session.query(Attempt.provider_id).filter_by(message_id=first.id).scalar()
    take_receipt(
        app,
        ProviderReport(provider_id=provider_id, status=ReportedStatus.FAILED, code="30008"),
        provider=sms_of(app).provider,
    )
    tick(app)

    instead = [one for one in messages(app, both.other) if one.fallback_of == first.id]
    assert [one.state for one in instead] == ["sent"]


def test_what_a_worker_has_claimed_is_read_again_before_it_goes(app):
    both = two_records(app)
    [batch] = claim_due(app)
    wish(app, both.survivor)

    merge(app, both)
    called = send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR)

    assert called == 0
    assert tick(app) == 0
    assert planned(app) == []


def test_a_pause_of_either_holds_a_follow_up_of_both(sqlite_app):
    both = two_records(sqlite_app, theirs=SAME_TIME)
    pause_enrolment(sqlite_app, both.other, actor=ACTOR)

    merge(sqlite_app, both)

    assert enrolment(sqlite_app, both.kept).state == "paused"
    assert {one.state for one in planned(sqlite_app)} == {"held"}


@pytest.mark.parametrize("whose", ["survivor", "duplicate"])
def test_a_stop_of_either_holds(app, whose):
    both = two_records(app)
    wish(app, getattr(both, whose))

    merge(app, both)

    assert planned(app) == []
    assert [one.patient_id for one in rows(app, Objection)] == [both.survivor]


@pytest.mark.parametrize("whose", ["kept", "other"])
def test_a_death_of_either_holds(sqlite_app, whose):
    app = sqlite_app
    both = two_records(app)
    withdraw_enrolment(app, getattr(both, whose), reason="died", deceased=True, actor=ACTOR)

    merge(app, both)

    assert patient(app, both.survivor).deceased_at is not None
    assert planned(app) == []
    assert {one.state for one in rows(app, Enrolment)} == {"withdrawn"}


# --------------------------------------------------------------------------------- refused


def test_records_that_are_no_two_are_refused(sqlite_app):
    app = sqlite_app
    both = two_records(app)
    other = enrol(app, request(9), actor=ACTOR).enrolment_id
    third = replace(both, survivor=patient_of(app, other))
    inverse = replace(both, survivor=both.duplicate, duplicate=both.survivor)

    with pytest.raises(Conflict, match="one and the same"):
        merge(app, replace(both, duplicate=both.survivor))
    merge(app, both)
    with pytest.raises(Conflict, match="merged already"):
        merge(app, both)
    with pytest.raises(Conflict, match="the other way"):
        merge(app, inverse)
    with pytest.raises(Conflict, match="another record already"):
        merge(app, third)


def test_what_contradicts_itself_must_be_decided_with_a_reason(sqlite_app):
    app = sqlite_app
    other = {"nhs_number": nhs_number(8), "date_of_birth": date(1950, 8, 3)}
    both = two_records(
        app, theirs={**SAME_TIME, **other, "attributes": {"diabetic": True, "steroid_given": True}}
    )

    with pytest.raises(InvalidInput) as refused:
        merge(app, both, reason=" ")
    assert [problem.field for problem in refused.value.problems] == [
        "reason",
        "nhs_number",
        "date_of_birth",
        "answers",
    ]

    chosen = {
        "nhs_number": Side.SURVIVOR, "date_of_birth": Side.DUPLICATE, "answers": Side.DUPLICATE
    }  # fmt: skip
    merge(app, both, **chosen)
    person = read_patient(patient(app, both.survivor), app.keyring)
    assert person.nhs_number == nhs_number(7)
    assert person.date_of_birth == date(1950, 8, 3)
    assert enrolment(app, both.kept).merged_into == both.other
    assert patient(app, both.duplicate).nhs_number_index is None


# ------------------------------------------------------------------------------- references


def test_the_same_reference_again_is_the_same_and_a_correction_is_one(app):
    both = two_records(app, theirs=SAME_TIME)
    again = request(1, **{**DUPLICATE, "reference": "OTHER", **SAME_TIME})
    merge(app, both)

    same = enrol(app, again, actor=ACTOR)
    assert (same.enrolment_id, same.created) == (both.kept, False)

    moved = replace(again, procedure_at=PROCEDURE_AT + timedelta(minutes=40))
    with pytest.raises(ContentDiffers) as differs:
        enrol(app, moved, actor=ACTOR)
    assert differs.value.fields == ("procedure_at",)
    done = enrol_or_update(app, moved, actor=ACTOR, on_conflict=OnConflict.UPDATE)
    assert done.updated == ("procedure_at",)
    assert not enrol(app, moved, actor=ACTOR).created
    assert read_patient(patient(app, both.survivor), app.keyring).name == "Siân O'Neill"
    assert len(rows(app, Patient)) == 2


def test_what_goes_on_elsewhere_says_where_and_its_link_opens_that_page(sqlite_app):
    app = sqlite_app
    both = two_records(app, theirs=SAME_TIME)
    with app.store.read() as session:
        token = token_of(
            app, session.get_one(Enrolment, both.other), session.get_one(Patient, both.duplicate)
        )
    merge(app, both)

    with pytest.raises(Conflict, match=f"goes on in enrolment {both.kept}"):
        pause_enrolment(app, both.other, actor=ACTOR)
    with pytest.raises(Conflict, match="use that one"):
        app.transact(ACTOR, lambda unit: reopen_in(unit, both.other, PROCEDURE_AT))
    with app.store.read() as session:
        assert find_enrolment_by_token(session, app, token).id == both.kept
    revoke_page_token(app, both.kept, actor=ACTOR)
    with app.store.read() as session, pytest.raises(NotFound):
        find_enrolment_by_token(session, app, token)


def test_an_enrolment_that_moved_answers_to_its_reference_too(sqlite_app):
    app = sqlite_app
    both = two_records(app)
    with app.store.write() as session:
        session.get_one(Enrolment, both.other).received = None
    merge(app, both)

    again = request(
        1, **{**DUPLICATE, "reference": "OTHER", "procedure_at": PROCEDURE_AT - 3 * DAY}
    )
    assert enrol(app, again, actor=ACTOR).enrolment_id == both.other


@pytest.mark.parametrize(
    "known",
    [SURVIVOR, DUPLICATE, {**DUPLICATE, "name": "ONEILL, JANE"}],
    ids=["ours", "theirs", "folded"],
)
def test_whoever_is_enrolled_under_either_name_is_the_survivor(sqlite_app, known):
    app = sqlite_app
    both = two_records(app)
    merge(app, both)

    made = enrol(
        app,
        request(1, **{**known, "reference": "NEW", "procedure_at": PROCEDURE_AT - 9 * DAY}),
        actor=ACTOR,
    )

    assert patient_of(app, made.enrolment_id) == both.survivor


def test_search_and_replies_find_the_survivor_by_what_the_duplicate_was_known_by(app):
    both = two_records(app)
    merge(app, both)

    indexes = app.keyring.indexes
    with app.store.read() as session:
        by_number = find_by_address(session, indexes, ChannelKind.SMS, "+447700900222")
        by_name = search_patients(
            session,
            SearchTerms(clinics=[CLINIC], keys=[{word_key(indexes, "oneill", clinic=CLINIC)}]),
            limit=9,
        )
    assert [one.id for one in by_number] == [both.survivor]
    assert {row.Patient.id for row in by_name} == {both.survivor}


# --------------------------------------------------------------------------------- questions


def test_a_question_whether_the_two_are_one_is_answered_and_what_it_held_goes_on(sqlite_app):
    app = sqlite_app
    alike = {"name": "Sian ONeill", "nhs_number": None, "date_of_birth": SURVIVOR["date_of_birth"]}
    both = two_records(
        app,
        theirs={**alike, "mobile": "+447700900001", "email": None, "channels": (ChannelKind.SMS,)},
    )
    [item] = [one for one in rows(app, WorklistItem) if one.kind == "same-person"]
    assert enrolment(app, both.other).state == "paused"

    merge(app, both)

    [item] = [one for one in rows(app, WorklistItem) if one.kind == "same-person"]
    assert (item.state, item.outcome) == ("closed", "same-person")
    assert enrolment(app, both.other).state == "active"


# ----------------------------------------------------------------------------------- preview


def test_the_preview_is_what_the_merge_does_and_changes_nothing(app):
    both = two_records(app, theirs=SAME_TIME)
    before = len(rows(app, AuditEvent))

    seen = preview_merge(app, both.survivor, both.duplicate, decisions={}, actor=ACTOR)

    assert len(rows(app, AuditEvent)) == before
    assert patient(app, both.duplicate).merged_into is None
    merge(app, both)
    assert seen.to_come == len(planned(app))
    assert seen.falling_away == len([one for one in messages(app) if one.state == "cancelled"])
    assert {line.side for line in seen.timeline if line.falls_away} == {Side.DUPLICATE}


def test_the_preview_tells_of_texts_that_are_not_wanted(sqlite_app):
    app = sqlite_app
    both = two_records(app)
    wish(app, both.duplicate, ChannelKind.SMS)

    seen = preview_merge(app, both.survivor, both.duplicate, decisions={}, actor=ACTOR)

    reasons = {line.reason for line in seen.timeline if line.channel == "sms"}
    assert reasons <= {"objection-to-channel", "newer-procedure"}
    assert seen.to_come == 0 or {line.channel for line in seen.timeline if not line.reason} == {
        "email"
    }


def test_a_merge_is_told_of_with_who_and_what_and_no_words(sqlite_app):
    both = two_records(sqlite_app)

    merge(sqlite_app, both)

    [event] = [one for one in rows(sqlite_app, AuditEvent) if one.action == "patient.merged"]
    assert event.actor == ACTOR
    assert event.patient_id == both.duplicate
    assert event.detail["into"] == str(both.survivor)
    assert "She says" not in str(event.detail)
    assert "enrolment.superseded" in actions(sqlite_app)
