"""E-mails that came back: reports of RFC 3464, and whatever else lies in a mailbox."""

from __future__ import annotations

import mailbox

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.context import AppContext
from followup.delivery.bounces import read_bounce_mailbox, receive_bounce
from followup.domain.errors import InvalidInput
from followup.providers.email.dsn import read_dsn
from followup.store.models.messages import Attempt
from followup.store.models.patients import Patient
from tests.support.apps import enrol_one, messages, rows, run_jobs
from tests.support.people import EMAIL


def dsn(message_id: str, *, action: str = "failed", status: str = "5.1.1", whole: bool = True):
    """Return a report as a mail server writes it."""
    kind = "message/rfc822" if whole else "text/rfc822-headers"
    return f"""From: MAILER-DAEMON@example.com
To: pain-clinic@example.com
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

It did not arrive.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; patient1@example.com
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 <patient1@example.com>: no such user

--b
Content-Type: {kind}

From: pain-clinic@example.com
To: patient1@example.com
Message-ID: {message_id}
Subject: Derriford Pain Clinic

words
--b--
""".replace("\n", "\r\n").encode()


@pytest.fixture
def sent(sqlite_app: AppContext) -> tuple[AppContext, str]:
    """One e-mail that was sent, and its Message-ID at the provider."""
    enrol_one(sqlite_app, channels=(EMAIL,))
    run_jobs(sqlite_app)
    [attempt] = rows(sqlite_app, Attempt)
    return sqlite_app, attempt.provider_id


@pytest.fixture
def bounced(sent: tuple[AppContext, str]) -> tuple[AppContext, str]:
    """The same, with the provider's id in the form of a Message-ID."""
    app, _ = sent
    message_id = "<one@example.com>"
    with app.store.write() as session:
        session.query(Attempt).update({"provider_id": message_id})
    return app, message_id


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "head"])
def test_a_report_fails_the_e_mail_and_gives_a_wrong_address_up(bounced, whole):
    app, message_id = bounced

    assert receive_bounce(app, dsn(message_id, whole=whole))

    assert "failed" in {one.state for one in messages(app)}
    assert rows(app, Patient)[0].email_unusable == "5.1.1"


def test_a_full_mailbox_fails_the_e_mail_and_keeps_the_address(bounced):
    app, message_id = bounced

    assert receive_bounce(app, dsn(message_id, status="5.2.2"))

    assert "failed" in {one.state for one in messages(app)}
    assert rows(app, Patient)[0].email_unusable is None


def test_a_delay_and_a_report_on_nothing_of_ours_change_nothing(bounced):
    app, message_id = bounced

    assert not receive_bounce(app, dsn(message_id, action="delayed", status="4.4.1"))
    assert not receive_bounce(app, dsn("<other@example.com>"))
    assert not receive_bounce(app, b"Subject: On holiday\n\nI am away.")

    assert "failed" not in {one.state for one in messages(app)}


def test_the_same_report_twice_is_taken_once(bounced):
    app, message_id = bounced
    receive_bounce(app, dsn(message_id))
    before = [(one.id, one.state) for one in messages(app)]

    receive_bounce(app, dsn(message_id))

    assert [(one.id, one.state) for one in messages(app)] == before


def test_what_is_new_in_a_maildir_is_read_once(bounced, tmp_path):
    app, message_id = bounced
    folder = mailbox.Maildir(tmp_path / "bounces")
    folder.add(dsn(message_id))
    folder.add(b"Subject: hello\n\nhello")

    assert read_bounce_mailbox(app, tmp_path / "bounces") == (2, 1)
    assert read_bounce_mailbox(app, tmp_path / "bounces") == (0, 0)


def test_a_path_that_is_no_mailbox_is_refused(sqlite_app, tmp_path):
    with pytest.raises(InvalidInput, match="neither a mail nor a maildir"):
        read_bounce_mailbox(sqlite_app, tmp_path / "nothing")


@given(st.binary(max_size=2000))
def test_whatever_lies_in_a_mailbox_is_read_without_harm(content):
    assert read_dsn(content) is None


@given(place=st.integers(0, 700), junk=st.binary(min_size=1, max_size=20))
def test_a_damaged_report_is_read_without_harm(place, junk):
    whole = dsn("<one@example.com>")

    read_dsn(whole[:place] + junk + whole[place:])
