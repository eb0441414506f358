"""What the documents show as answered or sent by us looks as it does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import update

from followup.context import AppContext, WebhookPolicy
from followup.domain.api_scope import ApiScope
from followup.fhir.search import PARAMETERS, find_one
from followup.outbox.deliver import deliver_events
from followup.outbox.events import TYPES
from followup.outbox.subscriptions import NewSubscription, add_subscription
from followup.staff.api_keys import add_api_key
from followup.store.models.messages import Message
from tests.documents import read, texts_of
from tests.stand_ins.webhook_receiver import WebhookReceiver
from tests.support.apps import clock_of, enrol_one, make_app, message, run_until
from tests.support.outside_judges import fhir_validator
from tests.support.people import ENROLLED_AT
from tests.web.conftest import served

FHIR, WEBHOOKS = read("docs/fhir.md"), read("docs/webhooks.md")


@pytest.fixture
def sending(migrated_sqlite_url: str) -> Iterator[AppContext]:
    """An app that may send events to this machine."""
    policy = WebhookPolicy(loopback=True)
    with closing(make_app(migrated_sqlite_url, webhooks=policy)) as made:
        yield made


def shape(value: object) -> object:
    """Return what is there, without what it says."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return [shape(each) for each in value] if isinstance(value, list) else type(value)


def test_the_resource_of_the_guide_is_one_of_ours(sending):
    shown = json.loads(texts_of("docs/fhir.md", "json")[0])
    enrolment = enrol_one(sending)
    run_until(sending, ENROLLED_AT)
    sent = message(sending, enrolment, "going-home")
    with sending.store.write() as session:
        delivered = {"state": "delivered", "delivered_at": ENROLLED_AT}
        session.execute(update(Message).where(Message.id == sent.id).values(**delivered))

    with sending.store.read() as session:
        told = find_one(session, sending, "Communication", sent.id, clinic=None)

    assert shape(told) == shape(shown)
    assert told["medium"] == shown["medium"]
    assert told["category"][0]["text"] == shown["category"][0]["text"]
    assert told["sender"]["display"] == shown["sender"]["display"]
    with fhir_validator() as validator:
        assert validator.problems(shown) == []


def test_what_the_guide_sends_is_answered_as_it_says(migrated_sqlite_url):
    _, sent, answered, refused = (json.loads(text) for text in texts_of("docs/fhir.md", "json"))
    with (
        closing(make_app(migrated_sqlite_url)) as app,
        served(app) as client,
        fhir_validator() as validator,
    ):
        key = add_api_key(app, "example-hospital", scopes=[ApiScope.FHIR_WRITE], actor="cli:test")
        headers = {"Authorization": f"Bearer {key}"}
        wrong = json.loads(json.dumps(sent).replace("1957-05-17", "1957-05-32"))
        no = client.post("/fhir/R4", json=wrong, headers=headers)
        told = client.post("/fhir/R4", json=sent, headers=headers)

        assert (no.status_code, no.json()) == (422, refused)
        assert told.status_code == 200
        assert shape(told.json()) == shape(answered)
        for each, wanted in zip(told.json()["entry"], answered["entry"], strict=True):
            assert each["response"]["status"] == wanted["response"]["status"]
            assert each["response"]["outcome"] == wanted["response"]["outcome"]
            kind = wanted["response"]["location"].partition("/")[0]
            assert each["response"]["location"].startswith(f"{kind}/")
        for resource in (sent, answered, refused):
            assert validator.problems(resource) == []


def test_the_event_of_the_guide_is_one_of_ours(sending):
    [shown] = [json.loads(text) for text in texts_of("docs/webhooks.md", "json")]
    with closing(WebhookReceiver()) as receiver:
        wanted = NewSubscription(name="engine", url=receiver.url)
        add_subscription(sending, wanted, actor="cli:test")
        enrol_one(sending)
        run_until(sending, clock_of(sending).now())
        deliver_events(sending)

        [told] = [one.told for one in receiver.received if one.told["type"] == "message.sent"]

    assert shape(told) == shape({**shown, "data": {**shown["data"], "from": "sending"}})


def test_the_guide_names_every_search():
    for kind, names in PARAMETERS.items():
        for name in names:
            assert name in {"_page", "_format"} or f"`{name}`" in FHIR, (kind, name)


def test_the_guide_names_every_type_of_event():
    [table] = re.findall(r"^\| type .*?\n\n", WEBHOOKS, flags=re.MULTILINE | re.DOTALL)
    named = set()
    for cell in re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE):
        group = ""
        for word in re.findall(r"`([a-z.]+)`", cell):
            group = group if word.startswith(".") else word.partition(".")[0]
            named.add(f"{group}{word}" if word.startswith(".") else word)

    assert named == set(TYPES.values())
