"""The bounce mailbox behind IMAP, on a real server: each mail once, whatever anybody marks."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from followup.context import AppContext
from followup.delivery.bounce_mailbox import AT_ONCE, fetch_bounces, fetch_new_bounces
from followup.delivery.returned_mail_ledger import TakenMail
from followup.domain.errors import ChannelDown, ConfigurationError
from followup.jobs import JOBS
from followup.providers.email.imap import ImapMailbox, MailboxAddress
from followup.store.models.messages import Attempt
from followup.store.models.returned_mails import ReturnedMail
from tests.stand_ins.imap import ImapServer
from tests.support.apps import enrol_one, messages, rows, run_jobs
from tests.support.people import EMAIL
from tests.support.returned_mails import returned_mail


@pytest.fixture
def server() -> Iterator[ImapServer]:
    with ImapServer() as running:
        yield running


def fetching(app: AppContext, server: ImapServer) -> AppContext:
    return replace(app, bounce_mailbox=ImapMailbox(server.url(), timeout=10))


def send_one(app: AppContext) -> object:
    enrol_one(app, channels=(EMAIL,))
    run_jobs(app)
    return rows(app, Attempt)[0].message_id


def test_what_came_back_is_fetched_once_and_fails_its_e_mail(app, server):
    app = fetching(app, server)
    message_id = send_one(app)
    uid = server.add(returned_mail("postfix", message_id))

    assert fetch_bounces(app) == {TakenMail.BOUNCED: 1}
    assert fetch_bounces(app) == {}

    assert next(one.state for one in messages(app) if one.id == message_id) == "failed"
    assert server.fetched == [uid]
    assert server.read == {uid}


def test_what_waits_for_a_person_stays_unread_and_is_fetched_once(sqlite_app, server):
    app = fetching(sqlite_app, server)
    server.add(returned_mail("hmail"))
    server.add(returned_mail("a-patient-answers"))

    assert fetch_bounces(app) == {TakenMail.UNMATCHED: 2}
    assert fetch_bounces(app) == {}

    assert server.read == set()
    assert server.fetched == [1, 2]


def test_one_that_a_colleague_has_read_already_is_taken_in_all_the_same(sqlite_app, server):
    app = fetching(sqlite_app, server)
    message_id = send_one(app)
    today = app.clock.real_now().date()
    server.add(returned_mail("qmail", message_id), on=today, is_read=True)

    assert fetch_bounces(app) == {TakenMail.BOUNCED: 1}


def test_one_of_long_ago_is_taken_in_where_nobody_has_read_it(sqlite_app, server):
    app = fetching(sqlite_app, server)
    server.add(returned_mail("hmail"), on=date(2020, 1, 1))
    server.add(returned_mail("postfix"), on=date(2020, 1, 1), is_read=True)

    assert fetch_bounces(app) == {TakenMail.UNMATCHED: 1}
    assert server.fetched == [1]


def test_the_same_mail_at_two_places_is_one_and_is_not_fetched_for_ever(app, server):
    app = fetching(app, server)
    message_id = send_one(app)
    for _ in range(2):
        server.add(returned_mail("postfix", message_id))
        server.add(returned_mail("hmail"))

    for _ in range(3):
        fetch_bounces(app)

    assert sorted(server.fetched) == [1, 2, 3, 4]
    assert sorted(one.outcome for one in rows(app, ReturnedMail)) == [
        "bounced", "copy", "copy", "unmatched",
    ]  # fmt: skip


def test_a_server_that_numbers_anew_makes_nothing_happen_twice(sqlite_app, server):
    app = fetching(sqlite_app, server)
    message_id = send_one(app)
    server.add(returned_mail("postfix", message_id))
    fetch_bounces(app)
    before = [(one.id, one.state) for one in messages(app)]

    server.renumber(2)
    fetch_bounces(app)

    assert [(one.id, one.state) for one in messages(app)] == before
    assert fetch_bounces(app) == {}


def test_one_look_takes_so_many_and_the_next_looks_take_the_rest(sqlite_app, server):
    app = fetching(sqlite_app, server)
    for number in range(AT_ONCE + 1):
        server.add(returned_mail("holiday-notice", instead={"Monday": f"day {number}"}))

    assert fetch_bounces(app).total() == AT_ONCE
    assert fetch_bounces(app).total() == 1


def test_the_periodic_job_fetches_them(sqlite_app, server):
    app = fetching(sqlite_app, server)
    server.add(returned_mail("hmail"))
    [job] = [one for one in JOBS if one.name == "fetch-bounces"]

    assert job.until_empty(app) == 1


def test_without_a_mailbox_nothing_is_fetched(sqlite_app):
    assert fetch_new_bounces(sqlite_app) == 0


def test_a_server_that_is_away_is_told_of_and_nothing_is_lost(sqlite_app, server):
    app = fetching(sqlite_app, server)
    server.add(returned_mail("hmail"))
    server.stop()
    with pytest.raises(ChannelDown, match="can't be read"):
        fetch_new_bounces(app)

    server.start()

    assert fetch_bounces(app) == {TakenMail.UNMATCHED: 1}


def test_a_wrong_password_is_told_of_without_the_password(sqlite_app, server):
    mailbox = ImapMailbox(server.url(password="secret"), timeout=10)

    with pytest.raises(ChannelDown, match="AUTHENTICATIONFAILED") as caught:
        fetch_bounces(replace(sqlite_app, bounce_mailbox=mailbox))
    assert "secret" not in str(caught.value)


def test_a_folder_that_is_not_there_is_told_of(sqlite_app, server):
    mailbox = ImapMailbox(server.url().replace("INBOX", "Bounced%20mail"), timeout=10)

    with pytest.raises(ChannelDown, match="no such folder"):
        fetch_bounces(replace(sqlite_app, bounce_mailbox=mailbox))


# ------------------------------------------------------------------------------ encryption


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "imaps"])
def test_an_encrypted_mailbox_is_read_where_its_certificate_is_trusted(
    sqlite_app, tls_files, implicit
):
    with ImapServer(tls_files=tls_files, implicit=implicit) as server:
        server.add(returned_mail("hmail"))
        url = server.url(query="" if implicit else "?starttls=required")
        trusting = ssl.create_default_context(cafile=tls_files[0])
        mailbox = ImapMailbox(url, timeout=10, tls=trusting)

        taken = fetch_bounces(replace(sqlite_app, bounce_mailbox=mailbox))

    assert taken == {TakenMail.UNMATCHED: 1}


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "imaps"])
def test_a_certificate_that_nobody_vouches_for_is_not_trusted(sqlite_app, tls_files, implicit):
    with ImapServer(tls_files=tls_files, implicit=implicit) as server:
        mailbox = ImapMailbox(server.url(query="" if implicit else "?starttls=required"))

        with pytest.raises(ChannelDown, match="CERTIFICATE_VERIFY_FAILED"):
            fetch_bounces(replace(sqlite_app, bounce_mailbox=mailbox))


def test_a_server_without_starttls_is_not_told_the_password(sqlite_app, server):
    mailbox = ImapMailbox(server.url(query="?starttls=required"))

    with pytest.raises(ChannelDown, match="TLS not supported"):
        fetch_bounces(replace(sqlite_app, bounce_mailbox=mailbox))


# ------------------------------------------------------------------------------ its address


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("imaps://mail.example.org/INBOX", "user and password"),
        ("https://user:secret@mail.example.org", "not the address"),
        ("imap://user:secret@mail.example.org:x", "port"),
        ("imap://user:secret@mail.example.org?starttls=maybe", "starttls="),
        ("imap://user:secret@mail.example.org?starttls=never", "vouches"),
        ("imap://user:secret@mail.example.org?starttls=opportunistic", "vouches"),
        ("imaps://user:secret@mail.example.org/a%22b", "folder"),
        ("imaps://user:secret@mail.example.org/a%0D%0Ab", "folder"),
    ],
)
def test_a_wrong_address_is_refused_without_its_password(url, says):
    with pytest.raises(ConfigurationError, match="FOLLOWUP_BOUNCE_IMAP_URL") as caught:
        MailboxAddress.parse(url)

    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_address_says_all_that_is_needed():
    address = MailboxAddress.parse("imaps://user%40example.org:p%2Fw@mail.example.org/Bounced")

    assert (address.user, address.password, address.folder) == (
        "user@example.org",
        "p/w",
        "Bounced",
    )
    assert (address.port, address.implicit_tls) == (993, True)
    assert "p/w" not in repr(address)
