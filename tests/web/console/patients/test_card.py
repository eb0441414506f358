"""Card to hand over: what will come, the link that messages carry, on the page and as a PDF."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import pytest
import segno
from pypdf import PdfReader

from followup.content.advice import Advice
from followup.domain.errors import Conflict
from followup.domain.roles import Role
from followup.enrolment.withdraw import withdraw_enrolment
from followup.patient_card import read_card
from followup.patient_page import read_page
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from tests.support.apps import enrol_one, messages, rows
from tests.web.console.conftest import make_asgi
from tests.web.console.visitors import join

ADDRESS = "https://followup.example.com"


@pytest.fixture
def app(sqlite_app):
    """A clinic whose patients can reach their pages."""
    return replace(sqlite_app, public_url=ADDRESS)


def card_of(app, enrolment_id, **chosen):
    with app.store.read() as session:
        return read_card(session, app, session.get_one(Enrolment, enrolment_id), **chosen)


def pdf_of(visitor, path, query):
    answer = visitor.client.get(f"{path}/card.pdf?{query}")
    assert answer.headers["content-type"] == "application/pdf"
    return PdfReader(BytesIO(answer.content))


def test_it_has_what_is_to_come_by_the_local_clock_and_the_link_of_the_page(app):
    enrolment = enrol_one(app, 1, name="O'Neill, Siân", language="ar")

    card = card_of(app, enrolment)

    unsent = [one for one in messages(app, enrolment) if one.state == "planned"]
    assert [one.at for one in card.messages] == [one.due_at for one in unsent]
    assert card.messages[-1].at.strftime("%a %d %b %H:%M") == "Mon 30 Nov 10:00"
    assert card.messages[-1].heading == "Signs to look out for"
    assert (card.initials, card.language, card.wanted_language) == ("S O", "en", "ar")
    token = card.page_url.removeprefix(f"{app.links.public_url}/p/")
    assert read_page(app, Advice(app.content), token).clinic == card.clinic
    assert card_of(replace(app, public_url=None), enrolment).page_url is None


def test_it_is_offered_after_enrolling_shown_printed_and_each_time_recorded(app):
    enrolment = enrol_one(app, 1)
    [patient] = {one.patient_id for one in rows(app, Enrolment)}
    visitor = join(app, make_asgi(app), Role.ENROL)
    offered = visitor.get(f"/patients/{patient}?done=enrolled&enrolment={enrolment}")
    path = offered.links()["Print a card to hand over"]
    url = card_of(app, enrolment).page_url

    page = visitor.get(path)
    small, large = (
        pdf_of(visitor, path, f"paper=a5&size={size}&language=en") for size in ("normal", "large")
    )

    code = segno.make(url, micro=False, error="m").svg_inline(light="white", omitsize=True)
    assert code.rpartition(' d="')[2] in page.html
    text = "\n".join(each.extract_text() for each in small.pages)
    for told in ("new weakness in your leg", "01752 437706", "reply STOP", "Mon 30 November, 10am"):
        assert told in page.text
        assert told in text
    assert "Test Patient" not in text
    assert [round(side) for side in small.pages[0].mediabox[2:]] == [420, 595]
    assert len(large.pages) > len(small.pages)
    done = [one for one in rows(app, AuditEvent) if "card" in one.action]
    assert [(one.action, one.detail["size"]) for one in done] == [
        ("patient.card-opened", "normal"),
        ("patient.card-downloaded", "normal"),
        ("patient.card-downloaded", "large"),
    ]


def test_there_is_none_of_a_follow_up_that_has_ended(app):
    enrolment = enrol_one(app, 1)
    withdraw_enrolment(app, enrolment, reason="clinic", actor="cli:test")

    with pytest.raises(Conflict, match="has ended"):
        card_of(app, enrolment)
