"""Replies by the hundred through real HTTP: all kept, every red flag at the top, few answers."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from followup.store.models.messages import InboundMessage
from followup.worklist.items import open_items
from tests.replies.test_inbound import replies
from tests.support.apps import enrol_one, rows, tasks
from tests.support.returned_mails import returned_mail
from tests.web.conftest import key_for, served, sid, twilio_post

INBOUND = "/hooks/twilio/inbound"
REPLIES = int(os.environ.get("FOLLOWUP_TEST_REPLIES", "300"))
"""Ten thousand for the whole flood."""
ONE_IN = 20
SENDERS = 200
NOISE = ("thanks", "ok 👍", "where do I park", "STOP", "sugar is 12", "x" * 1600)


def form(serial: int) -> dict[str, str]:
    body = "cant feel my legs" if serial % ONE_IN == 0 else NOISE[serial % len(NOISE)]
    return {
        "MessageSid": sid(serial + 1),
        "From": f"+4477009{serial % SENDERS:05d}",
        "To": "+447700900500",
        "Body": body,
        "NumMedia": "0",
    }


@pytest.mark.uncounted
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_flood_of_replies_loses_none_and_puts_red_flags_first(app):
    enrol_one(app)
    with served(app) as client:
        # Every tenth comes twice, as a provider repeats what it had no answer to in time.
        serials = [*range(REPLIES), *range(0, REPLIES, 10)]

        def post(serial: int) -> int:
            return twilio_post(client, INBOUND, form(serial)).status_code

        with ThreadPoolExecutor(16) as pool:
            codes = list(pool.map(post, serials))

    flags = -(-REPLIES // ONE_IN)
    assert set(codes) == {200}
    assert len(rows(app, InboundMessage)) == REPLIES
    with app.store.read() as session:
        first = [item.detail["cause"] for item in open_items(session)[:flags]]
    assert first == ["red-flag"] * flags
    answered = {one.address_index for one in replies(app)}
    assert len(answered) <= SENDERS
    assert len(replies(app)) <= 6 * SENDERS


def test_a_bounce_is_taken_from_whoever_has_a_key_and_nobody_else(sqlite_app):
    with served(sqlite_app) as client:
        refused = client.post("/hooks/bounce", content=returned_mail("postfix"))

    assert refused.status_code == 401


def test_a_bounce_with_a_long_e_mail_in_it_is_not_too_large(sqlite_app):
    long = returned_mail("postfix", instead={"The small dressing": "long " * 60_000})
    with served(sqlite_app) as client:
        taken = client.post("/hooks/bounce", content=long, headers=key_for(sqlite_app))

    assert taken.json() == {"bounced": False, "outcome": "unmatched"}


def test_a_forged_text_about_a_red_flag_moves_nobody(sqlite_app):
    with served(sqlite_app) as client:
        answer = twilio_post(client, INBOUND, form(0), token="another")

    assert answer.status_code == 403
    assert tasks(sqlite_app) == []


def test_a_replayed_text_changes_nothing(sqlite_app):
    with served(sqlite_app) as client:
        codes = {twilio_post(client, INBOUND, form(0)).status_code for _ in range(5)}

    assert codes == {200}
    assert len(tasks(sqlite_app)) == len(replies(sqlite_app)) == 1
