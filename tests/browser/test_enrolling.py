"""Enrolling a patient in a browser: page by page, all on one page, with and without JavaScript."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

from followup.domain.roles import Role
from followup.store.models.enrolments import Enrolment
from tests.support.apps import clock_of, enrol_one, sweep, tick
from tests.support.full_clinic import LIST
from tests.support.people import nhs_number

with_and_without = pytest.mark.parametrize("javascript", [True, False], ids=["js", "no-js"])


def enrolments(site):
    with site.app.store.read() as session:
        return session.scalar(select(func.count()).select_from(Enrolment))


def fill_in_the_patient(screen):
    screen.fill("NHS number", "999 000 0018")
    screen.fill("Full name", "Test Patient")
    born = screen.page.get_by_role("group", name="Date of birth")
    for label, value in (("Day", "17"), ("Month", "5"), ("Year", "1957")):
        born.get_by_label(label).fill(value)
    screen.fill("Mobile number", "07700 900123")
    screen.fill("Mobile number again", "07700900123")


def answer(screen, question, choice):
    screen.page.get_by_role("group", name=question).get_by_label(choice, exact=True).check()


def fill_in_the_procedure(screen):
    screen.fill("Time of the procedure", "2.30pm")
    answer(screen, "Does the patient have diabetes?", "Yes")
    answer(screen, "Does the injection contain a steroid?", "Yes")
    answer(screen, "How may we send the messages?", "Texts")


@with_and_without
def test_the_quick_form_shows_the_whole_timeline_and_then_enrols(each_site, window, javascript):
    screen = window(each_site.open(), Role.ENROL, javascript=javascript)
    screen.go("/enrol/quick")
    screen.look()
    fill_in_the_patient(screen)
    fill_in_the_procedure(screen)
    screen.click("Check the timeline")

    assert screen.heading.endswith("Check the answers before enrolling")
    assert "check it regularly" in screen.text.replace("\n", " ") or "blood sugar" in screen.text
    assert screen.page.locator(".fu-step").count() == 14
    screen.look()
    assert enrolments(each_site) == 0

    screen.click("Enrol the patient")
    assert screen.heading == "Patient"
    assert "Test Patient" in screen.text
    assert "07700" not in screen.text
    screen.look()
    assert enrolments(each_site) == 1


@with_and_without
def test_one_thing_a_page_and_back_keeps_the_answers(site, window, javascript):
    screen = window(site.serve(), Role.ENROL, javascript=javascript)
    screen.go("/")
    screen.click("Enrol")
    screen.fill("NHS number", "999 000 0018")
    screen.look()
    screen.click("Continue")
    screen.fill("Full name", "Test Patient")
    born = screen.page.get_by_role("group", name="Date of birth")
    for label, value in (("Day", "17"), ("Month", "5"), ("Year", "1957")):
        born.get_by_label(label).fill(value)
    screen.look()
    screen.click("Continue")
    screen.fill("Mobile number", "07700 900123")
    screen.fill("Mobile number again", "07700 900123")
    screen.look()
    screen.click("Back")
    assert screen.page.get_by_label("Full name").input_value() == "Test Patient"
    screen.click("Continue")
    screen.fill("Mobile number", "07700 900123")
    screen.fill("Mobile number again", "07700 900123")
    screen.click("Continue")
    screen.page.get_by_label("Nerve root block").check()
    screen.fill("Time of the procedure", "14:30")
    screen.look()
    screen.click("Continue")
    answer(screen, "Does the patient have diabetes?", "No")
    answer(screen, "Does the injection contain a steroid?", "Yes")
    screen.look()
    screen.click("Continue")
    answer(screen, "How may we send the messages?", "Texts")
    screen.look()
    screen.click("Continue")
    assert screen.heading.endswith("Check the answers before enrolling")
    assert screen.page.locator(".fu-step").count() == 10
    screen.click("Enrol the patient")
    assert enrolments(site) == 1


def test_a_test_text_confirms_the_number_and_nothing_is_typed_twice(site, window):
    screen = window(site.serve(), Role.ENROL)
    screen.go("/enrol/quick")
    fill_in_the_patient(screen)
    screen.fill("Mobile number again", "")
    fill_in_the_procedure(screen)
    screen.click("Send a test text first")

    assert screen.heading.endswith("Enter the code from the text")
    clock_of(site.app).advance(timedelta(minutes=1))
    tick(site.app)
    screen.click("Look again where the text is")
    assert "Sent" in screen.text
    screen.look()
    screen.fill("Code", "12")
    screen.click("Confirm the number")
    assert screen.page.title().startswith("Error: ")
    screen.look()
    screen.fill("Code", re.search(r"your code is (\d{4})", screen.text)[1])
    screen.click("Confirm the number")
    assert "+447700900123, confirmed by a test text" in screen.text
    screen.click("Enrol the patient")
    assert "Confirmed by a test text" in screen.text
    screen.look()
    assert enrolments(site) == 1


def test_what_is_wrong_is_said_on_top_and_at_the_field_and_the_link_leads_there(site, window):
    screen = window(site.serve(), Role.ENROL)
    screen.go("/enrol/quick")
    fill_in_the_patient(screen)
    screen.fill("NHS number", "999 000 0019")
    screen.fill("Mobile number again", "07700 900124")
    fill_in_the_procedure(screen)
    screen.click("Check the timeline")

    assert screen.page.title().startswith("Error: ")
    screen.look()
    summary = screen.page.locator(".nhsuk-error-summary")
    assert summary.get_by_role("link").count() == 2
    summary.get_by_role("link").first.click()
    assert screen.page.locator(":focus").get_attribute("name") == "nhs_number"
    assert screen.page.get_by_label("Full name").input_value() == "Test Patient"
    assert enrolments(site) == 0


def test_nothing_is_chosen_for_diabetes_and_steroid(site, window):
    screen = window(site.serve(), Role.ENROL)
    screen.go("/enrol/quick")
    fill_in_the_patient(screen)
    screen.fill("Time of the procedure", "14:30")
    answer(screen, "How may we send the messages?", "Texts")
    assert screen.page.locator("input[type=radio]:checked").count() == 0
    screen.click("Check the timeline")

    assert screen.page.locator(".nhsuk-error-summary").get_by_role("link").count() == 2
    assert enrolments(site) == 0


def test_a_patient_who_is_enrolled_already_is_said_at_once(site, window):
    enrol_one(site.app, 7)
    screen = window(site.serve(), Role.ENROL)
    screen.go("/enrol")
    screen.fill("NHS number", nhs_number(7))
    screen.click("Continue")

    assert "enrolled already" in screen.text
    screen.look()


def test_two_clicks_enrol_once(site, window):
    screen = window(site.serve(), Role.ENROL)
    screen.go("/enrol/quick")
    fill_in_the_patient(screen)
    fill_in_the_procedure(screen)
    screen.click("Check the timeline")
    screen.page.get_by_role("button", name="Enrol the patient").dblclick()
    screen.page.wait_for_url("**/patients/**")

    assert enrolments(site) == 1


def test_a_keyboard_is_enough(site, window):
    """Tab from field to field, space to choose, Enter to send."""
    screen = window(site.serve(), Role.ENROL)
    page = screen.go("/enrol/quick")
    keys = page.keyboard
    page.get_by_label("NHS number").focus()
    for text in ("9990000018", "Test Patient", "17", "5", "1957", "07700900123", "07700900123"):
        keys.type(text)
        keys.press("Tab")
    keys.press("Tab")
    while "protocol=" in (page.locator(":focus").get_attribute("href") or ""):
        keys.press("Tab")
    for _ in range(3):
        keys.press("Tab")
    keys.type("14:30")
    keys.press("Tab")
    for _ in ("diabetes", "steroid"):
        keys.press("Space")
        keys.press("Tab")
    keys.press("Space")
    keys.press("Enter")
    page.wait_for_url("**/check")
    assert page.locator(".fu-step").count() == 14
    page.get_by_role("button", name="Enrol the patient").focus()
    keys.press("Enter")
    page.wait_for_url("**/patients/**")

    assert enrolments(site) == 1


@with_and_without
def test_a_theatre_list_is_enrolled_with_script_and_without(window, site, javascript):
    screen = window(site.serve(), javascript=javascript)
    page = screen.go("/enrol/list")
    page.get_by_label("Procedure").select_option("nerve-root-block")
    page.get_by_label("List of patients").set_input_files(
        {"name": "List.csv", "mimeType": "text/csv", "buffer": LIST.encode()}
    )
    screen.click("Upload")
    assert "Check the columns" in screen.heading
    screen.click("Check every row")
    assert "Checking the list" in screen.heading
    sweep(site.app, "work-off-lists")
    if not javascript:
        screen.click("Refresh this page")
    # With script, the page finds out by itself.
    expect(page.get_by_role("heading", level=1)).to_contain_text("Check the list before enrolling")
    assert "Line 6: Test Patient-00602" in screen.text
    screen.click("Enrol 3 patients")
    sweep(site.app, "work-off-lists")
    if not javascript:
        screen.click("Refresh this page")
    expect(page.get_by_role("heading", level=1)).to_contain_text("3 patients enrolled")
    screen.look()
