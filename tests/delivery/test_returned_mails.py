"""What can't be matched: kept once, listed, counted, alarming, and settled by a person alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from followup.context import AppContext
from followup.delivery import returned_mail_ledger
from followup.delivery.bounce_intake import confirm_bounce, receive_bounce
from followup.delivery.returned_mail_ledger import (
    CONTENT_COLUMN,
    Closing,
    MailSource,
    TakenMail,
    WaitingMail,
    candidates,
    close_mail,
    count_mails,
    waiting_mails,
)
from followup.domain.errors import Conflict, NotFound
from followup.monitoring.anomalies import delayed_messages
from followup.monitoring.metrics import collect_metrics
from followup.store.models.audit import AuditEvent
from followup.store.models.messages import Attempt
from followup.store.models.patients import Objection, Patient
from followup.store.models.returned_mails import ReturnedMail
from tests.support.apps import clock_of, enrol_one, messages, rows, run_jobs, tasks
from tests.support.people import EMAIL
from tests.support.returned_mails import returned_mail

BY = "web:nia@example.com"


def send_one(app: AppContext) -> UUID:
    enrol_one(app, channels=(EMAIL,))
    run_jobs(app)
    return next(one.message_id for one in rows(app, Attempt))


def receive(app: AppContext, name: str, **given: object) -> TakenMail:
    return receive_bounce(app, returned_mail(name, **given), source=MailSource.HOOK)


def waiting(app: AppContext) -> list[WaitingMail]:
    with app.store.read() as session:
        return waiting_mails(session, app, None)


def may_be(app: AppContext, mail: WaitingMail) -> list[UUID]:
    with app.store.read() as session:
        return [one.id for one in candidates(session, app, mail)]


def state_of(app: AppContext, message_id: UUID) -> str:
    return next(one.state for one in messages(app) if one.id == message_id)


def test_a_report_that_proves_nothing_waits_with_what_a_person_needs_to_see(app):
    receive(app, "hmail")

    [mail] = waiting(app)
    assert (mail.kind, mail.code) == ("report", "5.1.1")
    assert mail.content.recipients == ["patient1@example.com"]
    assert mail.content.sender == "mailer-daemon@hmail.example.com"
    assert "550 Unknown user" in mail.content.words


def test_the_same_mail_by_another_way_and_with_other_line_ends_waits_once(app):
    content = returned_mail("hmail")
    for source, mail in (
        (MailSource.HOOK, content),
        (MailSource.MAILDIR, content.replace(b"\r\n", b"\n")),
    ):
        receive_bounce(app, mail, source=source)

    assert len(rows(app, ReturnedMail)) == 1


def test_every_mail_is_accounted_for_by_what_became_of_it(app):
    message_id = send_one(app)
    receive(app, "postfix", message_id=message_id)
    receive(app, "arf", message_id=message_id)
    for name in ("holiday-notice", "postfix-delayed", "hmail", "a-patient-answers"):
        receive(app, name)

    assert collect_metrics(app).returned_mails == {
        "bounced": 1, "objected": 1, "news": 2, "copy": 0, "unmatched": 2,
    }  # fmt: skip
    assert collect_metrics(app).unmatched == 2


def test_what_a_mail_says_is_sealed_and_kept_of_none_that_was_matched(app):
    message_id = send_one(app)
    receive(app, "postfix", message_id=message_id)
    receive(app, "hmail")

    by_outcome = {one.outcome: one for one in rows(app, ReturnedMail)}
    assert by_outcome["bounced"].content_sealed is None
    sealed = by_outcome["unmatched"].content_sealed
    assert b"patient1" not in sealed
    opened = app.keyring.system.open(sealed, column=CONTENT_COLUMN, row=by_outcome["unmatched"].id)
    assert "patient1@example.com" in opened


def test_recipient_and_time_find_the_e_mail_for_a_person_to_confirm(app):
    message_id = send_one(app)
    receive(app, "hmail")
    [mail] = waiting(app)
    assert may_be(app, mail) == [message_id]
    assert state_of(app, message_id) == "sent"

    confirm_bounce(app, mail.id, message_id, actor=BY)

    assert state_of(app, message_id) == "failed"
    assert rows(app, Patient)[0].email_unusable == "5.1.1"
    [kept] = rows(app, ReturnedMail)
    assert (kept.closed_by, kept.closed_as, kept.content_sealed) == (BY, "confirmed", None)
    assert waiting(app) == []
    [event] = [one for one in rows(app, AuditEvent) if one.action == "returned-mail.confirmed"]
    assert (event.actor, event.message_id) == (BY, message_id)


def test_a_confirmed_complaint_is_an_objection(app):
    message_id = send_one(app)
    receive(app, "arf", instead={"redacted@example.com": "patient1@example.com"})
    [mail] = waiting(app)

    confirm_bounce(app, mail.id, message_id, actor=BY)

    assert [one.source for one in rows(app, Objection)] == ["complaint"]
    assert state_of(app, message_id) == "sent"


def test_an_e_mail_that_it_cannot_be_about_is_never_confirmed(app):
    message_id = send_one(app)
    receive(app, "hmail", instead={"patient1@example.com": "other@example.com"})
    [mail] = waiting(app)

    with pytest.raises(NotFound, match="choose again"):
        confirm_bounce(app, mail.id, message_id, actor=BY)

    assert state_of(app, message_id) == "sent"


def test_an_e_mail_of_long_ago_is_no_candidate(app):
    send_one(app)
    clock_of(app).advance(timedelta(days=8))
    receive(app, "hmail")

    [mail] = waiting(app)
    assert may_be(app, mail) == []


def test_what_somebody_wrote_can_be_read_and_closed_and_fails_nothing(app):
    message_id = send_one(app)
    receive(app, "a-patient-answers", message_id=message_id)
    [mail] = waiting(app)
    assert "My leg feels weak" in mail.content.words
    assert may_be(app, mail) == []

    close_mail(app, mail.id, as_=Closing.DISMISSED, actor=BY)

    assert waiting(app) == []
    assert state_of(app, message_id) == "sent"


def test_an_answer_to_an_e_mail_of_ours_is_an_item_as_grave_as_its_own_words(app):
    message_id = send_one(app)
    graver = returned_mail("a-patient-answers", message_id)
    plain = returned_mail(
        "a-patient-answers",
        message_id,
        {"My leg feels weak since this morning.": "> My leg feels weak\n\nWhen can I drive?"},
    )
    for mail in (graver, plain, graver):
        receive_bounce(app, mail, source=MailSource.HOOK)

    items = {item.detail["cause"]: item for item in tasks(app)}
    assert len(tasks(app)) == 2
    assert items.pop("red-flag").urgency == 1
    [other] = items.values()
    assert (other.kind, other.urgency, other.message_id) == ("reply", 2, message_id)
    assert {item.detail["returned_mail"] for item in tasks(app)} == {
        str(mail.id) for mail in waiting(app)
    }


def test_what_a_stranger_writes_is_no_item_of_any_patient(app):
    send_one(app)
    receive(app, "a-patient-answers")

    assert tasks(app) == []


def test_a_mail_belongs_to_the_clinic_whose_address_it_came_to(sqlite_app):
    [only] = sqlite_app.catalogue.clinics.values()
    assert only.email_from != "pain-clinic@example.org"
    theirs = replace(only, email_from="Pain Clinic <Pain-Clinic@example.org>")
    clinics = {only.key: only, "elsewhere": theirs}
    app = replace(sqlite_app, catalogue=replace(sqlite_app.catalogue, clinics=clinics))

    receive(app, "hmail")
    receive(app, "sendmail", instead={"pain-clinic@example.org": "bounces@example.org"})
    receive(sqlite_app, "exim-plain")

    found = {one.content.sender: one.clinic for one in waiting(app)}
    assert found == {
        "mailer-daemon@hmail.example.com": "elsewhere",
        "Mail Delivery Subsystem <MAILER-DAEMON@mail.example.org>": None,
        "Mail Delivery System <Mailer-Daemon@mail.example.org>": only.key,
    }
    with app.store.read() as session:
        assert len(waiting_mails(session, app, ["elsewhere"])) == 1


def test_a_flood_is_counted_and_does_not_fill_the_disk(sqlite_app, monkeypatch):
    monkeypatch.setattr(returned_mail_ledger, "MOST_KEPT", 2)
    for number in range(4):
        receive(sqlite_app, "qmail", instead={"4711": str(number)})

    kept = [one.content_sealed is not None for one in rows(sqlite_app, ReturnedMail)]
    assert sorted(kept) == [False, False, True, True]
    assert len(waiting(sqlite_app)) == 4


def test_only_one_of_two_people_settles_a_mail(app):
    receive(app, "hmail")
    [mail] = waiting(app)
    close_mail(app, mail.id, as_=Closing.DISMISSED, actor=BY)

    with pytest.raises(Conflict, match="already"):
        close_mail(app, mail.id, as_=Closing.DISMISSED, actor=BY)


def test_a_mail_that_was_dismissed_does_not_come_back(app):
    receive(app, "hmail")
    close_mail(app, waiting(app)[0].id, as_=Closing.DISMISSED, actor=BY)

    assert receive(app, "hmail") is TakenMail.UNMATCHED
    assert waiting(app) == []


def test_what_waited_and_is_matched_by_now_waits_no_more(app):
    message_id = send_one(app)
    content = returned_mail("postfix", message_id)
    receive_bounce(app, content, source=MailSource.HOOK, clinic="another")
    assert len(waiting(app)) == 1

    receive_bounce(app, content, source=MailSource.HOOK)

    assert waiting(app) == []
    [kept] = rows(app, ReturnedMail)
    assert (kept.outcome, kept.content_sealed) == ("bounced", None)


def test_more_of_them_than_the_setting_allows_are_an_alarm(app):
    app = replace(
        app, policy=replace(app.policy, alarming=replace(app.policy.alarming, unmatched=2))
    )

    def alarms() -> list[str]:
        return [one.code for one in delayed_messages(app)]

    for number in range(3):
        assert "bounces-unmatched" not in alarms()
        receive(app, "qmail", instead={"4711": str(number)})
    assert "bounces-unmatched" in alarms()

    close_mail(app, waiting(app)[0].id, as_=Closing.DISMISSED, actor=BY)
    assert "bounces-unmatched" not in alarms()


def test_nothing_is_counted_where_nothing_came_back(app):
    with app.store.read() as session:
        assert set(count_mails(session).values()) == {0}
