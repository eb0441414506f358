"""Signing in by the organisation's account, in a browser, at a provider that is a real process."""

from __future__ import annotations

import pytest

from followup.domain.roles import Role
from followup.staff.members import MemberDetails, add_member
from tests.stand_ins.issuer import CLIENT_ID, CLIENT_SECRET, running_issuer

NIA = {"sub": "s-1", "email": "nia@example.com", "email_verified": True, "amr": ["mfa"]}


@pytest.fixture(scope="module")
def issuer():
    with running_issuer() as made:
        yield made


@pytest.fixture
def screen(window, site, issuer):
    """Somebody at the sign-in page, who wanted to see the patients."""
    who = MemberDetails(email="nia@example.com", name="Nia", roles=(Role.ENROL,), clinics=None)
    add_member(site.app, who, password="walnut ladder frost", actor="cli:test")
    site.serve(
        oidc_issuer=issuer.address,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret=CLIENT_SECRET,
        oidc_name="NHSmail",
        second_factor="all",
    )
    screen = window(site, signed_in=False)
    screen.also = (f"{issuer.address}/",)
    screen.go("/patients")
    return screen


def test_a_member_goes_there_and_comes_back_to_where_they_wanted_to_be(issuer, screen):
    issuer.be(**NIA)
    screen.look()

    screen.click("Sign in with NHSmail")

    assert screen.heading == "Patients"
    assert [each["name"] for each in screen.context.cookies(screen.address)] == ["followup"]


def test_a_stranger_is_told_whom_to_ask(issuer, screen):
    issuer.be(**{**NIA, "email": "nobody@example.com"})

    screen.click("Sign in with NHSmail")

    assert screen.heading == "You can’t sign in with this account"
    screen.look()
    screen.go("/patients")
    assert screen.heading == "Sign in"
