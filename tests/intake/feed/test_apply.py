"""What a feed's events do: enrol, move, cancel, correct, end at a death, and ask a person."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest

from followup.enrolment.contact_details import correct_contacts
from followup.enrolment.reschedule import reschedule
from followup.enrolment.withdraw import withdraw_enrolment
from followup.intake.feed.drafts import find_draft
from followup.intake.feed.merge import twins_of
from followup.patients.records import read_patient
from followup.sending.claim import claim_due
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import EnrolmentDraft, FeedMessage, FeedVisit
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from tests.support.apps import (
    clock_of,
    enrol_one,
    make_app,
    messages,
    rows,
    run_until,
    sms_of,
    sweep,
    tasks,
)
from tests.support.hl7 import INCOMPLETE, catalogue_with, feed, message, site
from tests.support.people import ENROLLED_AT, PROCEDURE_AT

NEXT_WEEK = PROCEDURE_AT + timedelta(days=7)
NEXT_MONTH = PROCEDURE_AT + timedelta(days=40)


def planned(app) -> list[tuple[str, str]]:
    """Return what is to come, of all enrolments."""
    return [(one.step, one.due_at.isoformat()) for one in messages(app) if one.state == "planned"]


def only(app, model):
    (row,) = rows(app, model)
    return row


def person(app):
    return read_patient(only(app, Patient), app.keyring)


def test_an_appointment_enrols_where_its_codes_answer_every_question(app):
    assert feed(app, message(time=NEXT_WEEK)) == [("enrolled", "enrolled")]

    enrolment = only(app, Enrolment)
    assert (enrolment.procedure_at, enrolment.reference) == (NEXT_WEEK, "made-up:AP1")
    assert enrolment.attributes == {"diabetic": False, "steroid_given": True}
    assert person(app).name == "Test Patient-00001"
    assert person(app).mobile == "+447700900001"
    assert only(app, Patient).mobile_confirmed is None
    assert planned(app)


def test_an_appointment_weeks_ahead_sends_nothing_before_its_windows(app):
    feed(app, message(time=NEXT_MONTH))

    run_until(app, NEXT_MONTH - timedelta(days=15))
    assert sms_of(app).calls == []

    run_until(app, NEXT_MONTH - timedelta(hours=1))
    assert [one.step for one in rows(app, Message) if one.state == "sent"] == [
        "before-injection",
        "before-fasting",
    ]


def test_an_appointment_beyond_90_days_is_followed_up_once_it_is_near(app):
    far = PROCEDURE_AT + timedelta(days=120)
    assert feed(app, message(time=far)) == [("ignored", "too-far-ahead")]

    clock_of(app).advance_to(far - timedelta(days=89))
    sweep(app, "work-off-feeds")

    assert only(app, Enrolment).procedure_at == far


def test_a_moved_appointment_moves_the_timeline(app):
    came = feed(
        app,
        message(id_="1", at="20261019143000", time=NEXT_WEEK),
        message("SIU^S13", id_="2", at="20261019143100", time=NEXT_MONTH),
    )

    assert came[1] == ("changed", "moved")
    assert only(app, Enrolment).procedure_at == NEXT_MONTH


@pytest.mark.parametrize("event", ["SIU^S15", "SIU^S17", "SIU^S26"])
def test_a_cancelled_appointment_stops_what_is_planned(app, event):
    came = feed(
        app,
        message(id_="1", at="20261019143000", time=NEXT_WEEK),
        message(event, id_="2", at="20261019143100", time=NEXT_WEEK),
    )

    assert came[1] == ("cancelled", "cancelled")
    assert planned(app) == []
    assert only(app, Enrolment).state == "withdrawn"


def test_a_cancellation_stops_a_message_that_is_claimed_and_not_sent(app):
    feed(app, message("ADT^A04", id_="1", visit="V1"))
    clock_of(app).advance(timedelta(hours=3))
    batches = list(claim_due(app))
    assert batches

    feed(app, message("ADT^A11", id_="2", at="20261019200000", visit="V1"))

    assert {one.state for one in messages(app)} <= {"cancelled", "expired"}


def test_what_is_cancelled_and_booked_again_goes_on_without_a_repetition(app):
    feed(app, message("ADT^A04", id_="1", visit="V1"))
    run_until(app, ENROLLED_AT + timedelta(days=1))
    received = list(sms_of(app).calls)
    assert received

    came = feed(
        app,
        message("ADT^A11", id_="2", at="20261020150000", visit="V1"),
        message("ADT^A13", id_="3", at="20261020150100", visit="V1"),
    )
    run_until(app, ENROLLED_AT + timedelta(days=50))

    assert came == [("cancelled", "cancelled"), ("changed", "reopened")]
    enrolment = only(app, Enrolment)
    assert enrolment.state == "finished"
    sent = [
        (one.step, one.occurrence)
        for one in messages(app, enrolment.id)
        if one.state in {"sent", "delivered"}
    ]
    assert len(sent) == len(set(sent))


def test_an_older_event_changes_nothing_that_a_newer_one_said(app):
    came = feed(
        app,
        message("SIU^S13", id_="2", at="20261019143100", time=NEXT_MONTH),
        message(id_="1", at="20261019143000", time=NEXT_WEEK),
    )

    assert came[1] == ("ignored", "nothing-new")
    assert only(app, Enrolment).procedure_at == NEXT_MONTH


def test_appointment_and_arrival_of_one_visit_are_one_enrolment(app):
    feed(
        app,
        message(id_="1", at="20261019100000", appointment="AP7"),
        message("ADT^A04", id_="2", at="20261019142000", visit="V9"),
    )

    visit = only(app, FeedVisit)
    assert (visit.visit_key, visit.appointment_key) == ("V9", "AP7")
    assert only(app, Enrolment).state == "active"


def test_a_second_appointment_of_one_day_asks_a_person_whether_the_first_was_moved(app):
    came = feed(
        app,
        message(id_="1", appointment="AP1"),
        message(id_="2", appointment="AP2", time=PROCEDURE_AT + timedelta(hours=1)),
    )

    assert came == [("enrolled", "enrolled"), ("person", "conflict")]
    assert only(app, Enrolment).procedure_at == PROCEDURE_AT
    assert [item.kind for item in tasks(app)] == ["feed"]


def test_what_the_feed_does_not_say_waits_for_a_person_and_sends_nothing(app):
    assert feed(app, message(procedure=INCOMPLETE, time=NEXT_WEEK)) == [("draft", "incomplete")]

    draft = only(app, EnrolmentDraft)
    (item,) = tasks(app)
    assert draft.missing == ["attributes.diabetic", "attributes.steroid_given"]
    assert (item.kind, item.due_at) == ("draft", draft.deadline)
    # Until then the patient can be told of medicine that thins the blood.
    assert draft.deadline == NEXT_WEEK - timedelta(days=1)
    assert rows(app, Enrolment) == []
    assert b"Patient" not in draft.content_sealed
    with app.store.read() as session:
        known = find_draft(session, app, draft.id).content
    assert (known.person.name, known.procedure_at) == ("Test Patient-00001", NEXT_WEEK)


def test_a_draft_moves_and_is_taken_back_with_its_appointment(app):
    feed(app, message(id_="1", at="20261019143000", procedure=INCOMPLETE, time=NEXT_WEEK))
    before = only(app, EnrolmentDraft)

    moved = message("SIU^S13", id_="2", at="20261019143100", procedure=INCOMPLETE, time=NEXT_MONTH)
    assert feed(app, moved) == [("draft", "moved")]
    after = only(app, EnrolmentDraft)
    assert (after.id, after.procedure_at) == (before.id, NEXT_MONTH)
    assert tasks(app)[0].due_at == after.deadline > before.deadline

    cancelled = message("SIU^S15", id_="3", at="20261019143200", procedure=INCOMPLETE)
    assert feed(app, cancelled) == [("cancelled", "cancelled")]
    gone = only(app, EnrolmentDraft)
    assert (gone.state, gone.content_sealed) == ("withdrawn", None)
    assert tasks(app)[0].state == "closed"


def test_a_draft_whose_answer_comes_enrols(app):
    feed(app, message(id_="1", at="20261019143000", procedure=INCOMPLETE, time=NEXT_WEEK))

    came = feed(app, message("SIU^S14", id_="2", at="20261019143100", time=NEXT_WEEK))

    assert came == [("enrolled", "enrolled")]
    assert only(app, EnrolmentDraft).state == "completed"


def test_a_number_that_is_not_marked_as_a_mobile_is_not_texted(app):
    came = feed(app, message(phones="07700900555^PRN^PH~020 7946 0000^WPN^PH"))

    draft = only(app, EnrolmentDraft)
    assert came == [("draft", "incomplete")]
    assert draft.missing == ["patient.reach"]
    with app.store.read() as session:
        known = find_draft(session, app, draft.id).content
    assert (known.person.mobile, known.other_number) == (None, "+447700900555")


def test_an_email_among_the_phones_is_an_address(app):
    feed(app, message(phones="^NET^Internet^patient1@example.com"))

    assert person(app).email == "patient1@example.com"
    assert only(app, Enrolment).channels == ["email"]


@pytest.mark.parametrize("number", ["9990000001", "3333333333"], ids=["wrong digit", "nobody's"])
def test_an_nhs_number_that_can_not_be_is_left_out_and_a_person_told(app, number):
    assert feed(app, message(nhs=number)) == [("enrolled", "enrolled")]

    assert person(app).nhs_number is None
    (item,) = tasks(app)
    assert (item.kind, item.detail["cause"]) == ("feed", "nhs-number-left-out")
    assert item.detail["feed_message"] == str(only(app, FeedMessage).id)


@pytest.mark.parametrize("name", ["WALKER^John \\T\\ Mary", "BOUCH?R^Ren?e", "Smith^Baby of"])
def test_a_name_that_can_not_be_one_persons_is_left_out_and_a_person_told(app, name):
    assert feed(app, message(name=name)) == [("enrolled", "enrolled")]

    assert person(app).name is None
    (item,) = tasks(app)
    assert (item.kind, item.detail["cause"]) == ("feed", "name-left-out")


def test_a_name_in_capitals_is_stored_as_one_writes_it_and_again_is_no_change(app):
    feed(app, message(id_="1", name="O'NEILL^SIAN"))
    came = feed(app, message("ADT^A31", id_="2", at="20261019150000", name="O'Neill^Sian"))

    assert person(app).name == "Sian O'Neill"
    assert came == [("ignored", "nothing-new")]


def test_an_nhs_number_that_comes_later_is_added(app):
    feed(app, message(id_="1", nhs=""))
    came = feed(app, message("ADT^A31", id_="2", at="20261019150000"))

    assert came == [("changed", "details")]
    assert person(app).nhs_number is not None


def test_a_corrected_mobile_is_texted_from_then_on(app):
    feed(app, message("ADT^A04", id_="1", visit="V1"))

    came = feed(
        app,
        message("ADT^A08", id_="2", at="20261019150000", visit="V1", phones="07700900777^PRN^CP"),
    )
    run_until(app, ENROLLED_AT + timedelta(days=1))

    assert came == [("changed", "details")]
    assert {call.to for call in sms_of(app).calls} == {"+447700900777"}


def test_empty_leaves_alone_and_two_quotes_delete(app):
    feed(app, message("ADT^A04", id_="1", visit="V1"))

    feed(app, message("ADT^A08", id_="2", at="20261019150000", visit="V1", phones=""))
    assert person(app).mobile == "+447700900001"

    feed(app, message("ADT^A08", id_="3", at="20261019150100", visit="V1", phones='""'))
    assert person(app).mobile is None


def test_a_birth_date_with_a_time_is_a_birth_date(app):
    pid = "PID|1||000001^^^MUH^MR||Patient^Test||196512131515||||||07700900001^PRN^CP"
    feed(app, message(pid=pid))

    assert person(app).date_of_birth.isoformat() == "1965-12-13"


def test_an_offset_counts_and_without_one_the_hospital_s_clock(app):
    feed(app, message("ADT^A04", visit="V1", time=None, procedure=None, more=(
        "PR1|1||A52.2|||" , "PR1|2||A52.2||20261019143000+0000",
    )))  # fmt: skip

    assert only(app, Enrolment).procedure_at == PROCEDURE_AT + timedelta(hours=1)


def test_a_day_without_a_time_asks_a_person(app):
    came = feed(app, message("ADT^A05", visit="V1", time=None, more=("PR1|2||A52.2||20261025",)))

    assert came == [("person", "no-time")]
    assert tasks(app)[0].detail["cause"] == "no-time"
    assert rows(app, Enrolment) == []


def test_a_procedure_that_nobody_follows_up_is_ignored(app):
    assert feed(app, message(procedure="Z99.9")) == [("ignored", "no-rule")]
    assert rows(app, Enrolment) == []


@pytest.mark.parametrize("died", [
    message("ADT^A08", id_="2", at="20261019150000", visit="V1", died="Y"),
    message("ADT^A31", id_="2", at="20261019150000", died="Y", procedure=None),
    message("ADT^A03", id_="2", at="20261019150000", visit="V1|" + "|" * 16 + "4"),
], ids=["A08", "A31", "discharge"])  # fmt: skip
def test_a_death_stops_everything_and_one_taken_back_plans_what_is_still_useful(app, died):
    feed(app, message("ADT^A04", id_="1", visit="V1"))
    born = person(app).date_of_birth
    by_staff = enrol_one(app, 1, protocol="facet-joint-injection", date_of_birth=born,
                         attributes={"sugar_may_rise": False})  # fmt: skip
    before = planned(app)

    assert feed(app, died) == [("cancelled", "died")]
    assert planned(app) == []
    assert only(app, Patient).deceased_at is not None

    back = message("ADT^A31", id_="3", at="20261019150100", died="N", procedure=None)
    assert feed(app, back) == [("changed", "reopened")]
    assert only(app, Patient).deceased_at is None
    assert planned(app) == before
    assert {one.state for one in rows(app, Enrolment)} == {"active"}
    assert by_staff in {one.id for one in rows(app, Enrolment)}


def test_a_death_that_staff_recorded_is_not_taken_back_by_a_feed_that_says_no(app):
    feed(app, message("ADT^A04", id_="1", visit="V1", died="N"))
    withdraw_enrolment(
        app, only(app, Enrolment).id, reason="told by the family", actor="cli:test", deceased=True
    )

    feed(app, message("ADT^A08", id_="2", at="20261019150000", visit="V1", died="N"))

    assert only(app, Patient).deceased_at is not None
    assert planned(app) == []


def test_a_restricted_record_stops_what_is_planned(app):
    feed(app, message("ADT^A04", id_="1", visit="V1"))

    pd1 = "PD1|" + "|" * 10 + "|Y"
    came = feed(app, message("ADT^A31", id_="2", at="20261019150000", procedure=None, more=(pd1,)))

    assert came == [("cancelled", "restricted")]
    assert planned(app) == []


def test_what_staff_ended_is_not_opened_again_by_a_feed(app):
    feed(app, message("ADT^A04", id_="1", visit="V1"))
    withdraw_enrolment(app, only(app, Enrolment).id, reason="asked for", actor="cli:test")

    came = feed(app, message("ADT^A03", id_="2", at="20261019150000", visit="V1"))

    assert came == [("ignored", "ended-by-staff")]
    assert only(app, Enrolment).state == "withdrawn"


def test_a_time_that_staff_changed_stays_until_the_feed_has_news(app):
    feed(app, message(id_="1", time=NEXT_WEEK))
    by_staff = NEXT_WEEK + timedelta(minutes=40)
    reschedule(app, only(app, Enrolment).id, by_staff, actor="cli:test")

    feed(app, message("SIU^S14", id_="2", at="20261019143100", time=NEXT_WEEK))
    assert only(app, Enrolment).procedure_at == by_staff

    feed(app, message("SIU^S13", id_="3", at="20261019143200", time=NEXT_MONTH))
    assert only(app, Enrolment).procedure_at == NEXT_MONTH


def test_a_number_that_staff_corrected_stays_when_the_next_visit_comes(app):
    feed(app, message(id_="1", time=NEXT_WEEK))
    patient = only(app, Patient).id
    correct_contacts(app, patient, mobile="+447700900888", email=None, actor="cli:test")

    feed(app, message(id_="2", at="20261019143100", appointment="AP2", time=NEXT_MONTH))

    assert len(rows(app, Enrolment)) == 2
    assert person(app).mobile == "+447700900888"


def test_an_enrolment_that_staff_made_before_is_gone_on_with(app):
    enrol_one(app, 1, attributes={"diabetic": False, "steroid_given": True})

    came = feed(app, message("ADT^A04", visit="V1"))

    assert came == [("enrolled", "enrolled")]
    assert only(app, FeedVisit).enrolment_id == only(app, Enrolment).id


def test_a_visit_of_another_patient_asks_a_person_and_changes_nothing(app):
    feed(app, message(id_="1", appointment="AP1"))
    before = planned(app)

    came = feed(app, message("SIU^S15", id_="2", at="20261019143100", serial=2, appointment="AP1"))

    assert came == [("person", "conflict")]
    assert planned(app) == before
    assert [item.kind for item in tasks(app)] == ["feed"]


def test_merged_people_are_one_from_then_on(app):
    feed(app, message(id_="1", serial=1, nhs="", time=NEXT_WEEK))
    merge = message(
        "ADT^A40", id_="2", at="20261019143100", serial=2, procedure=None, mrg="000001^^^MUH^MR"
    )

    assert feed(app, merge) == [("merged", "merged")]
    moved = message("SIU^S13", id_="3", at="20261019143200", serial=2, time=NEXT_MONTH)
    assert feed(app, moved) == [("changed", "moved")]
    assert only(app, Enrolment).procedure_at == NEXT_MONTH
    assert person(app).name == "Test Patient-00002"


def test_two_patients_who_are_merged_ask_a_person(app):
    feed(
        app,
        message(id_="1", serial=1, appointment="AP1", time=NEXT_WEEK),
        message(id_="2", serial=2, appointment="AP2", time=NEXT_MONTH),
    )
    merge = message(
        "ADT^A40", id_="3", at="20261019143100", serial=2, procedure=None, mrg="000001^^^MUH^MR"
    )

    assert feed(app, merge) == [("person", "merge")]
    assert len(rows(app, Patient)) == 2
    [item] = tasks(app)
    by_name = {read_patient(one, app.keyring).name: one.id for one in rows(app, Patient)}
    assert twins_of(item) == (by_name["Test Patient-00002"], by_name["Test Patient-00001"])


@pytest.mark.parametrize("contradict", [False, True], ids=["plainly", "two NHS numbers"])
def test_where_the_site_says_so_their_records_are_merged_unless_they_contradict(
    migrated_sqlite_url, contradict
):
    with closing(
        make_app(migrated_sqlite_url, catalogue=catalogue_with(site(merges="apply")))
    ) as app:
        same_birthday = message(id_="2", serial=11, appointment="AP2", time=NEXT_WEEK, nhs="")
        feed(app, message(id_="1", serial=1, appointment="AP1", time=NEXT_WEEK), same_birthday)
        if contradict:
            feed(app, message("ADT^A08", id_="9", serial=11, procedure=None))
        merge = message(
            *("ADT^A40",), id_="3", at="20261019143100", serial=1, procedure=None,
            mrg="000011^^^MUH^MR",
        )  # fmt: skip
        came = feed(app, merge)

        assert came == [("person", "merge") if contradict else ("merged", "merged")]
        merged = {one.merged_into for one in rows(app, Patient)} != {None}
        assert merged is not contradict
        if merged:
            # The appointment is one, and goes on being moved.
            moved = message("SIU^S13", id_="4", at="20261019143200", serial=1, time=NEXT_MONTH)
            assert feed(app, moved) == [("changed", "moved")]
            planned_for = {one.enrolment_id for one in messages(app) if one.state == "planned"}
            assert len(planned_for) == 1


def test_circular_and_inverse_merges_are_refused(app):
    def merge(id_: str, survivor: int, gone: int) -> str:
        return message(
            "ADT^A40", id_=id_, at=f"2026101914310{id_}", serial=survivor, procedure=None,
            mrg=f"{gone:06d}^^^MUH^MR",
        )  # fmt: skip

    came = feed(app, merge("1", 2, 1), merge("2", 3, 2), merge("3", 1, 3), merge("4", 2, 1),
                merge("5", 2, 2))  # fmt: skip

    assert came == [
        ("merged", "merged"),
        ("merged", "merged"),
        ("refused", "merge-inverse"),
        ("ignored", "merged-before"),
        ("refused", "merge-self"),
    ]


def test_a_site_may_wait_for_the_arrival(migrated_sqlite_url):
    app = make_app(migrated_sqlite_url, catalogue=catalogue_with(site(starts_at="arrived")))

    came = feed(app, message(id_="1"), message("ADT^A04", id_="2", at="20261019150000", visit="V1"))

    assert came == [("ignored", "not-begun"), ("enrolled", "enrolled")]
    app.close()
