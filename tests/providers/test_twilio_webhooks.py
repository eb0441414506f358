"""What Twilio posts to us: signatures, receipts and inbound texts."""

from __future__ import annotations

import base64
import hashlib
import hmac
from uuid import UUID

import pytest
from starlette.datastructures import FormData

from followup.domain.errors import InvalidInput
from followup.providers.interface import ReportedStatus
from followup.providers.twilio.webhooks import (
    InboundText,
    Signatures,
    ids_of,
    parse_inbound,
    parse_status,
)
from tests.providers.conftest import a_message
from tests.stand_ins.twilio import AUTH_TOKEN
from tests.stand_ins.twilio_callbacks import sign
from tests.support.waiting import wait_until

PUBLIC = "https://followup.example.org"
PATH = "/hooks/twilio/status?message=1&attempt=2"
SORTED = "/hooks/twilio/status?attempt=2&message=1"
SID = "SM" + "0" * 32
FORM = {"MessageSid": SID, "MessageStatus": "delivered", "To": "+447700900123", "Empty": ""}


@pytest.fixture
def signatures():
    return Signatures(AUTH_TOKEN, public_url=PUBLIC)


def test_what_twilio_signed_is_believed(signatures):
    signature = sign(AUTH_TOKEN, PUBLIC + PATH, FORM)

    assert signatures.verify(PATH, FORM, signature)


def test_the_example_of_twilios_documentation_is_believed():
    # https://www.twilio.com/docs/usage/security, "Validating requests", the worked example.
    signatures = Signatures("12345", public_url="https://mycompany.com")
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }

    assert signatures.verify("/myapp.php?foo=1&bar=2", form, "RSOYDt4T1cUTdK1PDd93/VVr8B8=")


@pytest.mark.parametrize(
    ("path", "form"),
    [
        pytest.param(PATH.replace("attempt=2", "attempt=3"), FORM, id="another attempt"),
        pytest.param("/hooks/twilio/inbound?message=1&attempt=2", FORM, id="another path"),
        pytest.param("/hooks/twilio/status", FORM, id="no query"),
        pytest.param(PATH, FORM | {"MessageStatus": "failed"}, id="another status"),
        pytest.param(PATH, FORM | {"Added": "1"}, id="another field"),
        pytest.param(PATH, {k: v for k, v in FORM.items() if k != "To"}, id="a field less"),
    ],
)
def test_what_was_changed_on_the_way_is_not_believed(signatures, path, form):
    signature = sign(AUTH_TOKEN, PUBLIC + PATH, FORM)

    assert not signatures.verify(path, form, signature)


@pytest.mark.parametrize("signature", [None, "", "x", "Zażółć", "A" * 28])
def test_what_is_no_signature_is_not_believed(signatures, signature):
    assert not signatures.verify(PATH, FORM, signature)


def test_a_signature_with_another_token_is_not_believed(signatures):
    assert not signatures.verify(PATH, FORM, sign("another", PUBLIC + PATH, FORM))


@pytest.mark.parametrize(
    ("public_url", "signed"),
    [
        pytest.param(PUBLIC, f"{PUBLIC}:443{PATH}", id="a port was added"),
        pytest.param(f"{PUBLIC}:443", PUBLIC + PATH, id="a port was left out"),
        pytest.param(f"{PUBLIC}/", PUBLIC + PATH, id="a slash at the end"),
        pytest.param(f"{PUBLIC}/sms", f"{PUBLIC}/sms{PATH}", id="below a path"),
        pytest.param(f"{PUBLIC}:8443", f"{PUBLIC}:8443{PATH}", id="a port of its own"),
        pytest.param("http://127.0.0.1:8000", f"http://127.0.0.1:8000{PATH}", id="loopback"),
    ],
)
def test_the_public_address_counts_in_each_of_its_spellings(public_url, signed):
    signatures = Signatures(AUTH_TOKEN, public_url=public_url)

    assert signatures.verify(PATH, FORM, sign(AUTH_TOKEN, signed, FORM))


@pytest.mark.parametrize(
    ("called", "signed"),
    [
        pytest.param(PATH, SORTED, id="sorted before it was signed"),
        pytest.param(SORTED, PATH, id="sorted after it was signed"),
        pytest.param(SORTED, SORTED, id="sorted throughout"),
    ],
)
def test_an_address_whose_parameters_were_put_in_order_on_the_way_is_the_same(
    signatures, called, signed
):
    assert signatures.verify(called, FORM, sign(AUTH_TOKEN, PUBLIC + signed, FORM))


@pytest.mark.parametrize(
    ("called", "signed"),
    [
        pytest.param(
            "/hooks/twilio/status?message=2&attempt=1", PATH, id="the values changed places"
        ),
        pytest.param(
            "/hooks/twilio/status?attempt=1&attempt=2",
            "/hooks/twilio/status?attempt=2&attempt=1",
            id="one name twice",
        ),
        pytest.param(f"{SORTED}&a=3", f"{PATH}&a=3", id="a third parameter"),
    ],
)
def test_another_order_that_could_mean_something_else_is_not_believed(signatures, called, signed):
    assert not signatures.verify(called, FORM, sign(AUTH_TOKEN, PUBLIC + signed, FORM))


def test_the_host_that_a_proxy_tells_of_does_not_count(signatures):
    signature = sign(AUTH_TOKEN, PUBLIC + PATH, FORM)

    assert signatures.verify(f"http://10.0.0.7:8000{PATH}", FORM, signature)


def test_a_repeated_field_counts_with_each_of_its_values(signatures):
    text = PUBLIC + PATH + "MediaUrl" + "a" + "MediaUrl" + "b"
    digest = hmac.new(AUTH_TOKEN.encode(), text.encode(), hashlib.sha1).digest()
    form = FormData([("MediaUrl", "b"), ("MediaUrl", "a")])

    assert signatures.verify(PATH, form, base64.b64encode(digest).decode())
    assert not signatures.verify(PATH, {"MediaUrl": "b"}, base64.b64encode(digest).decode())


def sign_256(key: str) -> str:
    text = PUBLIC + PATH + "".join(f"{name}{FORM[name]}" for name in sorted(FORM))
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def test_a_signature_with_a_shared_key_is_believed():
    signatures = Signatures(AUTH_TOKEN, public_url=PUBLIC, shared_key="shared")
    settings = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"

    assert signatures.verify(PATH, FORM, sign_256("shared"), settings=settings)
    assert not signatures.verify(PATH, FORM, sign_256("shared"))
    assert not signatures.verify(PATH, FORM, sign_256("another"), settings=settings)


def test_an_algorithm_that_nobody_knows_is_not_believed(signatures):
    signature = sign(AUTH_TOKEN, PUBLIC + PATH, FORM)

    assert not signatures.verify(PATH, FORM, signature, settings="algorithm=NONE")


@pytest.mark.parametrize(
    "sorts",
    [{}, {"sorts_signed": True}, {"sorts_sent": True}],
    ids=["as given", "sorted before it is signed", "sorted after it is signed"],
)
def test_a_callback_of_the_stand_in_is_believed_and_leads_to_its_attempt(
    twilio, make_channel, hook, sorts
):
    channel = make_channel(public_url=hook.url)
    twilio.configure(sent_after=0, delivered_after=0, **sorts)
    twilio.configure(callbacks=True)
    outgoing = a_message()

    sent = channel.send(outgoing)
    wait_until(lambda: len(hook.posted) == 2)

    for posted in hook.posted:
        assert channel.verify_signature(posted.target, posted.form, posted.signature)
        assert parse_status(posted.form).provider_id == sent.provider_id
        query = dict(pair.split("=") for pair in posted.target.partition("?")[2].split("&"))
        assert ids_of(query) == (outgoing.message_id, outgoing.attempt_id)


# ------------------------------------------------------------------------------------ receipts


@pytest.mark.parametrize(
    ("status", "reported"),
    [
        ("queued", ReportedStatus.ACCEPTED),
        ("sending", ReportedStatus.ACCEPTED),
        ("sent", ReportedStatus.SENT),
        ("delivered", ReportedStatus.DELIVERED),
        ("read", ReportedStatus.DELIVERED),
        ("undelivered", ReportedStatus.FAILED),
        ("failed", ReportedStatus.FAILED),
    ],
)
def test_a_receipt_says_how_far_a_text_came(status, reported):
    report = parse_status({"MessageSid": SID, "MessageStatus": status, "Unheard": "of"})

    assert (report.provider_id, report.status) == (SID, reported)


@pytest.mark.parametrize(
    ("code", "recipient", "opted_out"),
    [
        ("30003", False, False),
        ("30005", True, False),
        ("30006", True, False),
        ("30007", False, False),
        ("30008", False, False),
        ("21610", True, True),
        ("63014", True, True),
        ("98765", False, False),
    ],
)
def test_a_receipt_of_failure_says_whose_fault_it_is(code, recipient, opted_out):
    report = parse_status({"SmsSid": SID, "SmsStatus": "undelivered", "ErrorCode": code})

    assert (report.code, report.recipient, report.opted_out) == (code, recipient, opted_out)
    assert report.reason


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "MessageSid"),
        ({"MessageSid": "SM1", "MessageStatus": "sent"}, "MessageSid"),
        ({"MessageSid": SID}, "MessageStatus"),
    ],
)
def test_what_is_no_receipt_is_refused(form, field):
    with pytest.raises(InvalidInput) as caught:
        parse_status(form)

    assert [problem.field for problem in caught.value.problems] == [field]


def test_our_ids_are_read_from_the_query_or_not_at_all():
    message, attempt = UUID(int=1), UUID(int=2)

    assert ids_of({"message": str(message), "attempt": str(attempt)}) == (message, attempt)
    assert ids_of({"message": str(message)}) is None
    assert ids_of({"message": str(message), "attempt": "2"}) is None


# ------------------------------------------------------------------------------- inbound texts


def test_an_inbound_text_is_read(twilio, hook):
    status = twilio.text_us(
        f"{hook.url}/hooks/twilio/inbound",
        from_="+447700900123",
        to="+447700900999",
        body="Stop",
        opt_out_type="stop",
    )

    (posted,) = hook.posted
    inbound = parse_inbound(posted.form)
    assert status == 204
    assert inbound == InboundText(
        provider_id=posted.form["MessageSid"],
        from_="+447700900123",
        to="+447700900999",
        body="Stop",
        opt_out_type="STOP",
    )


def test_an_inbound_text_may_be_empty_and_carry_pictures():
    inbound = parse_inbound({"MessageSid": SID, "From": "+447700900123", "NumMedia": "2"})

    assert (inbound.body, inbound.media_count, inbound.opt_out_type) == ("", 2, None)


@pytest.mark.parametrize(
    ("form", "field"), [({"From": "+447700900123"}, "MessageSid"), ({"MessageSid": SID}, "From")]
)
def test_what_is_no_inbound_text_is_refused(form, field):
    with pytest.raises(InvalidInput) as caught:
        parse_inbound(form)

    assert [problem.field for problem in caught.value.problems] == [field]
