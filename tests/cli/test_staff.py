"""`followup staff`: who may use the console."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from followup.staff.invitations import accept_invitation, find_offer
from tests.support.apps import actions

PASSWORD = "walnut ladder frost"


def test_a_link_makes_an_account_with_the_roles_and_clinics_that_were_named(followup):
    link = followup(
        "staff", "add", "nia@example.com", "--role", "enrol", "--role", "audit",
        "--clinic", "derriford-pain",
    ).out.strip()  # fmt: skip

    with followup.app() as app:
        accept_invitation(app, token_of(link), email="", name="Nia Nurse", password=PASSWORD)
    (staff,) = followup("staff", "list", "--json").lines

    assert staff == {
        "email": "nia@example.com", "name": "Nia Nurse", "roles": ["audit", "enrol"],
        "clinics": ["derriford-pain"], "disabled": False, "second_factor": False,
    }  # fmt: skip


def token_of(link):
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/join/[\w-]{43}", link)
    return urlsplit(link).path.rpartition("/")[2]


def make(followup, *emails):
    for email in emails:
        link = followup("staff", "add", email, "--json").json["link"]
        with followup.app() as app:
            accept_invitation(
                app, token_of(link), email="", name=email.partition("@")[0], password=PASSWORD
            )


def test_without_a_role_the_account_may_do_everything(followup):
    make(followup, "boss@example.com")

    assert "audit, enrol, manage" in followup("staff", "list").out


def test_an_account_is_switched_off_and_on(followup):
    make(followup, "a@example.com", "b@example.com", "c@example.com")

    assert followup("staff", "disable", "a@example.com").code == 0
    assert [staff["disabled"] for staff in followup("staff", "list", "--json").lines].count(
        True
    ) == 1
    assert followup("staff", "enable", "a@example.com").code == 0
    with followup.app() as app:
        assert {"staff.disabled", "staff.enabled"} <= set(actions(app))


def test_too_few_managers_are_never_left(followup):
    make(followup, "a@example.com", "b@example.com")

    answer = followup("staff", "disable", "a@example.com")

    assert answer.code == 1
    assert "at least 2 people" in answer.err


def test_a_lost_password_is_set_anew_by_a_link(followup):
    make(followup, "a@example.com")

    link = followup("staff", "reset", "a@example.com", "--json").json["link"]

    with followup.app() as app, app.store.read() as session:
        offer = find_offer(session, token_of(link), now=app.clock.real_now())
    assert offer.name == "a"


def test_whoever_has_no_account_is_said_so(followup):
    answer = followup("staff", "reset", "ghost@example.com")

    assert answer.code == 1
    assert "nobody has an account as ghost@example.com" in answer.err


def test_an_empty_list_says_what_to_do(followup):
    assert "followup staff add EMAIL" in followup("staff", "list").out
