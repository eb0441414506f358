"""Signatures of webhooks: the specification's own example, and its library's opinion."""

from __future__ import annotations

import base64

from followup.outbox.signing import new_secret, signature_headers
from tests.support.outside_judges import webhook_library

# The example of the specification and of its libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
BODY = b'{"test": 2432232314}'


def test_the_example_of_the_specification_is_signed_as_it_says():
    headers = signature_headers(BODY, id_=ID, timestamp=AT, keys=[SECRET])

    assert headers == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_while_a_secret_is_replaced_both_sign():
    other = new_secret()

    headers = signature_headers(BODY, id_=ID, timestamp=AT, keys=[other, SECRET])

    first, second = headers["webhook-signature"].split(" ")
    assert second == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert first != second


def test_a_secret_is_long_and_random_and_known_by_its_beginning():
    first, second = new_secret(), new_secret()

    assert first != second
    assert first.startswith("whsec_")
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32


def test_the_specifications_own_library_takes_what_we_sign_and_refuses_what_was_changed():
    secret, body = new_secret(), '{"type":"message.sent","data":{"text":"Siân – £5"}}'
    with webhook_library() as library:
        # It refuses what is older than five minutes, by its own clock.
        now = library.ask({"secret": SECRET, "body": "{}", "headers": {}, "now": True})["now"]
        headers = signature_headers(body.encode(), id_="evt_1", timestamp=now, keys=[secret])

        taken = library.ask({"secret": secret, "body": body, "headers": headers})
        changed = library.ask({"secret": secret, "body": body + " ", "headers": headers})
        foreign = library.ask({"secret": new_secret(), "body": body, "headers": headers})

    assert taken == {"type": "message.sent", "data": {"text": "Siân – £5"}}
    assert changed == foreign == "No matching signature found"
