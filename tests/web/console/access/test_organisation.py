"""Signing in by the organisation's account: against a provider that is a process of its own."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from followup.domain.errors import ConfigurationError
from followup.domain.roles import Role
from followup.settings.settings import load_settings
from followup.staff.members import MemberDetails, add_member, disable_member
from followup.store.models.audit import AuditEvent
from followup.store.models.staff import Staff
from tests.stand_ins.issuer import CLIENT_ID, CLIENT_SECRET, running_issuer
from tests.support.apps import HandClock, make_app, rows
from tests.web.console.conftest import make_asgi
from tests.web.console.visitors import Visitor

NIA = {"sub": "s-1", "email": "Nia@example.com", "email_verified": True}
PASSWORD = "walnut ladder frost"


@pytest.fixture(scope="module")
def issuer():
    with running_issuer() as made:
        yield made


@pytest.fixture
def app(migrated_sqlite_url):
    """An app context whose real time is the machine's, as the provider's is."""
    made = make_app(migrated_sqlite_url, clock=HandClock(real=datetime.now(UTC)))
    yield made
    made.close()


@pytest.fixture
def guest(app, issuer):
    """Somebody at the sign-in page of a console that knows the provider."""
    asgi = make_asgi(
        app,
        oidc_issuer=issuer.address,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret=CLIENT_SECRET,
        oidc_name="NHSmail",
        second_factor="all",
    )
    return Visitor(asgi)


@pytest.fixture
def nia(app):
    who = MemberDetails(email=NIA["email"], name="Nia Nurse", roles=(Role.ENROL,), clinics=None)
    return add_member(app, who, password=PASSWORD, actor="cli:test")


def travel(guest):
    """Go to the provider, and return the address that it sends the browser back to."""
    away = guest.client.get("/sign-in/organisation", follow_redirects=False)
    assert away.status_code == 303
    back = httpx.get(away.headers["location"], follow_redirects=False, trust_env=False)
    parts = urlsplit(back.headers["location"])
    return f"{parts.path}?{parts.query}"


@contextmanager
def nobody_added(app):
    before = len(rows(app, Staff))
    yield
    assert len(rows(app, Staff)) == before


def test_a_member_is_found_by_a_verified_address_and_from_then_on_by_who_they_are(
    app, issuer, guest, nia
):
    issuer.be(**NIA, amr=["pwd", "mfa"])
    assert guest.get("/sign-in").links()["Sign in with NHSmail"] == "/sign-in/organisation"

    assert guest.get(travel(guest)).heading == "Home"

    issuer.be(sub="s-1", email="married@example.com", email_verified=False, amr=["mfa"])
    assert guest.get(travel(guest)).heading == "Home"
    done = [e.action for e in rows(app, AuditEvent) if e.actor == "web:nia@example.com"]
    assert done == ["staff.linked", "staff.signed-in", "staff.signed-in"]


def test_without_a_second_factor_there_ours_is_owed(issuer, guest, nia):
    issuer.be(**NIA)

    assert guest.get(travel(guest)).path == "/sign-in/set-up"


@pytest.mark.parametrize(
    "person",
    [
        {**NIA, "email": "nobody@example.com"},
        {**NIA, "email_verified": False},
        {"sub": "s-1"},
        {**NIA, "_forged": True},
        {**NIA, "aud": "another"},
        {**NIA, "aud": [CLIENT_ID, "another"]},
        {**NIA, "iss": "http://127.0.0.1:1"},
        {**NIA, "nonce": "of another time"},
        {**NIA, "exp": 1_700_000_000},
        {**NIA, "_denied": True},
    ],
    ids=[
        "a stranger", "not verified", "no address", "forged", "of another client",
        "of two clients", "of another provider", "replayed", "too old", "denied",
    ],
)  # fmt: skip
def test_whoever_can_not_be_believed_or_is_not_known_stays_out(app, issuer, guest, nia, person):
    issuer.be(**{"amr": ["mfa"], **person})

    with nobody_added(app):
        page = guest.get(travel(guest), status=403)

    assert page.heading == "You can’t sign in with this account"
    assert guest.get("/patients").heading == "Sign in"


def test_one_account_is_never_taken_over_by_another_of_the_same_address(issuer, guest, nia):
    issuer.be(**NIA, amr=["mfa"])
    guest.get(travel(guest))

    issuer.be(**{**NIA, "sub": "s-2"}, amr=["mfa"])

    guest.get(travel(guest), status=403)


def test_who_was_switched_off_stays_out(app, issuer, guest, nia):
    disable_member(app, nia, actor="cli:test")
    issuer.be(**NIA, amr=["mfa"])

    guest.get(travel(guest), status=403)


def test_the_way_back_is_believed_only_where_the_way_out_began(issuer, guest, nia):
    issuer.be(**NIA, amr=["mfa"])
    back = travel(guest)
    state = parse_qs(urlsplit(back).query)["state"][0]

    page = guest.get(back.replace(state, "x" * len(state)), status=403)
    assert page.heading == "This sign-in was not begun here"
    guest.client.cookies.clear()
    guest.get(back, status=403)


def test_a_code_works_once(issuer, guest, nia):
    issuer.be(**NIA, amr=["mfa"])
    back = travel(guest)
    kept = guest.client.cookies.get("followup-journey")
    guest.get(back)
    guest.client.cookies.clear()
    guest.client.cookies.set("followup-journey", kept)

    guest.get(back, status=403)


def test_a_provider_that_is_away_is_said_so(app):
    away = make_asgi(
        app,
        oidc_issuer="http://127.0.0.1:1",
        oidc_client_id=CLIENT_ID,
        oidc_client_secret=CLIENT_SECRET,
    )

    page = Visitor(away).get("/sign-in/organisation", status=503)

    assert page.heading == "Your organisation’s sign-in does not answer"


def test_without_a_provider_there_is_no_such_way_in(nobody):
    assert "organisation" not in nobody.get("/sign-in").html
    nobody.get("/sign-in/organisation", status=404)


def test_half_a_provider_is_a_mistake_in_the_settings(tmp_path):
    with pytest.raises(ConfigurationError, match="FOLLOWUP_OIDC_CLIENT_SECRET"):
        load_settings(data_dir=tmp_path, oidc_issuer="https://id.example.com", oidc_client_id="a")
