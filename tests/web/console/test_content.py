"""Content and protocols: the words as patients get them, their review, and sample timelines."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from followup.domain.roles import Role
from followup.web.console.framework.csp import FRAMED_POLICY
from tests.support.apps import clock_of, shipped_catalogue, shipped_content
from tests.web.console.patients.test_patient import statements
from tests.web.console.visitors import join

SAMPLE = "on=23&on-month=10&on-year=2026&at=16:00"


def test_every_message_of_every_protocol_is_listed_with_its_review(manager):
    page = manager.get("/content")

    for protocol in shipped_catalogue().protocols.values():
        assert protocol.name in page.text
    links = {href for href in page.links().values() if href.startswith("/content/")}
    protocols = shipped_catalogue().protocols.values()
    sent = {(step.template, protocol.key) for protocol in protocols for step in protocol.steps}
    assert {f"/content/{template}?protocol={key}" for template, key in sent} <= links
    others = shipped_content().cards.keys() - {template for template, _ in sent}
    assert {f"/content/{key}" for key in others} <= links
    assert "/content/reply-red-flag?protocol=shoulder-injection" in links
    assert "Its source is overdue for review" in page.text


def test_words_that_are_overdue_are_said_so(sqlite_app, asgi):
    clock_of(sqlite_app).advance_to(datetime(2027, 12, 1, 12, tzinfo=UTC))
    page = join(sqlite_app, asgi, Role.MANAGE).get("/content")

    assert "These words should have been read again" in page.text
    assert "Tue 30 Nov 2027 Overdue" in page.text


@pytest.mark.parametrize("template", sorted(shipped_content().cards))
def test_each_message_is_shown_as_text_and_as_mail(manager, template):
    page = manager.get(f"/content/{template}")

    card = shipped_content().cards[template]
    assert page.heading.endswith(card.title)
    assert " ".join(card.source[0].split()) in page.text
    versions = [one for one in shipped_content().versions() if one.template == template]
    assert all(one.id in page.text for one in versions)
    assert "Draft: no clinician has approved this text" in page.text
    for frame in page.page.all("iframe"):
        mail = manager.client.get(frame.attributes["src"])
        assert mail.status_code == 200
        assert mail.headers["content-security-policy"] == FRAMED_POLICY
        assert "href=" not in mail.text.partition("<body")[2]


def test_each_time_of_a_repeated_message_has_its_own_words(manager):
    assert "our last reminder" in manager.get("/content/sugar?occurrence=4").text
    assert "our last reminder" not in manager.get("/content/sugar?occurrence=1").text


def test_which_time_is_the_last_depends_on_the_protocol(manager):
    example, whole = (
        manager.get(f"/content/sugar?occurrence=2&protocol={key}").text
        for key in ("facet-joint-injection", "nerve-root-block")
    )

    assert "our last reminder" in example
    assert "our last reminder" not in whole


@pytest.mark.parametrize("given", ["0", "99", "x", "-1", "²", "9" * 20])
def test_a_time_that_there_is_not_shows_the_nearest(manager, given):
    manager.get(f"/content/sugar?occurrence={given}")


def test_sample_patients_say_who_gets_it(manager):
    page = manager.get("/content/sugar")

    assert "Does the patient have diabetes? Yes. Does the injection contain a steroid? No. No" in (
        page.text.replace("Gets it ", "")
    )


def test_what_is_not_there_is_not_found(manager):
    for path in ("/content/x", "/content/x/mail/en", "/content/sugar/mail/xx", "/protocols/x"):
        manager.get(path, status=404)


def test_a_sample_timeline_is_drawn_for_the_date_and_answers(manager):
    page = manager.get(
        f"/protocols/nerve-root-block?{SAMPLE}&attribute-diabetic=yes&attribute-steroid_given=yes"
    )
    # The clocks go back two days later: ten in the morning stays ten in the morning.
    assert "Timeline of somebody enrolled on Fri 23 Oct 2026, 4pm" in page.text
    assert "Fri 4 Dec 2026, 10am" in page.text
    drawn = page.page.one("ol", **{"class": "fu-timeline"}).text
    assert drawn.count("Blood sugar, by text") == 4

    page = manager.get(f"/protocols/nerve-root-block?{SAMPLE}&attribute-diabetic=no")
    assert "Blood sugar" not in page.page.one("ol", **{"class": "fu-timeline"}).text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("on=31&on-month=2&on-year=2026&at=16:00", "Enter a real date"),
        ("on=23&on-month=10&on-year=2026&at=99", "Enter the time of the procedure"),
    ],
)
def test_a_sample_that_can_not_be_is_refused(manager, query, told):
    page = manager.get(f"/protocols/nerve-root-block?{query}", status=422)

    assert page.errors[0].startswith(told)


def test_a_sample_may_lie_years_away(manager):
    page = manager.get("/protocols/nerve-root-block?on=24&on-month=12&on-year=2031&at=9am")

    assert "Wed 24 Dec 2031, 9am" in page.text


def test_the_pages_ask_the_database_for_nothing_of_their_own(manager):
    manager.get("/accessibility")

    assert statements(manager.app, lambda: manager.get("/content")) == statements(
        manager.app, lambda: manager.get("/accessibility")
    )
