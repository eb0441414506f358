"""Restriction: kept, shown to nobody but who may lift it, nothing sent, all of it in the trail."""

from __future__ import annotations

import pytest

from followup.context import AppContext
from followup.domain.erasure.restriction import LiftGround, RestrictionGround
from followup.domain.errors import Conflict, NotFound
from followup.domain.kill_switch import SwitchScope
from followup.enrolment.enrol import enrol
from followup.enrolment.page_tokens import find_enrolment_by_token, token_of
from followup.erasure.restriction import lift_restriction, restrict
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.sending import kill_switches
from followup.sending.claim import claim_due
from followup.sending.kill_switches import activate_switch
from followup.sending.send_batch import send_batch
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt, Message
from followup.store.models.patients import Patient, Restriction
from tests.support.apps import EXECUTOR, enrol_one, rows, sweep, tasks, tick
from tests.support.people import request

BY, LIFTER = "web:one@clinic.example", "web:two@clinic.example"


def patient_of(app: AppContext) -> Patient:
    (found,) = rows(app, Patient)
    return found


def test_nothing_is_sent_also_between_claim_and_call_and_all_goes_on_when_lifted(app: AppContext):
    enrol_one(app, 1)
    batches = claim_due(app)
    assert batches

    restrict(app, patient_of(app).id, ground=RestrictionGround.ACCURACY, actor=BY)
    for batch in batches:
        assert send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR) == 0
    tick(app)
    sweep(app, "release-held")
    tick(app)
    text = InboundText(provider_id="SM1", from_="+447700900001", to="", body="Thank you")
    take_inbound(app, text)
    tick(app)

    assert rows(app, Attempt) == []
    held = {it.reason for it in rows(app, Message) if it.state == "held"}
    assert held == {"restricted"}
    assert [it.kind for it in tasks(app)] == ["reply"], "harmless as it is, a person reads it"
    grave = InboundText(
        provider_id="SM2", from_="+447700900001", to="", body="I cannot feel my leg"
    )
    take_inbound(app, grave)
    tick(app)
    gone = [it.template for it in rows(app, Message) if it.state == "sent"]
    assert gone == ["reply-red-flag"], "who writes of a warning sign is answered"
    with pytest.raises(Conflict, match="restricted already"):
        restrict(app, patient_of(app).id, ground=RestrictionGround.CLAIM, actor=BY)

    lift_restriction(app, patient_of(app).id, ground=LiftGround.SETTLED, actor=LIFTER)
    sweep(app, "release-held")
    tick(app)

    assert len(rows(app, Attempt)) > len(gone)
    (spell,) = rows(app, Restriction)
    assert (spell.placed_by, spell.lifted_by, spell.lift_ground) == (BY, LIFTER, "settled")
    told = [(it.action, it.actor) for it in rows(app, AuditEvent) if "restriction" in it.action]
    assert told == [("restriction.placed", BY), ("restriction.lifted", LIFTER)]
    with pytest.raises(Conflict, match="is not restricted"):
        lift_restriction(app, patient_of(app).id, ground=LiftGround.ASKED, actor=BY)


def test_an_answer_that_a_switch_held_is_let_go_all_the_same(sqlite_app: AppContext):
    app = sqlite_app
    enrol_one(app, 1)
    restrict(app, patient_of(app).id, ground=RestrictionGround.ACCURACY, actor=BY)
    switch = activate_switch(app, SwitchScope.ALL, None, reason="wrong words", actor=BY)
    body = "I cannot feel my leg"
    take_inbound(app, InboundText(provider_id="SM2", from_="+447700900001", to="", body=body))
    tick(app)
    assert rows(app, Attempt) == []

    # An interruption: the switch is lifted, and the sweep lets go what it held.
    app.store.transact(lambda session: kill_switches._lift(session, app.by(BY), switch))
    sweep(app, "release-held")
    tick(app)

    assert [it.template for it in rows(app, Message) if it.state == "sent"] == ["reply-red-flag"]


def test_nothing_comes_in_about_them_unseen_by_a_person(sqlite_app: AppContext):
    enrolment = enrol_one(sqlite_app, 1)
    patient = patient_of(sqlite_app)
    restrict(sqlite_app, patient.id, ground=RestrictionGround.OBJECTION, actor=BY)

    with pytest.raises(Conflict, match="data is restricted"):
        enrol(sqlite_app, request(1, reference="NEW"), actor="api:pas")
    with sqlite_app.store.read() as session:
        token = token_of(sqlite_app, session.get_one(Enrolment, enrolment), patient)
        with pytest.raises(NotFound, match="opens no page"):
            find_enrolment_by_token(session, sqlite_app, token or "")
