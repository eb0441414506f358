"""What is printed: the words of messages, and nothing that is pressed or followed."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from io import BytesIO

from pypdf import PdfReader

from followup.domain.roles import Role
from followup.store.models.patients import Patient
from tests.support.apps import enrol_one, rows


def printed(screen, **how):
    reader = PdfReader(BytesIO(screen.page.pdf(prefer_css_page_size=True, **how)))
    text = unicodedata.normalize("NFKC", "\n".join(page.extract_text() for page in reader.pages))
    return reader, " ".join(text.split())


def test_a_patients_page_and_the_card_print_as_what_they_tell(window, site):
    site.app = replace(site.app, public_url=site.address)
    enrolment = enrol_one(site.app, 1)
    [patient] = rows(site.app, Patient)
    site.serve()
    screen = window(site, Role.ENROL, javascript=False)

    screen.go(f"/patients/{patient.id}")
    _, text = printed(screen)

    assert "To stop, reply STOP" in text
    for pressed in (
        "Message text",
        "Pause",
        "Sign out",
        "Needs attention",
        "Show in full",
        "(Link",
    ):
        assert pressed not in text, pressed

    screen.go(f"/enrolments/{enrolment}/card?paper=a5")
    screen.look()
    card, text = printed(screen)

    assert [round(side) for side in card.pages[0].mediabox[2:]] == [420, 595]
    assert text.startswith("Derriford Pain Clinic (T P) After your nerve root block")
    assert "Mon 30 November, 10am" in text
    assert "Test Patient" not in text

    screen.go("/procedures?view=week")
    screen.look()
    assert "Number not confirmed" in printed(screen)[1]
