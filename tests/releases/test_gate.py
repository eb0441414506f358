"""The gate: nothing goes out that two people did not sign, and what is put right goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from followup.audit.enrolment_evidence import compile_enrolment_evidence, evidence_json
from followup.catalogue.signers import revoke_signer
from followup.context import AppContext, OnCall
from followup.domain.errors import BadSignature, Conflict
from followup.domain.lifecycle import State
from followup.domain.reasons import Reason
from followup.enrolment.bulk import enrol_all
from followup.releases.difference import texts
from followup.releases.sign import (
    MadeSignature,
    approve,
    make_signature,
    send_back,
    sign,
    statement_of,
    withdraw,
)
from followup.sending.claim import claim_due
from followup.sending.eligibility import load_for_sending
from followup.sending.kill_switch_check import KillSwitchCheck
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt, Message
from followup.store.models.releases import Release
from tests.support.apps import (
    a_message,
    clock_of,
    enrol_one,
    sms_of,
    sweep,
    tasks,
    tick,
)
from tests.support.people import CLINIC, PROTOCOL, SMS, request
from tests.support.signing import (
    ANN,
    APPROVER,
    AUTHOR,
    BOB,
    CAT,
    CHECKOUT,
    VALID_FROM,
    approved,
    key_of,
    live_app,
    live_folder,
    signed,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return live_folder(tmp_path)


@pytest.fixture
def live(migrated_url: str, folder: Path) -> Iterator[AppContext]:
    app = live_app(migrated_url, folder)
    yield app
    app.close()


def held(app: AppContext) -> set[str | None]:
    with app.store.read() as session:
        query = select(Message.reason).where(Message.state == State.HELD.value)
        return set(session.scalars(query))


def look(app: AppContext) -> int:
    """Let a second pass, which is how old the knowledge of words may be, and tick."""
    clock_of(app).advance(timedelta(seconds=2))
    return tick(app)


def test_what_nobody_signed_is_held_and_goes_once_two_people_have(live: AppContext):
    enrol_one(live)

    assert tick(live) == 0
    assert held(live) == {Reason.WORDS_NOT_APPROVED.value}

    signed(live)
    assert look(live) == 0

    with live.store.read() as session:
        (release,) = session.scalars(select(Release))
    made = make_signature(live, release.statement, BOB, APPROVER)
    approve(live, release.digest, made, actor="cli:bob")
    clock_of(live).advance(timedelta(seconds=2))
    sweep(live, "release-held")

    assert look(live) > 0
    assert attempts(live) == {release.id}


def attempts(app: AppContext) -> set[UUID | None]:
    with app.store.read() as session:
        return set(session.scalars(select(Attempt.release_id)))


def test_one_byte_changed_on_disk_holds_and_the_same_bytes_again_let_go(
    live: AppContext, folder: Path
):
    approved(live)
    file = folder / "protocols" / f"{PROTOCOL}.toml"
    before = file.read_bytes()

    file.write_bytes(before + b" ")
    enrol_one(live)
    assert look(live) == 0
    assert held(live) == {Reason.WORDS_CHANGED.value}

    file.write_bytes(before)
    clock_of(live).advance(timedelta(seconds=2))
    sweep(live, "release-held")
    assert look(live) > 0


@pytest.mark.parametrize(
    "change",
    [
        "statement = replace(statement, 'sms.txt', 'sms.txx')",
        "author_signature = replace(author_signature, 'role:author', 'role:Author')",
        "approver_signature = author_signature",
        "approver = 'Dr Bob Approver II'",
        "approved_at = signed_at",
        "protocol = 'facet-joint-injection'",
    ],
)
def test_one_byte_changed_in_the_database_holds(live: AppContext, change):
    clock_of(live).advance(timedelta(seconds=2))
    release = signed(live)
    clock_of(live).advance(timedelta(hours=1))
    made = make_signature(live, release.statement, BOB, APPROVER)
    approve(live, release.digest, made, actor="cli:bob")
    enrol_one(live)
    assert look(live) > 0

    with live.store.write() as session:
        session.execute(text(f"UPDATE releases SET {change}"))
    enrol_one(live, 2)

    assert look(live) == 0
    assert held(live) <= {Reason.WORDS_CHANGED.value, Reason.WORDS_NOT_APPROVED.value}
    assert held(live)


def test_one_person_withdraws_at_once(live: AppContext):
    release = approved(live)
    enrol_one(live)
    assert look(live) > 0

    withdraw(live, release.digest, reason="It names the wrong phone number.", actor="cli:ann")
    enrol_one(live, 2)

    assert look(live) == 0
    assert held(live) == {Reason.WORDS_WITHDRAWN.value}


def test_a_revoked_key_takes_what_it_signed_since_then_along(live: AppContext, folder: Path):
    approved(live)
    revoke_signer(folder, "Dr Bob Approver", since=VALID_FROM)
    enrol_one(live)

    assert look(live) == 0
    assert held(live) == {Reason.WORDS_CHANGED.value}


def test_an_answer_goes_while_other_words_of_the_clinic_wait(live: AppContext, folder: Path):
    approved(live)
    file = folder / "protocols" / f"{PROTOCOL}.toml"
    file.write_bytes(file.read_bytes() + b"#")
    clock_of(live).advance(timedelta(seconds=2))
    enrol_one(live)
    address = sealed_number(live)
    a_message(live, template="reply-emergency", step="reply-emergency", **address)

    assert look(live) == 1
    assert "999" in sms_of(live).texts[0]


def sealed_number(app: AppContext) -> dict[str, object]:
    keyring = app.keyring
    return {
        "address_sealed": keyring.system.seal("+447700900001", column="messages.address"),
        "address_index": b"index",
    }


@pytest.mark.parametrize(
    ("policy", "protocol", "reason"),
    [
        ({"on_call": OnCall()}, PROTOCOL, Reason.NOBODY_ON_CALL),
        ({}, "facet-joint-injection", Reason.EXAMPLE_PROTOCOL),
    ],
    ids=["nobody on call", "example"],
)
def test_what_is_not_ready_for_patients_is_held(migrated_url, folder, policy, protocol, reason):
    app = live_app(migrated_url, folder, **policy)
    try:
        approved(app)
        attributes = {"sugar_may_rise": True} if protocol != PROTOCOL else None
        # Nobody is enrolled on an example in live use: this patient was there before.
        practice = replace(app, policy=replace(app.policy, live=False))
        enrol_one(practice, protocol=protocol, attributes=attributes)
        assert look(app) == 0
        assert held(app) == {reason.value}
    finally:
        app.close()


def test_looking_costs_one_query_a_second(live: AppContext):
    from tests.sending.test_hot_path import counting  # noqa: PLC0415

    approved(live)
    enrol_one(live)
    look(live)
    enrol_one(live, 2)

    with counting(live) as counted:
        tick(live)

    assert sum("FROM releases" in one for one in counted.statements) <= 1


# --------------------------------------------------------------------------- two people


def test_the_author_can_not_approve(live: AppContext):
    release = signed(live, by=CAT)
    made = make_signature(live, release.statement, CAT, APPROVER)

    with pytest.raises(Conflict, match="two people are needed"):
        approve(live, release.digest, made, actor="cli:cat")


def test_a_key_signs_in_its_owners_roles_alone(live: AppContext):
    release = signed(live)

    with pytest.raises(BadSignature, match="may not sign as approver"):
        make_signature(live, release.statement, ANN, APPROVER)
    with pytest.raises(BadSignature, match="may not sign as author"):
        signed(live, by=BOB)
    with pytest.raises(BadSignature, match="stands in no file"):
        make_signature(live, release.statement, key_of(9), APPROVER)


def test_an_approval_counts_for_the_same_bytes_alone(live: AppContext):
    release = signed(live)
    other = make_signature(live, release.statement + " ", BOB, APPROVER)

    with pytest.raises(BadSignature, match="one of them was changed"):
        approve(live, release.digest, other, actor="cli:bob")


def test_an_authors_signature_is_no_approval(live: AppContext):
    release = signed(live)
    as_author = make_signature(live, release.statement, CAT, AUTHOR)

    with pytest.raises(BadSignature, match="made as author, not as approver"):
        approve(live, release.digest, as_author, actor="cli:cat")


def test_an_old_signature_is_refused(live: AppContext):
    release = signed(live)
    made = make_signature(live, release.statement, BOB, APPROVER)
    clock_of(live).advance(timedelta(days=2))

    with pytest.raises(BadSignature, match="sign anew"):
        approve(live, release.digest, made, actor="cli:bob")


def test_what_was_sent_back_is_signed_anew(live: AppContext):
    release = signed(live)
    made = make_signature(live, release.statement, BOB, APPROVER)
    send_back(live, release.digest, remark="Say how long it may hurt.", actor="cli:bob")

    with pytest.raises(Conflict, match="sent back"):
        approve(live, release.digest, made, actor="cli:bob")
    clock_of(live).advance(timedelta(seconds=2))
    assert signed(live).id != release.id


def test_a_signature_from_before_the_words_were_given_up_is_not_brought_again(live: AppContext):
    release = signed(live)
    approval = make_signature(live, release.statement, BOB, APPROVER)
    approve(live, release.digest, approval, actor="cli:bob")
    clock_of(live).advance(timedelta(minutes=5))
    withdraw(live, release.digest, reason="The dose is wrong.", actor="cli:bob")
    old = MadeSignature(text=release.author_signature, key=ANN.public)
    clock_of(live).advance(timedelta(minutes=5))

    statement = statement_of(live, clinic=CLINIC, protocol=PROTOCOL)
    with pytest.raises(BadSignature, match="withdrawn after it was made"):
        sign(live, statement, old, actor="cli:cat")
    again = signed(live, by=CAT)
    with pytest.raises(BadSignature, match="withdrawn after it was made"):
        approve(live, again.digest, approval, actor="cli:cat")
    anew = make_signature(live, again.statement, BOB, APPROVER)
    assert approve(live, again.digest, anew, actor="cli:bob").approver == "Dr Bob Approver"


def test_the_same_bytes_are_signed_once(live: AppContext):
    signed(live)

    with pytest.raises(Conflict, match="signed already"):
        signed(live, by=CAT)


@pytest.mark.parametrize(
    "values",
    [
        "approver = 'ann author', approver_key = 'x'",
        "approver = 'Somebody', approver_key = author_key",
        "approver = 'Somebody', approver_key = NULL",
    ],
    ids=["same person", "same key", "no key"],
)
def test_the_database_takes_no_author_for_an_approver(live: AppContext, values):
    approved(live)

    with (
        pytest.raises(IntegrityError, match="ck_releases"),
        live.store.engine.begin() as connection,
    ):
        connection.execute(text(f"UPDATE releases SET {values}"))


def test_a_practice_system_asks_for_no_signature(migrated_url: str, folder: Path):
    app = live_app(migrated_url, folder, live=False)
    try:
        enrol_one(app)
        assert tick(app) > 0
        assert attempts(app) == {None}
    finally:
        app.close()


def test_the_words_of_every_shipped_protocol_can_be_compared(live: AppContext):
    for protocol in live.catalogue.protocols:
        files = statement_of(live, clinic=CLINIC, protocol=protocol).files

        found = texts({file.path: file.place.read_bytes() for file in files})

        assert any(name.startswith("reply-emergency, en, sms") for name in found)


def test_a_signature_covers_every_file_that_the_messages_are_made_of(live: AppContext):
    paths = set(statement_of(live, clinic=CLINIC, protocol=PROTOCOL).text.split())

    assert {
        f"protocols/{PROTOCOL}.toml",
        f"clinics/{CLINIC}.toml",
        "triage/en.toml",
        "words/_layout/en/sms-stop.txt",
        "words/_layout/email-dark.css",
        "words/_layout/email.css",
        "words/dressing/ar/email.html",
        "words/reply-emergency/en/sms.txt",
        "words/dressing/meta.toml",
        f"patient/leaflets/{PROTOCOL}/en.html",
    } <= paths
    assert not any("facet" in path for path in paths)


def test_the_report_says_who_signed_who_approved_and_from_which_document(live: AppContext):
    release = approved(live)
    enrolment = enrol_one(live)
    look(live)

    with live.store.read() as session:
        found = compile_enrolment_evidence(session, live, session.get_one(Enrolment, enrolment))
    tries = [one for told in found.told for one in told.tries]
    as_json = [one for told in evidence_json(found)["messages"] for one in told["tries"]]

    assert tries
    for one in tries:
        assert "Signed by Ann Author and approved by Dr Bob Approver on" in one.approval
        assert "from B-465/Pain Management/Nerve Root Block v3" in one.approval
        assert "to be reviewed by Tue 31 Aug 2027" in one.approval
    assert {one["release"]["digest"] for one in as_json} == {release.digest}


def test_a_clinics_own_words_are_what_is_signed_and_watched(migrated_url: str, folder: Path):
    own = folder / "words" / "messages" / "dressing" / "en" / "sms.txt"
    own.parent.mkdir(parents=True)
    shipped = CHECKOUT / "templates" / "messages" / "dressing" / "en" / "sms.txt"
    own.write_text(shipped.read_text("utf-8") + "\nRing us if you are in doubt.\n", "utf-8")
    app = live_app(migrated_url, folder)
    try:
        approved(app)
        enrol_one(app)
        assert look(app) > 0
        own.write_bytes(own.read_bytes() + b" ")
        enrol_one(app, 2)
        assert look(app) == 0
        assert held(app) == {Reason.WORDS_CHANGED.value}
    finally:
        app.close()


def test_a_wrong_text_that_two_people_approved_stops_at_600(migrated_sqlite_url: str, folder: Path):
    wrong = folder / "words" / "messages" / "going-home" / "en" / "sms.txt"
    wrong.parent.mkdir(parents=True)
    wrong.write_text("{{ clinic.short_name }}: you may drive home. Unwell? NHS 111.\n", "utf-8")
    app = live_app(migrated_sqlite_url, folder)
    try:
        approved(app)
        everybody = [request(serial, channels=(SMS,)) for serial in range(1, 611)]
        enrol_all(app, everybody, actor="cli:test")
        while tick(app):
            pass

        texts = sms_of(app).texts
        assert set(texts) == {"Derriford Pain Clinic: you may drive home. Unwell? NHS 111."}
        assert len(texts) == app.policy.version_per_minute == 600
        assert held(app) == {Reason.VOLUME_LIMIT.value}
        (item,) = [one for one in tasks(app) if one.kind == "blast-radius"]
        assert (item.detail["template"], item.detail["limit"]) == ("going-home", 600)
    finally:
        app.close()


def test_a_batch_under_way_ends_where_its_words_are_withdrawn(live: AppContext):
    release = approved(live)
    enrol_one(live)
    clock_of(live).advance(timedelta(seconds=2))
    check = KillSwitchCheck(live)
    (batch, *_) = claim_due(live)
    with live.store.read() as session:
        rows = load_for_sending(session, batch.message_ids)
    assert not check.stops(rows[0])

    withdraw(live, release.digest, reason="It names the wrong number.", actor="cli:ann")
    clock_of(live).advance(timedelta(seconds=2))

    assert check.stops(rows[0])
