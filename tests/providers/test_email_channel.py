"""E-mail through a real SMTP server: what goes out, and what each failure proves."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from followup.domain.errors import (
    ChannelBusy,
    ChannelDown,
    ChannelRefused,
    ChannelUnavailable,
    ConfigurationError,
    OutcomeUnknown,
)
from followup.providers.email import channel as smtp
from followup.providers.email.channel import SmtpChannel
from followup.providers.interface import CannotTell, ReportedStatus
from tests.providers.conftest import a_message, search_for
from tests.stand_ins.mail import CLOSE, PASSWORD, RESET, SILENCE, USER, MailServer
from tests.support.waiting import wait_until

PATIENT = "pat@example.com"
CLINIC = "Derriford Pain Clinic <pain@example.org>"
STOP_URL = "https://followup.example.org/u/" + "x" * 120
MESSAGE_ID = "<0199d3c0-0000-7000-8000-000000000001@followup.example.org>"
NOON = datetime(2026, 10, 24, 12, tzinfo=UTC)


@pytest.fixture
def server():
    with MailServer() as running:
        yield running


@pytest.fixture
def make_channel():
    """Make channels to a mail server."""
    made = []

    def make(url: str, **chosen: object) -> SmtpChannel:
        given = {"connect_timeout": 5.0, "read_timeout": 5.0, "now": lambda: NOON}
        made.append(SmtpChannel(url, **given | chosen))
        return made[-1]

    yield make
    for channel in made:
        channel.close()


@pytest.fixture
def channel(server, make_channel):
    return make_channel(server.url)


@pytest.fixture
def hasty(server, make_channel, monkeypatch):
    """A channel that soon gives up waiting."""
    monkeypatch.setattr(smtp, "CONTENT_TIMEOUT", 0.5)
    return make_channel(server.url, connect_timeout=0.3, read_timeout=0.3)


def an_email(**chosen: object):
    given = {
        "to": PATIENT,
        "subject": "Your dressing",
        "text": "The small dressing may come off now.\n",
        "html": "<p>The small dressing may come off now.</p>\n",
        "sender": CLINIC,
        "rfc_message_id": MESSAGE_ID,
        "unsubscribe_url": STOP_URL,
    }
    return a_message(**given | chosen)


def words(letter, kind: str) -> str:
    return letter.message.get_body([kind]).get_content().replace("\r\n", "\n")


# --------------------------------------------------------------------------- what goes out


def test_an_email_goes_out_as_text_and_html_under_our_own_message_id(server, channel):
    report = channel.send(an_email(reply_to="reception@example.org"))

    (letter,) = server.letters
    message = letter.message
    assert (letter.sender, letter.recipients) == ("pain@example.org", (PATIENT,))
    assert (message["From"], message["To"]) == (CLINIC, PATIENT)
    assert message["Subject"] == "Your dressing"
    assert message["Reply-To"] == "reception@example.org"
    assert message["Message-ID"] == MESSAGE_ID
    assert parsedate_to_datetime(message["Date"]) == NOON
    assert words(letter, "plain") == an_email().text
    assert words(letter, "html") == an_email().html
    assert (report.provider_id, report.status) == (MESSAGE_ID, ReportedStatus.SENT)


def test_it_comes_back_to_its_return_path_and_says_from_whom_it_is(server, channel):
    channel.send(an_email(return_path="bounces+abc@example.org"))

    (letter,) = server.letters
    assert letter.sender == "bounces+abc@example.org"
    assert letter.message["From"] == CLINIC


def test_a_relay_that_writes_its_own_message_id_leaves_ours_beside_it(server, channel):
    channel.send(an_email())

    assert server.letters[0].message["X-Original-Message-ID"] == MESSAGE_ID


def test_a_relay_that_reports_is_asked_for_our_id_and_never_for_the_advice(make_channel):
    with MailServer(dsn=True) as server:
        outgoing = an_email(to="pat+pain=1@example.com")

        make_channel(server.url).send(outgoing)

        assert server.asked == [
            "RET=HDRS",
            f"ENVID={outgoing.message_id}",
            "NOTIFY=FAILURE",
            "ORCPT=rfc822;pat+2Bpain+3D1@example.com",
        ]
        (letter,) = server.letters
        assert letter.recipients == ("pat+pain=1@example.com",)


def test_one_click_unsubscribing_is_offered_in_a_line_that_is_not_folded(server, channel):
    channel.send(an_email())

    (letter,) = server.letters
    assert f"\r\nList-Unsubscribe: <{STOP_URL}>\r\n".encode() in letter.content
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in letter.content


def test_no_holiday_notice_need_answer(server, channel):
    channel.send(an_email())

    assert server.letters[0].message["Auto-Submitted"] == "auto-generated"


def test_an_email_may_do_without_html_reply_address_and_unsubscribing(server, channel):
    channel.send(an_email(html=None, unsubscribe_url=None))

    message = server.letters[0].message
    assert message.get_content_type() == "text/plain"
    assert not {"List-Unsubscribe", "List-Unsubscribe-Post", "Reply-To"} & set(message.keys())


def test_the_same_email_has_the_same_message_id_in_every_attempt(server, channel):
    outgoing = an_email(rfc_message_id=None)

    first, second = channel.send(outgoing), channel.send(outgoing)

    assert first.provider_id == second.provider_id


def test_any_letter_and_any_line_arrives_as_it_is_in_seven_bits(server, channel):
    text = "Zażółć gęślą – ’x’\n.\n..dots\nFrom here\n" + "long " * 400 + "\n"

    channel.send(an_email(text=text, subject="Zażółć – now", html=f"<p>{text}</p>\n"))

    (letter,) = server.letters
    assert letter.content.isascii()
    assert max(map(len, letter.content.split(b"\r\n"))) <= 998
    assert letter.message["Subject"] == "Zażółć – now"
    assert words(letter, "plain") == text


def test_a_domain_with_letters_beyond_ascii_is_written_to(server, channel):
    channel.send(an_email(to="pat@bücher.example"))

    (letter,) = server.letters
    assert letter.recipients == ("pat@xn--bcher-kva.example",)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("subject", "Hello\nBcc: everyone@example.com"),
        ("subject", "Hello\r\n\r\nAnother body"),
        ("sender", "Clinic <pain@example.org>\nBcc: everyone@example.com"),
        ("sender", "nobody"),
        ("reply_to", "a@example.org\nBcc: everyone@example.com"),
        ("rfc_message_id", "<1@x>\nBcc: everyone@example.com"),
        ("unsubscribe_url", "https://x/\nBcc: everyone@example.com"),
    ],
)
def test_nothing_can_be_smuggled_into_the_headers(server, channel, header, value):
    with pytest.raises(ChannelRefused) as caught:
        channel.send(an_email(**{header: value}))

    assert not caught.value.recipient
    assert server.letters == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "pat",
        "pat@",
        "@example.com",
        "a b@example.com",
        "pat@example.com, other@example.com",
        "<pat@example.com>",
        "żółć@example.com",
        "pat@example.com\nRCPT TO:<x@example.com>",
    ],
)
def test_what_is_no_address_is_refused_as_the_recipients(server, channel, address):
    with pytest.raises(ChannelRefused) as caught:
        channel.send(an_email(to=address))

    assert caught.value.recipient
    assert server.letters == []


def test_an_email_without_a_sender_is_refused_with_what_to_set(channel):
    with pytest.raises(ConfigurationError, match="email_from"):
        channel.send(an_email(sender=None))


def test_the_channel_may_have_a_sender_of_its_own(server, make_channel):
    make_channel(server.url, sender="own@example.org").send(an_email(sender=None))

    assert server.letters[0].sender == "own@example.org"


# ------------------------------------------------------------------------ what a reply proves


@pytest.mark.parametrize(
    ("step", "reply", "recipient"),
    [
        ("RCPT", "550 no such user", True),
        ("RCPT", "551 not local", True),
        ("RCPT", "553 bad mailbox name", True),
        ("RCPT", "550 5.1.1 <pat@example.com> no such user", True),
        ("RCPT", "550 5.2.1 disabled", True),
        ("RCPT", "550 5.7.1 relaying denied", False),
        ("RCPT", "554 5.7.1 blocked", False),
        ("RCPT", "552 mailbox full", False),
        ("MAIL", "550 5.7.1 you may not send as this", False),
        ("MAIL", "552 5.3.4 too big", False),
        ("DATA", "554 no valid recipients", False),
        ("content", "554 5.7.1 spam", False),
        ("content", "550 5.1.1 no such user after all", True),
        ("content", "550 no", False),
    ],
)
def test_a_permanent_refusal_says_whose_fault_it_is(server, channel, step, reply, recipient):
    server.plan(step, reply)

    with pytest.raises(ChannelRefused) as caught:
        channel.send(an_email())

    assert caught.value.recipient is recipient
    assert caught.value.code.split()[0] == reply.split()[0]
    assert PATIENT not in str(caught.value)
    assert server.letters == []


@pytest.mark.parametrize(
    ("step", "reply", "whose"),
    [
        ("MAIL", "451 4.3.0 local error", ChannelBusy),
        ("RCPT", "450 4.2.0 greylisted", ChannelUnavailable),
        ("RCPT", "452 4.2.2 mailbox full", ChannelUnavailable),
        ("DATA", "421 4.3.2 shutting down", ChannelDown),
        ("content", "451 4.3.0 try later", ChannelBusy),
        ("content", "421 4.3.2 shutting down", ChannelBusy),
        ("content", "451 4.4.5 congested", ChannelBusy),
        ("connect", "421 too busy", ChannelDown),
        ("connect", "554 you are blocked", ChannelDown),
    ],
)
def test_a_passing_refusal_is_to_be_tried_again_and_says_whose_trouble_it_is(
    server, channel, step, reply, whose
):
    server.plan(step, *[reply] * 2)

    with pytest.raises(ChannelUnavailable) as caught:
        channel.send(an_email())

    assert type(caught.value) is whose
    assert server.letters == []


def test_after_a_refusal_the_next_email_goes_out_in_the_same_session(server, channel):
    server.plan("RCPT", "550 no")
    with pytest.raises(ChannelRefused):
        channel.send(an_email())

    channel.send(an_email(to="other@example.com"))

    (letter,) = server.letters
    assert letter.recipients == ("other@example.com",)
    assert server.sessions == 1


def test_after_a_passing_refusal_the_next_email_goes_out(server, channel):
    server.plan("RCPT", "450 later")
    with pytest.raises(ChannelUnavailable):
        channel.send(an_email())

    channel.send(an_email())

    assert len(server.letters) == 1


@pytest.mark.parametrize("failure", [RESET, CLOSE, SILENCE, "nonsense", "999 what"])
def test_an_email_whose_content_is_not_answered_may_have_been_taken(server, hasty, failure):
    server.plan("content", failure)

    with pytest.raises(OutcomeUnknown):
        hasty.send(an_email())

    assert len(server.letters) == 1


@pytest.mark.parametrize("failure", [RESET, CLOSE, SILENCE])
@pytest.mark.parametrize("step", ["connect", "MAIL", "RCPT", "DATA"])
def test_a_session_that_breaks_before_the_content_proves_that_nothing_was_taken(
    server, hasty, step, failure
):
    server.plan(step, failure, failure)

    with pytest.raises(ChannelUnavailable):
        hasty.send(an_email())

    assert server.letters == []


def test_content_that_breaks_off_half_way_is_no_email(make_channel):
    """The server grants DATA, reads a little of it and breaks off."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_break_off_in_content, args=(listener,))
        thread.start()
        channel = make_channel(f"smtp://127.0.0.1:{listener.getsockname()[1]}")

        with pytest.raises(ChannelUnavailable):
            channel.send(an_email(text="x" * 20_000_000))

        thread.join()


def _break_off_in_content(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.sendall(b"220 hello\r\n")
        for reply in (b"250 hello", b"250 OK", b"250 OK", b"354 go ahead"):
            connection.recv(1000)
            connection.sendall(reply + b"\r\n")
        connection.recv(1000)


def test_a_server_that_answers_drop_by_drop_does_not_hold_the_caller(make_channel):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_drip, args=(listener,))
        thread.start()
        channel = make_channel(
            f"smtp://127.0.0.1:{listener.getsockname()[1]}", connect_timeout=0.3, read_timeout=0.3
        )

        with pytest.raises(ChannelUnavailable):
            channel.send(an_email())

        # It goes on until its caller has hung up.
        thread.join()


def _drip(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection, suppress(OSError):
        while True:
            connection.sendall(b"2")
            time.sleep(0.05)


def test_a_server_that_is_not_there_is_not_reached(make_channel):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    with pytest.raises(ChannelDown):
        make_channel(f"smtp://127.0.0.1:{port}").send(an_email())
    with pytest.raises(ChannelUnavailable):
        make_channel("smtp://mail.invalid").send(an_email())


def test_a_mail_server_can_not_be_asked(channel):
    assert isinstance(channel.find(search_for(an_email())), CannotTell)
    assert isinstance(channel.poll(MESSAGE_ID), CannotTell)
    assert not channel.can_look


# -------------------------------------------------------------------------------- sessions


def test_a_session_is_used_again(server, channel):
    for _ in range(5):
        channel.send(an_email())

    assert (len(server.letters), server.sessions) == (5, 1)


def test_a_session_that_the_server_ended_is_begun_anew(server, channel):
    channel.send(an_email())
    server.break_off()

    channel.send(an_email())

    assert (len(server.letters), server.sessions) == (2, 2)


@pytest.mark.parametrize("reply", [RESET, CLOSE, "421 too many e-mails", "503 bad sequence"])
def test_a_session_that_ends_as_it_is_used_again_is_begun_anew(server, channel, reply):
    channel.send(an_email())
    server.plan("MAIL", reply)

    channel.send(an_email())

    assert (len(server.letters), server.sessions) == (2, 2)


def test_a_session_that_was_idle_for_long_is_not_used_again(server, channel, monkeypatch):
    channel.send(an_email())
    monkeypatch.setattr(smtp, "IDLE_LIMIT", 0.0)

    channel.send(an_email())

    assert server.sessions == 2


def test_a_forked_child_leaves_its_parents_sessions_alone(server, channel, monkeypatch):
    channel.send(an_email())
    monkeypatch.setattr(os, "getpid", lambda: -1)

    channel.send(an_email())

    assert server.sessions == 2


def test_threads_each_send_their_own(server, make_channel):
    channel = make_channel(server.url)
    addresses = [f"pat{number}@example.com" for number in range(60)]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda to: channel.send(an_email(to=to, text=to)), addresses))

    assert sorted(letter.recipients[0] for letter in server.letters) == sorted(addresses)
    for letter in server.letters:
        assert words(letter, "plain").strip() == letter.recipients[0]
    assert server.sessions <= 8


def test_closing_the_channel_ends_its_sessions_in_good_order(server, channel):
    channel.send(an_email())

    channel.close()

    wait_until(lambda: not server._transports)


# ------------------------------------------------------------------------------ encryption


@pytest.fixture
def contexts(tls_files):
    """The server's context, and one of a client that trusts it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls_files)
    return context, ssl.create_default_context(cafile=tls_files[0])


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "smtps"])
def test_an_encrypted_session_is_authenticated_and_used_again(contexts, make_channel, implicit):
    theirs, ours = contexts
    with MailServer(tls=theirs, implicit=implicit, auth=True) as server:
        scheme, _, rest = server.url.partition("://")
        query = "" if implicit else "?starttls=required"
        channel = make_channel(
            f"{scheme}://{USER}:a%20p%40ss%2Fword@{rest}{query}",
            tls=ours,
        )

        channel.send(an_email())
        channel.send(an_email())

        assert (len(server.letters), server.sessions) == (2, 1)
        channel.close()


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "smtps"])
def test_a_server_that_nobody_vouches_for_gets_no_email(contexts, make_channel, implicit):
    with MailServer(tls=contexts[0], implicit=implicit) as server:
        query = "" if implicit else "?starttls=required"

        with pytest.raises(ChannelUnavailable, match="certificate"):
            make_channel(server.url + query).send(an_email())

        assert server.letters == []


def test_a_server_that_does_not_encrypt_gets_no_email_where_that_is_required(server, make_channel):
    channel = make_channel(f"{server.url}?starttls=required")

    with pytest.raises(ChannelUnavailable, match="STARTTLS"):
        channel.send(an_email())

    assert server.letters == []


def test_opportunistic_encryption_asks_nobody_for_papers(contexts, make_channel):
    with MailServer(tls=contexts[0]) as server:
        channel = make_channel(f"{server.url}?starttls=opportunistic")

        channel.send(an_email())

        assert len(server.letters) == 1
        channel.close()


def test_encryption_can_be_left_out_for_a_test_server(server, make_channel):
    make_channel(f"{server.url}?starttls=never").send(an_email())

    assert len(server.letters) == 1


def test_a_wrong_password_leaves_emails_waiting_for_the_operator(contexts, make_channel):
    theirs, ours = contexts
    with MailServer(tls=theirs, auth=True) as server:
        _, _, rest = server.url.partition("://")
        channel = make_channel(f"smtp://{USER}:wrong@{rest}?starttls=required", tls=ours)

        with pytest.raises(ChannelUnavailable, match="user name or password") as caught:
            channel.send(an_email())

        assert caught.value.code == "535"
        assert PASSWORD not in str(caught.value)
        assert "wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://mail.example.org", "not the address"),
        ("smtp://", "not the address"),
        ("smtp://mail.example.org:port", "port"),
        ("smtp://mail.example.org?starttls=maybe", "starttls="),
        ("smtp://mail.example.org?tls=yes", "starttls="),
        ("smtp://user:secret@mail.example.org?starttls=never", "password"),
        ("smtp://user:secret@mail.example.org?starttls=opportunistic", "password"),
    ],
)
def test_a_wrong_address_of_the_mail_server_is_refused_with_what_to_set(url, problem):
    with pytest.raises(ConfigurationError, match=problem) as caught:
        SmtpChannel(url)

    assert "FOLLOWUP_SMTP_URL" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("smtp://mail.example.org", "mail.example.org:587"),
        ("smtps://mail.example.org", "mail.example.org:465"),
        ("smtp://127.0.0.1:1025", "127.0.0.1:1025"),
    ],
)
def test_a_mail_server_has_its_usual_ports(url, name):
    channel = SmtpChannel(url)

    assert channel.sender == name


def test_a_mail_server_elsewhere_must_encrypt_unless_told_otherwise():
    assert smtp.MailRelay.parse("smtp://mail.example.org").starttls == "required"
    assert smtp.MailRelay.parse("smtp://localhost").starttls == "opportunistic"
    assert smtp.MailRelay.parse("smtp://mailpit:1025?starttls=never").starttls == "never"
    assert "secret" not in repr(smtp.MailRelay.parse("smtps://user:secret@mail.example.org"))
