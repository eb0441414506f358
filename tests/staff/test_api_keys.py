"""Keys of the API: shown once, kept as a hash, bound to a clinic, revoked for good."""

from __future__ import annotations

import hashlib
import re

import pytest

from followup.domain.api_scope import ApiScope
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.staff.api_keys import (
    ApiClient,
    add_api_key,
    all_api_keys,
    check_api_key,
    revoke_api_key,
)
from followup.store.models.audit import AuditEvent
from followup.store.models.operations import ApiKey
from tests.support.apps import rows
from tests.support.people import CLINIC

ACTOR = "cli:test"


def test_a_key_opens_the_api_for_whom_it_was_made(app):
    key = add_api_key(app, "theatre-system", clinic=CLINIC, actor=ACTOR)

    assert check_api_key(app, key) == ApiClient(name="theatre-system", clinic=CLINIC)


def test_a_key_is_long_and_random_and_known_by_its_beginning(app):
    first, second = (add_api_key(app, name, actor=ACTOR) for name in ("first", "second"))

    assert re.fullmatch(r"fu_[A-Za-z0-9_-]{43}", first)
    assert first != second


def test_the_database_does_not_hold_the_key(app):
    key = add_api_key(app, "theatre-system", actor=ACTOR)

    [row] = rows(app, ApiKey)
    assert row.hash == hashlib.sha256(key.encode()).digest()
    assert key not in str([event.detail for event in rows(app, AuditEvent)])


def test_a_key_without_a_clinic_may_see_every_clinic(app):
    everywhere = check_api_key(app, add_api_key(app, "everywhere", actor=ACTOR))
    here = check_api_key(app, add_api_key(app, "here", clinic=CLINIC, actor=ACTOR))

    assert everywhere is not None
    assert here is not None
    assert everywhere.may_see("another-clinic")
    assert here.may_see(CLINIC)
    assert not here.may_see("another-clinic")


def test_a_key_opens_what_its_scopes_say_and_no_more(app):
    reading = add_api_key(app, "record", scopes=[ApiScope.FHIR_READ], actor=ACTOR)
    both = add_api_key(app, "both", scopes=list(ApiScope), actor=ACTOR)

    assert check_api_key(app, reading).scopes == {ApiScope.FHIR_READ}
    assert check_api_key(app, both).scopes == set(ApiScope)


def test_a_revoked_key_opens_nothing(app):
    key = add_api_key(app, "theatre-system", actor=ACTOR)
    other = add_api_key(app, "other", actor=ACTOR)

    revoke_api_key(app, "theatre-system", actor=ACTOR)

    assert check_api_key(app, key) is None
    assert check_api_key(app, other) is not None


@pytest.mark.parametrize(
    "key",
    ["", "fu_", "fu_" + "A" * 43, "fu_" + "A" * 44, "fu_" + "é" * 43, "x" * 10_000, "fu_\x00"],
)
def test_what_is_no_key_opens_nothing(app, key):
    add_api_key(app, "theatre-system", actor=ACTOR)

    assert check_api_key(app, key) is None


def test_a_name_is_used_once_even_after_its_key_was_revoked(app):
    add_api_key(app, "theatre-system", actor=ACTOR)
    with pytest.raises(Conflict, match="choose another name"):
        add_api_key(app, "theatre-system", actor=ACTOR)
    revoke_api_key(app, "theatre-system", actor=ACTOR)

    with pytest.raises(Conflict, match="choose another name"):
        add_api_key(app, "theatre-system", actor=ACTOR)

    assert len(all_api_keys(app)) == 1


@pytest.mark.parametrize("name", ["", " ", "two words", "x" * 61, "-dash", "new\nline", "Zoë"])
def test_a_name_that_would_blur_the_audit_trail_is_refused(app, name):
    with pytest.raises(InvalidInput, match="letters, digits"):
        add_api_key(app, name, actor=ACTOR)

    assert all_api_keys(app) == []


def test_a_clinic_that_there_is_not_is_refused_with_what_is_meant(app):
    with pytest.raises(InvalidInput, match='did you mean "derriford-pain"'):
        add_api_key(app, "theatre-system", clinic="deriford-pain", actor=ACTOR)


def test_revoking_says_what_there_is_not_and_what_is_done(app):
    with pytest.raises(NotFound, match="api-key list"):
        revoke_api_key(app, "unknown", actor=ACTOR)
    add_api_key(app, "theatre-system", actor=ACTOR)
    revoke_api_key(app, "theatre-system", actor=ACTOR)

    with pytest.raises(Conflict, match="revoked already"):
        revoke_api_key(app, "theatre-system", actor=ACTOR)


def test_who_made_and_revoked_a_key_stands_in_the_audit_trail(app):
    add_api_key(app, "theatre-system", clinic=CLINIC, actor="cli:ann")
    revoke_api_key(app, "theatre-system", actor="cli:ben")

    assert [(event.actor, event.action, event.detail) for event in rows(app, AuditEvent)] == [
        ("cli:ann", "api-key.added", {"key": "theatre-system", "scopes": ["enrolments"]}),
        ("cli:ben", "api-key.revoked", {"key": "theatre-system"}),
    ]
