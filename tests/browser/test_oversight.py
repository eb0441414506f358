"""Oversight in a browser: the auditor's question, the words, the second factor, an idle session."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import update

from followup.audit.tree import sign_trail
from followup.domain.roles import Role
from followup.staff.members import MemberDetails, add_member
from followup.store.models.staff import StaffSession
from tests.support.apps import clock_of, enrol_one, run_until
from tests.support.people import ENROLLED_AT

PASSWORD = "walnut ladder frost"


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_what_was_this_patient_told_is_answered_and_taken_away(site, window, javascript):
    enrol_one(site.app, 1, diabetic=True)
    run_until(site.app, ENROLLED_AT + timedelta(days=1, hours=12))
    clock_of(site.app).advance_real(timedelta(minutes=15))
    sign_trail(site.app)
    clock_of(site.app).advance_real(timedelta(minutes=-15))
    screen = window(site.serve(), Role.AUDIT, javascript=javascript)

    screen.go("/patients")
    screen.click("Test Patient-00001")
    screen.click("Audit report")
    assert screen.heading == "Report on a patient"
    for told in (
        "take the small dressing off",
        "Draft: no clinician has approved this text",
        "Intact",
    ):
        assert told in screen.text
    screen.look()
    with screen.page.expect_download() as download:
        screen.press(screen.page.get_by_role("button", name="Download PDF"))
    assert download.value.path().read_bytes().startswith(b"%PDF-")

    screen.go("/audit?what=looks")
    assert "downloaded the audit report on Test Patient-00001 as a PDF" in screen.text
    screen.look()


def test_the_words_are_read_and_a_timeline_is_drawn(site, window):
    screen = window(site.serve(), Role.MANAGE)
    screen.go("/content")
    screen.look()

    screen.press(screen.page.locator("a[href='/content/sugar?protocol=nerve-root-block']").last)
    screen.page.get_by_label("Which time").select_option("4")
    screen.click("Show")
    assert "last reminder: your injection" in screen.text
    screen.look()

    screen.go("/protocols/nerve-root-block")
    for label, value in (("Day", "23"), ("Month", "10"), ("Year", "2026")):
        screen.fill(label, value)
    screen.click("Show")
    assert "Timeline of somebody enrolled on Fri 23 Oct 2026, 2:30pm" in screen.text
    screen.look()


def test_signing_in_takes_a_second_factor_once_it_is_set_up(site, window):
    who = MemberDetails(email="nia@example.com", name="Nia", roles=(Role.ENROL,), clinics=None)
    add_member(site.app, who, password=PASSWORD, actor="cli:test")
    site.serve(second_factor="all")
    screen = window(site, signed_in=False)
    screen.go("/patients")
    _give_password(screen)
    screen.look()
    key = screen.page.locator("code").inner_text().replace(" ", "")
    screen.page.locator("input[name=code]").fill(pyotp.TOTP(key).now())
    screen.press(screen.page.locator("main button"))
    assert screen.heading == "Home"

    other = window(site, signed_in=False)
    other.go("/patients")
    _give_password(other)
    other.look()
    other.page.locator("input[name=code]").fill("000000")
    other.press(other.page.locator("main button"))
    assert "This code is wrong" in other.text


def test_an_idle_session_ends_at_the_sign_in_page(site, window):
    screen = window(site.serve(), Role.ENROL)
    screen.go("/patients")
    long_ago = clock_of(site.app).real_now() - timedelta(minutes=20)
    with site.app.store.write() as session:
        session.execute(update(StaffSession).values(seen_real_at=long_ago))

    screen.click("Enrol", role="link")

    assert screen.heading == "Sign in"
    screen.look()


def _give_password(screen):
    screen.fill("E-mail address", "nia@example.com")
    screen.fill("Password", PASSWORD)
    screen.click("Sign in", role="button")
