"""The team's page: inviting, roles and clinics, sessions, and never fewer than two managers."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from followup.domain.channel import ChannelKind
from followup.domain.roles import Role
from followup.providers.email.channel import SmtpChannel
from followup.store.models.audit import AuditEvent
from followup.store.models.staff import Staff
from tests.stand_ins.mail import MailServer
from tests.support.apps import email_of, rows
from tests.support.people import CLINIC
from tests.web.console.conftest import make_asgi
from tests.web.console.visitors import Visitor, join


def account(app, visitor) -> str:
    """Return the path of somebody's page."""
    (staff,) = [each for each in rows(app, Staff) if each.email == visitor.email]
    return f"/team/{staff.id}"


def done(app, action):
    return [(e.actor, e.detail) for e in rows(app, AuditEvent) if e.action == action]


def test_everybody_is_listed_with_what_they_may_do_in_verbs(sqlite_app, asgi, manager):
    join(sqlite_app, asgi, Role.ENROL, name="Nia Nurse")

    page = manager.get("/team")

    assert "Nia Nurse" in page.links()
    assert "Enrol and manage" in page.text
    assert "Too few managers" in page.text


def test_somebody_invited_joins_with_the_roles_that_were_chosen(sqlite_app, asgi, manager):
    refused = manager.post("/team/invite", {"email": "nia"}, status=422)
    assert refused.errors == ["Choose what they may do", "Choose where they work"]

    page = manager.post(
        "/team/invite", {"email": "Nia@Example.com", "roles": ["audit"], "where": "all"}
    )
    link = page.page.one("code").text
    assert link.startswith("http://127.0.0.1:8000/join/")
    assert "Nia@Example.com".lower() in manager.get("/team").text

    guest = Visitor(asgi)
    words = "walnut ladder frost"
    guest.post(
        link.removeprefix("http://127.0.0.1:8000"),
        {"name": "Nia Nurse", "password": words, "again": words},
    )
    (nia,) = [each for each in rows(sqlite_app, Staff) if each.email == "nia@example.com"]
    assert (nia.roles, nia.clinics) == (["audit"], None)
    assert "None: everybody who was invited has joined" in manager.get("/team").text


def test_where_email_is_set_up_the_link_goes_by_it_and_is_shown_where_it_could_not(sqlite_app):
    with MailServer() as server, closing(SmtpChannel(server.url)) as relay:
        app = replace(sqlite_app, channels={**sqlite_app.channels, ChannelKind.EMAIL: relay})
        manager = join(app, make_asgi(app), Role.MANAGE)
        wanted = {"email": "nia@example.com", "roles": ["audit"], "where": "all"}

        page = manager.post("/team/invite", wanted)

        (letter,) = [it for it in server.letters if it.recipients == ("nia@example.com",)]
        link = page.page.one("code").text
        assert letter.sender == app.catalogue.clinics[CLINIC].email_from
        assert link in letter.message.get_content()
        assert "We have sent the link to nia@example.com" in page.text
        assert Visitor(make_asgi(app)).get(link.removeprefix("http://127.0.0.1:8000")).heading

        server.plan("RCPT", "550 5.1.1 no such user")
        unsent = manager.post("/team/invite", {**wanted, "email": "nio@example.com"})
        assert "Send this link to them" in unsent.text


def test_all_who_manage_are_told_what_one_of_them_did_to_an_account(sqlite_app, asgi, manager):
    other, nurse = join(sqlite_app, asgi, Role.MANAGE), join(sqlite_app, asgi, Role.ENROL)
    elsewhere = join(sqlite_app, asgi, Role.MANAGE, clinics=("elsewhere",))

    manager.post(f"{account(sqlite_app, nurse)}/access", {"roles": "audit", "where": "all"})
    manager.post(f"{account(sqlite_app, nurse)}/password-link", {})
    manager.post(f"{account(sqlite_app, nurse)}/forget-code", {})

    mails = [it for it in email_of(sqlite_app).calls if "Access to" in (it.subject or "")]
    assert {it.to for it in mails} == {manager.email, other.email, nurse.email}
    assert elsewhere.email not in {it.to for it in email_of(sqlite_app).calls}
    told = [it.text for it in mails if it.to == other.email]
    assert len(told) == 3
    assert all(nurse.email in it and it.startswith(manager.email) for it in told)
    assert "may do, to: Read and audit" in told[0]
    assert "a link for a new password" in told[1]
    assert "/join/" not in "".join(it.text for it in mails), "never the link itself"
    assert "removed the second factor" in told[2]


def test_an_address_that_has_an_account_is_not_invited(sqlite_app, manager):
    page = manager.post(
        "/team/invite", {"email": manager.email, "roles": "audit", "where": "all"}, status=422
    )

    assert page.errors == ["Somebody has an account with this e-mail address already"]


def test_a_wrong_address_is_said_beside_its_field(manager):
    page = manager.post(
        "/team/invite", {"email": "nia", "roles": "audit", "where": "all"}, status=422
    )

    assert page.errors[0].startswith("This is not an e-mail address")


def test_a_withdrawn_invitation_opens_nothing(sqlite_app, asgi, manager):
    page = manager.post(
        "/team/invite", {"email": "a@example.com", "roles": "audit", "where": "all"}
    )
    link = page.page.one("code").text.removeprefix("http://127.0.0.1:8000")
    listed = manager.get("/team")
    (form,) = [f for f in listed.page.all("form") if "withdraw" in f.attributes["action"]]

    page = manager.post(form.attributes["action"])

    assert "opens nothing any more" in page.page.text
    Visitor(asgi).get(link, status=404)
    assert len(done(sqlite_app, "staff.invitation-withdrawn")) == 1


def test_roles_and_clinics_are_changed_and_that_is_recorded(sqlite_app, asgi, manager):
    nurse = join(sqlite_app, asgi, Role.ENROL)
    path = account(sqlite_app, nurse)
    held = manager.get(path).values(f"{path}/access")
    assert (held["roles"], held["where"]) == ("enrol", "all")

    page = manager.post(
        f"{path}/access", {"roles": "audit", "where": "some", "clinics": "derriford-pain"}
    )

    assert "Permissions changed" in page.page.text
    nurse.get("/enrol", status=403)
    ((actor, detail),) = done(sqlite_app, "staff.changed")
    assert (actor, detail["roles"]) == (f"web:{manager.email}", ["audit"])


@pytest.mark.parametrize("what", ["access", "disable"])
def test_the_last_two_managers_stay(sqlite_app, asgi, manager, what):
    other = join(sqlite_app, asgi, Role.MANAGE)
    path = account(sqlite_app, other)

    page = manager.post(f"{path}/{what}", {"roles": "audit", "where": "all"}, status=422)

    assert page.errors[0].startswith("There must be at least 2 people who manage")
    other.get("/team")


def test_an_account_that_is_switched_off_is_out_and_stays_out_when_switched_on(
    sqlite_app, asgi, manager
):
    nurse = join(sqlite_app, asgi, Role.ENROL)
    path = account(sqlite_app, nurse)

    assert "switched off" in manager.post(f"{path}/disable").page.text
    assert nurse.get("/patients").heading == "Sign in"

    assert "switched on again" in manager.post(f"{path}/enable").page.text
    assert nurse.get("/patients").heading == "Sign in"


def test_somebody_is_signed_out_everywhere(sqlite_app, asgi, manager):
    nurse = join(sqlite_app, asgi, Role.ENROL)
    path = account(sqlite_app, nurse)
    assert "Chrome on Linux" in manager.get(path).text

    page = manager.post(f"{path}/sign-out")

    assert "Nowhere at present" in page.text
    assert nurse.get("/patients").heading == "Sign in"


def test_a_link_for_a_new_password_is_shown_once(sqlite_app, asgi, manager):
    nurse = join(sqlite_app, asgi, Role.ENROL)

    page = manager.post(f"{account(sqlite_app, nurse)}/password-link")

    assert "/join/" in page.page.one("code").text
    assert "24 hours" in page.text


def test_a_manager_of_one_clinic_sees_and_gives_nothing_beyond_it(sqlite_app, asgi, joined):
    everywhere = join(sqlite_app, asgi, Role.ENROL, name="All Over")
    here = join(sqlite_app, asgi, Role.ENROL, clinics=["derriford-pain"], name="Only Here")
    local = joined(Role.MANAGE, clinics=["derriford-pain"])

    page = local.get("/team")
    assert "Only Here" in page.text
    assert "All Over" not in page.text
    local.get(account(sqlite_app, everywhere), status=404)
    local.post(f"{account(sqlite_app, everywhere)}/disable", status=404)
    local.get(account(sqlite_app, here))

    refused = local.post(
        "/team/invite", {"email": "b@example.com", "roles": "manage", "where": "all"}, status=422
    )
    assert refused.errors == ["Choose where they work"]


def test_nobody_gives_themselves_another_role(sqlite_app, manager):
    path = account(sqlite_app, manager)

    page = manager.post(
        f"{path}/access", {"roles": ["audit", "manage"], "where": "all"}, status=422
    )

    assert page.errors == [
        "You can’t give yourself more: somebody else who manages the team does that"
    ]
    assert done(sqlite_app, "staff.changed") == []
