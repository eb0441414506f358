"""The pages of e-mails that came back: read, confirmed or closed, each by those who may."""

from __future__ import annotations

import pytest

from followup.delivery.bounce_intake import receive_bounce
from followup.delivery.returned_mail_ledger import MailSource
from followup.domain.roles import Role
from followup.store.models.messages import Message
from followup.store.models.returned_mails import ReturnedMail
from tests.support.apps import enrol_one, rows, run_jobs
from tests.support.people import EMAIL
from tests.support.returned_mails import returned_mail
from tests.web.console.visitors import join


@pytest.fixture
def returned(sqlite_app):
    """One e-mail that was sent, and a report that does not prove to be about it; its page."""
    enrol_one(sqlite_app, channels=(EMAIL,))
    run_jobs(sqlite_app)
    receive_bounce(sqlite_app, returned_mail("hmail"), source=MailSource.HOOK)
    [mail] = rows(sqlite_app, ReturnedMail)
    return f"/attention/returned/{mail.id}"


def sent_message(app) -> Message:
    return next(one for one in rows(app, Message) if one.sent_at is not None)


def test_they_are_found_from_what_needs_attention(sqlite_app, asgi, returned):
    nurse = join(sqlite_app, asgi, Role.ENROL)

    assert "1 e-mail that came back is not matched" in nurse.get("/attention").text
    page = nurse.get("/attention/returned")
    assert "Report of an undelivered e-mail" in page.text
    assert f'href="{returned}"' in nurse.client.get("/attention/returned").text


def test_a_person_says_which_e_mail_it_is_about(sqlite_app, asgi, returned):
    nurse = join(sqlite_app, asgi, Role.ENROL)
    message = sent_message(sqlite_app)
    page = nurse.get(returned)
    assert "patient1@example.com" in page.text
    assert "550 Unknown user" in page.text

    refused = nurse.post(f"{returned}/confirm", {}, status=422)
    assert refused.errors == ["Choose the e-mail that it is about"]
    done = nurse.post(f"{returned}/confirm", {"message": str(message.id)})

    assert "The e-mail is matched." in done.text
    assert "None: every e-mail that came back was matched." in done.text
    assert next(one.state for one in rows(sqlite_app, Message) if one.id == message.id) == "failed"


def test_one_that_is_about_nothing_is_closed_and_deleted(sqlite_app, asgi, returned):
    nurse = join(sqlite_app, asgi, Role.ENROL)

    done = nurse.post(f"{returned}/dismiss", {})

    assert "What was kept of the e-mail is deleted." in done.text
    assert rows(sqlite_app, ReturnedMail)[0].content_sealed is None
    assert nurse.client.get(returned).status_code == 404


def test_one_that_can_be_about_nothing_of_ours_is_not_confirmed(sqlite_app, asgi):
    receive_bounce(sqlite_app, returned_mail("hmail"), source=MailSource.HOOK)
    [mail] = rows(sqlite_app, ReturnedMail)
    nurse = join(sqlite_app, asgi, Role.ENROL)

    assert "We sent no e-mail to that address" in nurse.get(f"/attention/returned/{mail.id}").text
    refused = nurse.post(f"/attention/returned/{mail.id}/confirm", {}, status=409)

    assert "close it instead" in refused.text


def test_an_auditor_reads_it_and_changes_nothing(sqlite_app, asgi, returned):
    auditor = join(sqlite_app, asgi, Role.AUDIT)

    page = auditor.get(returned)

    assert "550 Unknown user" in page.text
    assert "Confirm" not in page.text
    assert auditor.client.post(f"{returned}/dismiss").status_code == 403


def test_what_a_stranger_wrote_is_shown_as_text_alone(sqlite_app, asgi):
    mail = returned_mail("a-patient-answers", instead={"My leg": "<script>alert(1)</script>"})
    receive_bounce(sqlite_app, mail, source=MailSource.HOOK)
    nurse = join(sqlite_app, asgi, Role.ENROL)
    [kept] = rows(sqlite_app, ReturnedMail)

    html = nurse.client.get(f"/attention/returned/{kept.id}").text

    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in html
