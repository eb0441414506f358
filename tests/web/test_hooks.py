"""What Twilio posts: believed by its signature alone, kept whatever it says, and taken once."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Lock
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from followup.context import AppContext
from followup.providers.interface import Outgoing, ProviderReport, ReportedStatus
from followup.providers.twilio.channel import TwilioChannel
from followup.store.models.messages import Attempt, InboundMessage, Message, Receipt
from followup.store.models.patients import Objection
from tests.stand_ins.twilio import TwilioStandIn
from tests.support.apps import enrol_one, message, messages, rows, run_jobs, sweep, tasks, tick
from tests.support.people import EMAIL, SMS
from tests.support.scripted_channel import LOST, ScriptedChannel, Taken
from tests.support.servers import free_port
from tests.web.conftest import PUBLIC_URL, count, served, sid, signature, twilio_post

STATUS, INBOUND = "/hooks/twilio/status", "/hooks/twilio/inbound"
EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'

DELIVERED = {
    "SmsSid": sid(),
    "SmsStatus": "delivered",
    "MessageStatus": "delivered",
    "To": "+447700900001",
    "MessagingServiceSid": "MG" + "0" * 32,
    "MessageSid": sid(),
    "AccountSid": "AC" + "0" * 32,
    "From": "+447700900500",
    "ApiVersion": "2010-04-01",
}
TEXT = {
    "ToCountry": "GB",
    "ToState": "",
    "SmsMessageSid": sid(7),
    "NumMedia": "0",
    "ToCity": "",
    "FromZip": "",
    "SmsSid": sid(7),
    "SmsStatus": "received",
    "FromCity": "",
    "Body": "My dressing came off",
    "FromCountry": "GB",
    "To": "+447700900500",
    "ToZip": "",
    "NumSegments": "1",
    "MessageSid": sid(7),
    "AccountSid": "AC" + "0" * 32,
    "From": "+447700900001",
    "ApiVersion": "2010-04-01",
}


class LikeTwilio(ScriptedChannel):
    """A scripted channel whose messages have SIDs, as Twilio's have."""

    provider = "twilio"
    _serial = 0
    _counting = Lock()

    def _take(self, outgoing: Outgoing) -> Taken:
        with self._counting:
            type(self)._serial += 1
        report = ProviderReport(
            provider_id=sid(10_000 + self._serial), status=ReportedStatus.ACCEPTED
        )
        taken = self.taken[report.provider_id] = Taken(report.provider_id, outgoing, report)
        return taken


@pytest.fixture
def app(app: AppContext) -> AppContext:
    return replace(app, channels={SMS: LikeTwilio(SMS), EMAIL: ScriptedChannel(EMAIL)})


def sent_one(app: AppContext) -> tuple[Message, Attempt]:
    """Enrol a patient, send the first text, and return it with its attempt."""
    enrolment = enrol_one(app)
    tick(app)
    going_home = message(app, enrolment, "going-home")
    with app.store.read() as session:
        attempt = session.scalars(select(Attempt).where(Attempt.message_id == going_home.id)).one()
    return going_home, attempt


def address_of(attempt: Attempt) -> str:
    return f"{STATUS}?message={attempt.message_id}&attempt={attempt.id}"


def receipt_for(attempt: Attempt, status: str = "delivered", **more: str) -> dict[str, str]:
    assert attempt.provider_id is not None
    return {
        **DELIVERED,
        "MessageSid": attempt.provider_id,
        "SmsSid": attempt.provider_id,
        "MessageStatus": status,
        "SmsStatus": status,
        **more,
    }


def state_now(app: AppContext, sent: Message) -> str:
    return next(one.state for one in messages(app) if one.id == sent.id)


# ---------------------------------------------------------------------------- receipts


def test_a_receipt_with_our_ids_delivers_the_message(app, client):
    sent, attempt = sent_one(app)
    assert state_now(app, sent) == "sent"

    answer = twilio_post(client, address_of(attempt), receipt_for(attempt))

    assert (answer.status_code, answer.content) == (204, b"")
    assert state_now(app, sent) == "delivered"


def test_a_receipt_without_our_ids_is_matched_by_its_sid(app, client):
    sent, attempt = sent_one(app)

    answer = twilio_post(client, STATUS, receipt_for(attempt))

    assert answer.status_code == 204
    assert state_now(app, sent) == "delivered"


def test_a_receipt_with_our_ids_settles_a_send_whose_answer_was_lost(app, client):
    channel = app.channels[SMS]
    assert isinstance(channel, LikeTwilio)
    channel.script(LOST)
    sent, attempt = sent_one(app)
    [provider_id] = channel.taken
    assert (state_now(app, sent), attempt.provider_id) == ("unknown", None)

    receipt = {**DELIVERED, "MessageSid": provider_id, "SmsSid": provider_id}
    answer = twilio_post(client, address_of(attempt), receipt)

    assert answer.status_code == 204
    assert state_now(app, sent) == "delivered"


@pytest.mark.parametrize(
    "query",
    [
        "?message=1&attempt=2",
        "?message=",
        "?attempt=x",
        "?other=1",
        "?message=%00&attempt=%ff",
    ],
    ids=["short", "empty", "one", "other", "broken"],
)
def test_a_query_that_is_not_ours_is_passed_over(app, client, query):
    sent, attempt = sent_one(app)

    answer = twilio_post(client, STATUS + query, receipt_for(attempt))

    assert answer.status_code == 204
    assert state_now(app, sent) == "delivered"


def test_ids_of_another_message_do_not_hide_whose_receipt_it_is(app, client):
    sent, attempt = sent_one(app)

    answer = twilio_post(
        client, f"{STATUS}?message={uuid4()}&attempt={uuid4()}", receipt_for(attempt)
    )

    assert answer.status_code == 204
    assert state_now(app, sent) == "delivered"


def test_a_receipt_of_nothing_that_we_know_is_kept_and_applied_when_we_do(app, client):
    answer = twilio_post(client, STATUS, DELIVERED)

    assert answer.status_code == 204
    [parked] = rows(app, Receipt)
    assert (parked.provider, parked.provider_id, parked.attempt_id) == ("twilio", sid(), None)

    sent, attempt = sent_one(app)
    with app.store.write() as session:
        session.get_one(Attempt, attempt.id).provider_id = sid()
    sweep(app, "apply-parked")
    assert state_now(app, sent) == "delivered"


def test_the_same_receipt_eight_times_at_once_counts_once(app, client):
    sent, attempt = sent_one(app)

    with ThreadPoolExecutor(8) as executor:
        answers = list(
            executor.map(
                lambda _: twilio_post(client, address_of(attempt), receipt_for(attempt)), range(8)
            )
        )

    assert {answer.status_code for answer in answers} == {204}
    assert state_now(app, sent) == "delivered"
    assert count(app, Receipt) == 1


def test_receipts_in_any_order_never_move_a_message_backwards(app, client):
    sent, attempt = sent_one(app)

    for status in ("delivered", "sent", "queued", "sending", "delivered"):
        assert twilio_post(client, address_of(attempt), receipt_for(attempt, status)).is_success

    assert state_now(app, sent) == "delivered"


def test_a_failure_with_its_code_opens_the_other_channel(app, client):
    sent, attempt = sent_one(app)

    answer = twilio_post(
        client, address_of(attempt), receipt_for(attempt, "undelivered", ErrorCode="30006")
    )

    assert answer.status_code == 204
    fallbacks = [one for one in messages(app) if one.fallback_of == sent.id]
    assert state_now(app, sent) == "failed"
    assert [one.channel for one in fallbacks] == ["email"]


@pytest.mark.parametrize(
    "more",
    [
        {"MessageStatus": "teleported"},
        {"MessageStatus": "failed", "ErrorCode": "99999"},
        {"MessageStatus": "failed", "ErrorCode": ""},
        {"MessageStatus": "failed", "ErrorCode": "9" * 5000},
        {"MessageStatus": "failed", "ErrorCode": "9" * 50},
        {"MessageStatus": "failed", "ErrorCode": "-1"},
        {"MessageStatus": "failed", "ErrorCode": "٣٠٠٠٣"},
        {"MessageStatus": "failed", "ErrorCode": "\x00"},
        {"MessageStatus": "\x00"},
        {"MessageStatus": "x" * 5000},
        {"RawDlrDoneDate": "2611221504", "ChannelPrefix": "sms", "Brand": "new\x00"},
        {"": "", "Body": "🙂" * 1000},
    ],
    ids=["status", "code", "no-code", "endless-code", "long-code", "negative", "arabic", "nul-code",
         "nul-status", "long-status", "extras", "nameless"],
)  # fmt: skip
def test_whatever_twilio_says_of_a_message_is_kept(app, client, more):
    _, attempt = sent_one(app)

    answer = twilio_post(client, address_of(attempt), {**receipt_for(attempt), **more})

    assert answer.status_code == 204
    assert count(app, Receipt) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"MessageSid": sid()},
        {"MessageStatus": "delivered"},
        {"MessageSid": "SM1", "MessageStatus": "delivered"},
        {"MessageSid": "x" * 200, "MessageStatus": "delivered"},
        {"MessageSid": "SM" + "\x00" * 32, "MessageStatus": "delivered"},
    ],
    ids=["empty", "no-status", "no-sid", "short-sid", "long-sid", "nul-sid"],
)
def test_a_signed_request_that_tells_of_no_message_is_400(app, client, fields):
    answer = twilio_post(client, STATUS, fields)

    assert answer.status_code == 400
    assert "must be" in answer.json()["error"]
    assert count(app, Receipt) == 0


# -------------------------------------------------------------------------- signatures


def test_a_forged_request_is_403_and_changes_nothing(app, client):
    sent, attempt = sent_one(app)

    answer = twilio_post(client, address_of(attempt), receipt_for(attempt), token="guessed")

    assert answer.status_code == 403
    assert "not Twilio's" in answer.json()["error"]
    assert state_now(app, sent) == "sent"
    assert count(app, Receipt) == 0


@pytest.mark.parametrize("header", ["", "AAAA", "é", "0" * 5000], ids=str.__len__)
def test_a_request_without_a_right_signature_is_403(sqlite_client, header):
    answer = twilio_post(
        sqlite_client, STATUS, DELIVERED, headers={"X-Twilio-Signature": header.encode("latin-1")}
    )

    assert answer.status_code == 403


def test_a_request_without_any_signature_is_403(sqlite_client):
    assert sqlite_client.post(STATUS, data=DELIVERED).status_code == 403
    assert sqlite_client.post(INBOUND, data=TEXT).status_code == 403


def test_a_changed_parameter_or_query_is_403(sqlite_client):
    signed = signature(f"{PUBLIC_URL}{STATUS}?message=a", list(DELIVERED.items()))
    headers = {"X-Twilio-Signature": signed}

    changed = {**DELIVERED, "MessageStatus": "failed"}
    answers = [
        sqlite_client.post(f"{STATUS}?message=a", data=changed, headers=headers),
        sqlite_client.post(f"{STATUS}?message=b", data=DELIVERED, headers=headers),
        sqlite_client.post(STATUS, data=DELIVERED, headers=headers),
        sqlite_client.post(f"{INBOUND}?message=a", data=DELIVERED, headers=headers),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert sqlite_client.post(f"{STATUS}?message=a", data=DELIVERED, headers=headers).is_success


def test_the_signature_is_that_of_the_public_address_whatever_the_proxy_made_of_it(sqlite_app):
    for public_url in ("https://followup.example.com", "https://followup.example.com:8443"):
        with served(sqlite_app, public_url=public_url) as client:
            answer = twilio_post(client, STATUS, DELIVERED, public_url=public_url)
            assert answer.status_code == 204
            forwarded = {"Host": "internal:8000", "X-Forwarded-Proto": "http"}
            assert twilio_post(
                client, STATUS, DELIVERED, public_url=public_url, headers=forwarded
            ).is_success


def test_a_query_is_signed_as_it_was_written(sqlite_client):
    for query in ("?a=%2B+x&b=%C3%A9", "?b=2&a=1", "?a=1&a=1", "?flag", "?a=~%7E"):
        assert twilio_post(sqlite_client, STATUS + query, DELIVERED).status_code == 204


def test_empty_repeated_and_unusual_fields_are_signed_too(sqlite_client):
    pairs = [
        *DELIVERED.items(),
        ("Empty", ""),
        ("MediaUrl", "https://example.com/2"),
        ("MediaUrl", "https://example.com/1"),
        ("Plus", "a+b c&d=e%"),
        ("Café", "naïve 🙂"),
        ("Trail", " spaces "),
    ]

    assert twilio_post(sqlite_client, STATUS, pairs).status_code == 204


def test_without_a_twilio_account_nothing_is_believed(sqlite_app):
    with served(sqlite_app, twilio_auth_token=None) as client:
        answer = twilio_post(client, STATUS, DELIVERED)

    assert answer.status_code == 403
    assert "FOLLOWUP_TWILIO_AUTH_TOKEN" in answer.json()["error"]


# ------------------------------------------------------------------------- inbound texts


def test_a_text_is_answered_with_empty_twiml_and_taken_in(app, client):
    enrol_one(app)

    answer = twilio_post(client, INBOUND, TEXT)

    assert (answer.status_code, answer.text) == (200, EMPTY_TWIML)
    assert answer.headers["content-type"].startswith("application/xml")
    [kept] = rows(app, InboundMessage)
    assert (kept.provider, kept.provider_id, kept.meaning) == ("twilio", sid(7), "other")
    assert [item.kind for item in tasks(app)] == ["reply"]


def test_stop_is_obeyed_and_confirmed_once(app, client):
    enrol_one(app)
    stop = {**TEXT, "Body": "STOP"}

    for _ in range(3):
        assert twilio_post(client, INBOUND, stop).status_code == 200
    run_jobs(app)

    assert count(app, Objection) == 1
    assert {one.state for one in messages(app) if one.kind == "advice"} == {"cancelled"}
    assert [one.state for one in messages(app) if one.kind == "reply"] == ["sent"]


def test_stop_that_twilio_has_confirmed_is_not_confirmed_again(app, client):
    enrol_one(app)

    twilio_post(client, INBOUND, {**TEXT, "Body": "Stop", "OptOutType": "STOP"})

    assert count(app, Objection) == 1
    assert [one for one in messages(app) if one.kind == "reply"] == []


@pytest.mark.parametrize(
    "more",
    [
        {"Body": "🙂" * 800},
        {"Body": "a\x00b"},
        {"Body": ""},
        {"Body": "", "NumMedia": "3", "MediaUrl0": "https://example.com/a"},
        {"NumMedia": "many"},
        {"NumMedia": "9" * 5000},
        {"NumMedia": "٣"},
        {"From": "60777"},
        {"From": "x" * 500},
        {"From": "\x00"},
        {"From": "whatsapp:+447700900001"},
        {"OptOutType": "SOMETHING NEW"},
        {"To": ""},
    ],
    ids=["emoji", "nul", "empty", "media", "words", "endless", "arabic", "short-code", "long-from",
         "nul-from", "whatsapp", "opt-out", "no-to"],
)  # fmt: skip
def test_whatever_a_text_says_is_kept(app, client, more):
    answer = twilio_post(client, INBOUND, {**TEXT, **more})

    assert (answer.status_code, answer.text) == (200, EMPTY_TWIML)
    assert count(app, InboundMessage) == 1


def test_a_signed_request_without_a_sender_is_400(sqlite_client):
    fields = {name: value for name, value in TEXT.items() if name != "From"}

    assert twilio_post(sqlite_client, INBOUND, fields).status_code == 400


# --------------------------------------------------------------------- what is no form


@pytest.mark.parametrize("path", [STATUS, INBOUND])
@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b"{}", "application/json", 415),
        (b"MessageSid=1", "text/plain", 415),
        (b"MessageSid=1", "", 415),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 415),
        (b"a=%FF%FE", "application/x-www-form-urlencoded", 403),
        (b"\xff\xfe=1", "application/x-www-form-urlencoded", 400),
        (b"&".join([b"a=1"] * 201), "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * 65_536, "application/x-www-form-urlencoded", 413),
        (b"", "application/x-www-form-urlencoded", 403),
    ],
    ids=["json", "plain", "untyped", "multipart", "latin", "binary", "many", "huge", "empty"],
)
def test_what_is_no_form_of_twilios_is_refused(
    sqlite_client, path, content, content_type, expected
):
    headers = {"Content-Type": content_type} if content_type else {}

    assert sqlite_client.post(path, content=content, headers=headers).status_code == expected


def test_a_body_that_never_says_how_long_it_is_is_cut_off(sqlite_client):
    def endless():
        for _ in range(1000):
            yield b"a=" + b"x" * 1000 + b"&"

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        answer = sqlite_client.post(STATUS, content=endless(), headers=headers)
    except httpx.WriteError:
        return  # The server closed while we still wrote.
    assert answer.status_code == 413


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_hooks_are_for_posting(sqlite_client, method):
    assert sqlite_client.request(method, STATUS).status_code == 405


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    fields=st.dictionaries(
        st.sampled_from([*DELIVERED, *TEXT, "ErrorCode", "OptOutType", "X"]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    ),
    path=st.sampled_from([STATUS, INBOUND]),
    whole=st.booleans(),
)
def test_nothing_that_is_signed_is_answered_with_a_server_error(sqlite_client, fields, path, whole):
    base = {**DELIVERED, **TEXT} if whole else {}
    # What decides whose message it is stays right in half of the cases, so that the rest is read.
    fixed = {"MessageSid": sid(random.getrandbits(60)), "From": "+447700900001"} if whole else {}

    answer = twilio_post(sqlite_client, path, {**base, **fields, **fixed})

    assert answer.status_code in {200, 204, 400}


# ------------------------------------------------------------------------ no database


def test_while_the_database_is_away_twilio_is_asked_to_come_again(postgres_outage):
    app, server, client = postgres_outage
    server.stop()

    answers = [
        twilio_post(client, STATUS, DELIVERED),
        twilio_post(client, INBOUND, TEXT),
    ]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert "try again" in answers[0].json()["error"]
    assert answers[0].headers["retry-after"] == "5"
    server.start()
    assert twilio_post(client, STATUS, DELIVERED).status_code == 204
    assert twilio_post(client, INBOUND, TEXT).status_code == 200
    assert count(app, Receipt) == count(app, InboundMessage) == 1


# ------------------------------------------------------------- the real channel, end to end


def test_the_real_channel_and_its_callbacks_deliver_and_stop(sqlite_app):
    port = free_port()
    here = f"http://127.0.0.1:{port}"
    with (
        TwilioStandIn(sent_after=0.01, delivered_after=0.02) as twilio,
        closing(
            TwilioChannel(
                twilio.account_sid,
                twilio.auth_token,
                public_url=here,
                sender="+447700900500",
                api_url=twilio.url,
            )
        ) as channel,
    ):
        app = replace(sqlite_app, channels={**sqlite_app.channels, SMS: channel})
        enrol_one(app)
        account = {
            "twilio_account_sid": twilio.account_sid,
            "twilio_auth_token": twilio.auth_token,
        }
        with served(app, port=port, public_url=here, **account):
            tick(app)
            deadline = time.monotonic() + 10
            while messages(app)[0].state != "delivered" and time.monotonic() < deadline:
                time.sleep(0.02)
            status = twilio.text_us(
                f"{here}{INBOUND}", from_="+447700900001", to="+447700900500", body="STOP"
            )

    states = {one.state for one in messages(app) if one.kind == "advice"}
    assert status == 200
    assert states == {"delivered", "cancelled"}
