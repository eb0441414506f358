"""Sending through Twilio: what goes out, and what each failure proves."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest

from followup.domain.errors import (
    ChannelBusy,
    ChannelDown,
    ChannelError,
    ChannelRefused,
    ConfigurationError,
    OutcomeUnknown,
)
from followup.providers.interface import ReportedStatus
from followup.providers.twilio.channel import TwilioChannel
from followup.providers.twilio.webhooks import status_url
from tests.providers.conftest import (
    MOBILE,
    SENDER,
    SERVICE,
    TEXT,
    MakeChannel,
    a_message,
)
from tests.stand_ins.twilio import TwilioStandIn
from tests.support.waiting import wait_until


def test_a_text_goes_out_as_it_is_with_our_ids_in_the_callback_address(twilio, channel):
    outgoing = a_message()

    report = channel.send(outgoing)

    (taken,) = twilio.messages()
    assert (taken["to"], taken["from"], taken["body"]) == (MOBILE, SENDER, TEXT)
    assert taken["service"] is None
    assert taken["status_callback"] == (
        "https://followup.example.org/hooks/twilio/status"
        f"?attempt={outgoing.attempt_id}&message={outgoing.message_id}"
    )
    assert report.provider_id == taken["sid"]
    assert report.status is ReportedStatus.ACCEPTED


def test_the_messaging_service_takes_the_place_of_a_number(twilio, make_channel):
    channel = make_channel(sender=None, messaging_service_sid=SERVICE)

    channel.send(a_message(sender=channel.sender))

    (taken,) = twilio.messages()
    assert (taken["from"], taken["service"]) == (None, SERVICE)


def test_a_message_may_name_a_sender_of_its_own(twilio, channel):
    channel.send(a_message(sender="PainClinic"))

    (taken,) = twilio.messages()
    assert taken["from"] == "PainClinic"


@pytest.mark.parametrize(
    ("valid_for", "seconds"),
    [
        pytest.param(timedelta(hours=1), 3600, id="an hour"),
        pytest.param(timedelta(days=3), 36_000, id="longer than Twilio keeps a text"),
        pytest.param(timedelta(milliseconds=300), 1, id="hardly any more"),
        pytest.param(timedelta(seconds=-5), 1, id="just over"),
    ],
)
def test_a_text_that_waits_at_twilio_dies_when_it_stops_being_useful(
    twilio, channel, valid_for, seconds
):
    channel.send(a_message(valid_for=valid_for))

    (taken,) = twilio.messages()
    assert taken["validity_period"] == seconds


def test_letters_beyond_ascii_and_signs_of_forms_arrive_as_they_are(twilio, channel):
    text = "Zażółć & 100 % + = ? ’ \N{PILL}\nsecond line"

    channel.send(a_message(text=text))

    (taken,) = twilio.messages()
    assert taken["body"] == text


def test_a_channel_without_a_sender_is_refused_with_what_to_set():
    with pytest.raises(ConfigurationError, match="FOLLOWUP_TWILIO_FROM"):
        TwilioChannel("AC1", "token", public_url="https://followup.example.org")


def test_an_address_of_the_api_that_is_none_is_refused_with_what_to_set(make_channel):
    with pytest.raises(ConfigurationError, match="FOLLOWUP_TWILIO_API_URL"):
        make_channel(api_url="api.twilio.com")


def test_the_environment_of_the_client_does_not_redirect_a_channel(
    twilio, make_channel, monkeypatch
):
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    monkeypatch.setenv("TWILIO_EDGE", "dublin")

    make_channel().send(a_message())

    assert twilio.count() == 1


TAKEN_BUT_NOT_KNOWN = [
    "accept-never-answer",
    "accept-reset",
    "accept-close",
    "accept-500",
    "accept-truncate",
    "accept-garbage",
    "accept-slowly",
    "accept-trickle",
]
NOT_TAKEN_BUT_NOT_KNOWN = [
    "refuse-never-answer",
    "refuse-reset",
    "refuse-close",
    "refuse-500",
    "refuse-503",
]


@pytest.mark.parametrize(
    ("fault", "taken"),
    [(fault, 1) for fault in TAKEN_BUT_NOT_KNOWN]
    + [(fault, 0) for fault in NOT_TAKEN_BUT_NOT_KNOWN],
)
@pytest.mark.parametrize("kept_alive", [False, True], ids=["first request", "kept connection"])
def test_what_twilio_may_have_taken_is_unknown_and_never_sent_again_by_itself(
    twilio, hasty, fault, taken, kept_alive
):
    if kept_alive:
        hasty.send(a_message())
    twilio.plan(fault, seconds=2)

    with pytest.raises(OutcomeUnknown):
        hasty.send(a_message())

    assert twilio.count() == taken + kept_alive


def test_a_channel_goes_on_after_an_unknown_outcome(twilio, channel):
    twilio.plan("accept-reset")
    with pytest.raises(OutcomeUnknown):
        channel.send(a_message())

    report = channel.send(a_message())

    assert report.provider_id == twilio.messages()[-1]["sid"]


def test_an_answer_that_comes_drop_by_drop_does_not_hold_the_caller(twilio, hasty):
    # Whoever waits for all of it is still waiting when the test has had its time.
    twilio.plan("accept-trickle", seconds=3600)

    with pytest.raises(OutcomeUnknown):
        hasty.send(a_message())


def test_a_late_answer_to_one_request_is_never_taken_for_that_to_the_next(twilio, hasty):
    twilio.plan("accept-slowly", seconds=0.6)
    with pytest.raises(OutcomeUnknown):
        hasty.send(a_message(text="first"))

    report = hasty.send(a_message(text="second"))

    first, second = twilio.messages()
    assert (first["body"], second["body"]) == ("first", "second")
    assert report.provider_id == second["sid"]


def test_too_many_requests_are_to_be_made_later_when_twilio_says(twilio, channel):
    twilio.plan("refuse-429", seconds=7)

    with pytest.raises(ChannelBusy) as caught:
        channel.send(a_message())

    assert caught.value.code == "20429"
    assert caught.value.retry_after == timedelta(seconds=7)
    assert twilio.count() == 0


@pytest.mark.parametrize(
    ("code", "error", "fault"),
    [
        (21211, ChannelRefused, "recipient"),
        (21614, ChannelRefused, "recipient"),
        (21635, ChannelRefused, "recipient"),
        (21610, ChannelRefused, "recipient, opted_out"),
        (21408, ChannelRefused, ""),
        (21606, ChannelRefused, ""),
        (21608, ChannelRefused, ""),
        (21612, ChannelRefused, ""),
        (99999, ChannelRefused, ""),
        (21611, ChannelBusy, ""),
        (20403, ChannelDown, ""),
        (20503, OutcomeUnknown, ""),
    ],
)
def test_an_error_code_says_whose_fault_it_is(twilio, channel, code, error, fault):
    twilio.plan("refuse-code", code=code)

    with pytest.raises(error) as caught:
        channel.send(a_message())

    named = [name for name in ("recipient", "opted_out") if getattr(caught.value, name, False)]
    assert caught.value.code == str(code)
    assert ", ".join(named) == fault


def test_a_wrong_token_leaves_messages_waiting_for_the_operator(twilio):
    channel = TwilioChannel(
        twilio.account_sid,
        "wrong",
        public_url="https://followup.example.org",
        sender=SENDER,
        api_url=twilio.url,
    )

    with pytest.raises(ChannelDown, match="auth token is wrong") as caught:
        channel.send(a_message())

    assert caught.value.code == "20003"
    channel.close()


@pytest.mark.parametrize("number", ["+15005550001", "+15005550009", "+15005550002"])
def test_no_error_tells_the_number_though_twilio_quotes_it(twilio, channel, number):
    with pytest.raises(ChannelError) as caught:
        channel.send(a_message(to=number))

    assert number not in str(caught.value)


def test_a_hundred_threads_each_get_the_answer_to_their_own_text(twilio, make_channel):
    channel = make_channel()
    texts = [f"text {number}" for number in range(400)]

    with ThreadPoolExecutor(100) as threads:
        reports = list(threads.map(lambda text: channel.send(a_message(text=text)), texts))

    bodies = {taken["sid"]: taken["body"] for taken in twilio.messages()}
    assert [bodies[report.provider_id] for report in reports] == texts


# ------------------------------------------------------------------- provably never reached


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port where connections are not completed, because nobody accepts the ones before."""
    with ExitStack() as held:
        server = held.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are accepted and nothing is ever said."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        yield server.getsockname()[1]


def _closed_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def test_a_name_that_does_not_resolve_is_not_reached(make_channel):
    channel = make_channel(api_url="http://twilio.invalid")

    with pytest.raises(ChannelDown, match=r"twilio\.invalid"):
        channel.send(a_message())


def test_a_refused_connection_is_not_reached(make_channel):
    channel = make_channel(api_url=f"http://127.0.0.1:{_closed_port()}")

    with pytest.raises(ChannelDown):
        channel.send(a_message())


def test_a_connection_that_is_not_made_in_time_is_not_reached(make_channel, deaf_port):
    channel = make_channel(api_url=f"http://127.0.0.1:{deaf_port}", connect_timeout=0.3)

    # The kernel gives up by itself after two minutes, which a test does not have.
    with pytest.raises(ChannelDown):
        channel.send(a_message())


def test_a_handshake_that_is_not_answered_is_not_reached(make_channel, silent_port):
    channel = make_channel(api_url=f"https://127.0.0.1:{silent_port}", connect_timeout=0.3)

    with pytest.raises(ChannelDown):
        channel.send(a_message())


def test_a_handshake_with_something_else_is_not_reached(twilio, make_channel):
    channel = make_channel(api_url=f"https://127.0.0.1:{twilio.port}")

    with pytest.raises(ChannelDown):
        channel.send(a_message())


def test_a_certificate_that_nobody_vouches_for_is_not_trusted_with_a_number(
    make_channel, tls_files
):
    heard = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls_files)

    def listen(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            try:
                with context.wrap_socket(connection, server_side=True) as secure:
                    heard.append(secure.recv(100))
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = threading.Thread(target=listen, args=(server,))
        listener.start()
        channel = make_channel(api_url=f"https://127.0.0.1:{server.getsockname()[1]}")

        with pytest.raises(ChannelDown, match="certificate"):
            channel.send(a_message())

        listener.join()
    assert heard in ([], [b""])


def test_a_server_that_was_gone_between_two_texts_is_reached_anew(
    twilio: TwilioStandIn, make_channel: MakeChannel
):
    channel = make_channel()
    twilio.configure(idle_limit=0.05)
    channel.send(a_message())
    (kept,) = channel._http._connections._idle
    wait_until(lambda: not kept.is_fresh)  # The server has closed it, as servers do.

    channel.send(a_message())

    assert twilio.count() == 2


def test_the_callback_address_keeps_a_path_of_the_public_address():
    outgoing = a_message()

    url = status_url("https://example.org/followup/", outgoing)

    assert url.startswith("https://example.org/followup/hooks/twilio/status?attempt=")
