"""Staff of another clinic: every page that belongs to somebody is not there for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from followup.store.models.audit import AuditEvent
from followup.web.console.framework.app import all_pages
from tests.support.apps import make_app, rows
from tests.support.full_clinic import GAP, FullClinic, fill
from tests.web.console.conftest import make_asgi
from tests.web.console.visitors import join

THEIRS = {
    "patient",
    "enrolment",
    "message",
    "item",
    "draft",
    "switch",
    "member",
    "invitation",
    "mail",
    "list",
    "request",
    "other",
    "merge",
    "webhook",
    "release",
    "clinic",
    "key",
    "review",
}
"""Gaps of a path that stand for what belongs to a clinic, or to somebody who works there."""
NOBODYS = {"token", "protocol", "template", "language", "step", "line", "part"}
"""Gaps that stand for what is the same everywhere, or for a part of one of those above."""


@pytest.fixture
def full(migrated_sqlite_url) -> Iterator[FullClinic]:
    with closing(make_app(migrated_sqlite_url, sandbox=True)) as app:
        yield fill(app)


def test_nothing_of_another_clinic_is_seen_or_changed(full):
    stranger = join(full.app, make_asgi(full.app), clinics=["elsewhere"])
    stranger.get("/")
    before = len(rows(full.app, AuditEvent))
    walked = 0
    gaps = {gap for page in all_pages() for gap in GAP.findall(page.path)}
    assert gaps == THEIRS | NOBODYS
    for page in all_pages():
        if isinstance(page.may, tuple) and THEIRS & set(GAP.findall(page.path)):
            address = full.addresses(page.path)[0]
            answer = stranger.client.request(page.method, address, follow_redirects=False)
            assert answer.status_code == 404, f"{page.method} {address}"
            assert "Test Patient" not in answer.text, address
            walked += 1

    assert walked > 40
    assert len(rows(full.app, AuditEvent)) == before


def test_no_list_names_anybody_of_another_clinic(full):
    stranger = join(full.app, make_asgi(full.app), clinics=["elsewhere"])

    for page in all_pages():
        if page.method == "GET" and isinstance(page.may, tuple) and not GAP.search(page.path):
            text = stranger.client.get(page.path).text
            assert "Test Patient" not in text, page.path
            assert "+4477009" not in text, page.path
