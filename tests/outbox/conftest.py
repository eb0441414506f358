"""A receiver on loopback, and apps that may send there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from followup.context import AppContext, WebhookPolicy
from followup.outbox.deliver import DELIVER_JOB
from followup.outbox.subscriptions import NewSubscription, add_subscription
from followup.store.models.outbox import EventSubscription
from tests.stand_ins.webhook_receiver import WebhookReceiver
from tests.support.apps import make_app, rows, sweep

LOOPBACK = WebhookPolicy(loopback=True)


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """A receiver that takes everything."""
    with closing(WebhookReceiver()) as made:
        yield made


@pytest.fixture
def telling(migrated_url: str) -> Iterator[AppContext]:
    """An app that may send events to this machine; once on each database."""
    with closing(make_app(migrated_url, webhooks=LOOPBACK)) as made:
        yield made


@pytest.fixture
def sqlite_telling(migrated_sqlite_url: str) -> Iterator[AppContext]:
    """The same on SQLite alone."""
    with closing(make_app(migrated_sqlite_url, webhooks=LOOPBACK)) as made:
        yield made


@pytest.fixture
def postgres_telling(migrated_postgres_url: str) -> Iterator[AppContext]:
    """The same on PostgreSQL alone."""
    with closing(make_app(migrated_postgres_url, webhooks=LOOPBACK)) as made:
        yield made


def subscribe(app: AppContext, receiver: WebhookReceiver, name: str = "engine", **more: Any) -> str:
    """Subscribe the receiver, which comes to know the secret; return that."""
    wanted = NewSubscription(name=name, url=receiver.url, **more)
    secret = add_subscription(app, wanted, actor="cli:test")
    receiver.secrets.append(secret)
    return secret


def subscription(app: AppContext, name: str = "engine") -> EventSubscription:
    return next(one for one in rows(app, EventSubscription) if one.name == name)


def deliver(app: AppContext) -> int:
    """Run the job; return how many events were taken."""
    return sweep(app, DELIVER_JOB)
