"""Enrolling somebody who wants no messages: the answer says so, and a person is asked."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

from followup.consent.objections import lodge_objection, lodge_objection_of_address
from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.errors import AlreadyEnrolled
from followup.enrolment.bulk import enrol_all, enrol_all_again
from followup.enrolment.enrol import check_request, dry_run, enrol
from followup.intake.dry_run import DryRun
from followup.messages.opt_out import stop_messages
from followup.patients.records import address_index
from followup.replies.inbound import take_inbound
from followup.store.models.patients import Patient
from followup.wording.objections import objection_text
from followup.worklist.items import occurrences
from tests.replies.test_inbound import text
from tests.support.apps import clock_of, enrol_one, messages, rows, run_until, tasks
from tests.support.people import EMAIL, PROCEDURE_AT, SMS, request

ACTOR = "cli:test"
LONDON = ZoneInfo("Europe/London")
DAY = timedelta(days=1)
LATER = {"reference": "SECOND", "procedure_at": PROCEDURE_AT + DAY}


def stopped(app: AppContext, channel: ChannelKind | None = None) -> None:
    """Enrol the first person and let them object, then pass on to the next day."""
    enrol_one(app)
    [patient] = rows(app, Patient)
    by = app.by("patient")
    app.store.transact(
        lambda session: lodge_objection(
            session, by, patient=patient, channel=channel, source="link" if channel else "sms"
        )
    )
    clock_of(app).advance(DAY)


def stopped_before(app: AppContext) -> None:
    """Let the number of the first person object while nobody has it."""
    take_inbound(app, text("STOP"))
    clock_of(app).advance(DAY)


def asked(app: AppContext) -> list:
    return [item for item in tasks(app) if item.kind == "enrolled-after-stop"]


def said(objection) -> str:
    return objection_text(objection, LONDON)


NOTHING = "The patient wants no messages since Mon 19 Oct 2026, 3pm; nothing will be sent."
NO_TEXTS = "The patient wants no texts since Mon 19 Oct 2026, 3pm; no texts will be sent."
NO_EMAILS = "The patient wants no e-mails since Mon 19 Oct 2026, 3pm; no e-mails will be sent."

WAYS = {
    "one": lambda app, wanted: enrol(app, wanted, actor=ACTOR),
    "many": lambda app, wanted: enrol_all(app, [request(7), wanted], actor=ACTOR)[1],
    "singly": lambda app, wanted: enrol_all_again(app, wanted, actor=ACTOR),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_one_who_wrote_stop_is_enrolled_and_a_person_is_asked(app, way):
    stopped(app)

    made = way(app, request(**LATER))

    assert made.created
    assert said(made.objection) == NOTHING
    [item] = asked(app)
    assert (item.enrolment_id, item.urgency) == (made.enrolment_id, 3)
    assert item.detail == {"cause": "objection"}
    assert {(one.state, one.reason) for one in messages(app, made.enrolment_id)} == {
        ("cancelled", "objection")
    }


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_who_is_enrolled_while_somebody_is_to_ring_about_their_stop_is_asked_about_once(
    sqlite_app, way
):
    app = sqlite_app
    enrol_one(app)
    [patient] = rows(app, Patient)
    app.transact("web:a", lambda unit: stop_messages(unit, patient, channel=None, source="staff"))

    made = way(app, request(**LATER))

    [item] = tasks(app)
    assert (item.kind, item.detail["enrolled"]) == ("advice-stopped", [str(made.enrolment_id)])
    with app.store.read() as session:
        about = {message.enrolment_id for message, _ in occurrences(session, item.id)}
    assert made.enrolment_id in about


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_number_that_wrote_stop_before_anybody_had_it_is_told_too(app, way):
    stopped_before(app)

    made = way(app, request(channels=(SMS,), email=None, **LATER))

    assert made.created
    assert said(made.objection) == NOTHING
    assert [item.enrolment_id for item in asked(app)] == [made.enrolment_id]
    run_until(app, PROCEDURE_AT + 3 * DAY)
    ended = {(one.state, one.reason) for one in messages(app, made.enrolment_id)}
    assert ended == {("planned", None), ("suppressed", "objection")}


def test_of_a_number_alone_the_e_mails_go_and_the_answer_does_not_claim_otherwise(app):
    stopped_before(app)

    made = enrol(app, request(**LATER), actor=ACTOR)

    assert said(made.objection) == NO_TEXTS
    assert asked(app)[0].detail == {"cause": "objection-to-channel", "channel": "sms"}


@pytest.mark.parametrize(("channel", "told"), [(SMS, NO_TEXTS), (EMAIL, NO_EMAILS)])
def test_an_objection_to_one_channel_names_it(app, channel, told):
    stopped(app, channel)

    made = enrol(app, request(**LATER), actor=ACTOR)

    assert said(made.objection) == told
    assert {one.state for one in messages(app, made.enrolment_id)} == {"planned"}


def test_an_objection_to_the_only_channel_means_that_nothing_goes(app):
    stopped(app, EMAIL)

    made = enrol(app, request(channels=(EMAIL,), **LATER), actor=ACTOR)

    assert said(made.objection).endswith(
        "no e-mails since Mon 19 Oct 2026, 3pm; nothing will be sent."
    )


def test_what_nobody_objected_to_is_not_spoken_of(app):
    stopped(app, EMAIL)

    made = enrol(app, request(channels=(SMS,), **LATER), actor=ACTOR)
    other = enrol(app, request(2), actor=ACTOR)

    assert (made.objection, other.objection) == (None, None)
    assert asked(app) == []


def test_an_address_that_is_left_out_is_kept_and_its_objection_counts(app):
    enrol_one(app)
    number = address_index(app.keyring.indexes, SMS, "+447700900001")
    by = app.by(ACTOR)
    app.store.transact(
        lambda session: lodge_objection_of_address(
            session, by, contact_index=number, source="carrier"
        )
    )

    made = enrol(app, request(mobile=None, channels=(EMAIL,), **LATER), actor=ACTOR)
    again = enrol(app, request(), actor=ACTOR)

    assert made.objection is None
    assert said(again.objection).startswith("The patient wants no texts since")


def test_who_is_enrolled_already_is_told_of_it_and_no_second_item_is_opened(app):
    stopped(app)
    made = enrol(app, request(**LATER), actor=ACTOR)

    again = enrol(app, request(**LATER), actor=ACTOR)
    bulk = enrol_all(app, [request(**LATER)], actor=ACTOR)[0]
    by_procedure = enrol_all_again(app, request(**LATER | {"reference": None}), actor=ACTOR)
    with pytest.raises(AlreadyEnrolled, match="nothing will be sent") as refused:
        enrol(app, request(**LATER | {"reference": "THIRD"}), actor=ACTOR)

    for answer in (again, bulk, by_procedure):
        assert (answer.enrolment_id, answer.created) == (made.enrolment_id, False)
        assert said(answer.objection) == NOTHING
    assert refused.value.objection == made.objection
    assert len(asked(app)) == 1


def test_a_dry_run_says_it_and_asks_nobody(app):
    stopped(app)
    fresh, known = request(**LATER), request()

    with app.store.read() as session:
        one = dry_run(session, app, check_request(app, fresh))
    many = dict(DryRun(app).examine([(2, fresh), (3, known), (4, request(5))]))

    assert said(one.objection) == said(many[2].objection) == said(many[3].objection) == NOTHING
    assert many[4].objection is None
    assert many[3].enrolment_id is not None
    assert asked(app) == []


def test_a_dry_run_knows_the_number_of_one_who_was_never_enrolled(app):
    stopped_before(app)

    [(_, found)] = DryRun(app).examine([(2, request(channels=(SMS,), **LATER))])

    assert said(found.objection) == NOTHING


def test_start_plans_again_and_leaves_the_item_to_the_person(app):
    stopped(app)
    made = enrol(app, request(**LATER), actor=ACTOR)

    take_inbound(app, text("START"))

    assert "planned" in {one.state for one in messages(app, made.enrolment_id)}
    assert [item.state for item in asked(app)] == ["open"]
    assert enrol(app, request(**LATER), actor=ACTOR).objection is None


def test_where_nobody_is_there_nobody_is_asked(app):
    stopped(app)

    made = enrol(app, request(**LATER), actor="demo", asks=False)

    assert made.objection is not None
    assert asked(app) == []


def test_a_batch_looks_for_objections_once(app):
    stopped(app)
    seen: list[str] = []
    event.listen(app.store.engine, "before_cursor_execute", lambda *it: seen.append(it[2]))

    enrol_all(app, [request(**LATER), *(request(serial) for serial in range(2, 40))], actor=ACTOR)
    list(DryRun(app).examine([(serial, request(serial)) for serial in range(1, 40)]))

    assert sum("FROM objections" in statement for statement in seen) == 2
