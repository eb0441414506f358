"""Card to hand over: a page that prints as the card alone, and a PDF. Opening either is recorded.

A browser does not tell whether its user printed a page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from followup.content.languages import staff_name
from followup.domain.errors import Conflict
from followup.domain.needs import ReadingNeed
from followup.patient_card import card_languages, read_card
from followup.releases.in_force import with_words_for_reading
from followup.store.audit_log import AuditEntry
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, Pages
from followup.web.console.pages.patient import find_enrolment
from followup.web.patient_page.card import CardSheet, card_sheet

PATH = "/enrolments/{enrolment}/card"
PAPERS = (("a5", "A5"), ("a4", "A4"))
SIZES = (("normal", "Normal print"), ("large", "Large print"))
pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """A card, and how it is to be printed."""

    enrolment: Enrolment
    patient: Patient
    name: str
    sheet: CardSheet
    wanted_language: str
    paper: str
    size: str

    @property
    def query(self) -> str:
        return f"language={self.sheet.language}&paper={self.paper}&size={self.size}"


@pages.get(PATH, may=CHANGE_PATIENTS)
def show(here: Here) -> Response:
    from followup.web.typeface import can_write  # noqa: PLC0415 - slow to import

    chosen = _chosen(here)
    sheet = chosen.sheet
    _record(here, chosen, "patient.card-opened")
    languages = card_languages(
        here.app,
        here.app.catalogue.clinics[chosen.enrolment.clinic],
        chosen.enrolment.protocol,
    )
    return here.page(
        "patients/card.html",
        form=Form.of(language=sheet.language, paper=chosen.paper, size=chosen.size),
        chosen=chosen,
        sheet=sheet,
        languages=[(each, staff_name(each)) for each in languages],
        papers=PAPERS,
        sizes=SIZES,
        in_english=staff_name(chosen.wanted_language)
        if chosen.wanted_language not in languages
        else None,
        as_pdf=can_write(sheet.everything),
    )


@pages.get(f"{PATH}/card.pdf", may=CHANGE_PATIENTS)
def download(here: Here) -> Response:
    from followup.web.patient_page.card_pdf import Paper, card_pdf  # noqa: PLC0415 - slow to import
    from followup.web.typeface import can_write  # noqa: PLC0415 - likewise

    chosen = _chosen(here)
    if not can_write(chosen.sheet.everything):
        raise Conflict("this language can't be made into a PDF: print the card from its page")
    _record(here, chosen, "patient.card-downloaded")
    content = card_pdf(
        chosen.sheet,
        paper=Paper(chosen.paper),
        large=chosen.size == "large",
        made_at=here.app.clock.real_now(),
    )
    # The name of the file tells nothing of the patient.
    headers = {"Content-Disposition": 'attachment; filename="card.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


def _chosen(here: Here) -> _Chosen:
    enrolment = find_enrolment(here)
    app = with_words_for_reading(here.app)
    with app.store.read() as session:
        card = read_card(session, app, enrolment, language=here.query("language") or None)
        patient = session.get_one(Patient, enrolment.patient_id)
    person = here.person(patient)
    is_large = person is not None and ReadingNeed.LARGE_PRINT in person.needs
    return _Chosen(
        enrolment=enrolment,
        patient=patient,
        name=(person.name if person else None) or "Without a name",
        sheet=card_sheet(app, card),
        wanted_language=card.wanted_language,
        paper=_one_of(here.query("paper"), PAPERS),
        size=_one_of(here.query("size") or ("large" if is_large else ""), SIZES),
    )


def _one_of(given: str, choices: tuple[tuple[str, str], ...]) -> str:
    return given if given in dict(choices) else choices[0][0]


def _record(here: Here, chosen: _Chosen, action: str) -> None:
    detail: dict[str, Any] = {
        "language": chosen.sheet.language,
        "paper": chosen.paper,
        "size": chosen.size,
    }
    enrolment = chosen.enrolment
    here.record(
        AuditEntry(
            action=action,
            clinic=enrolment.clinic,
            patient_id=enrolment.patient_id,
            enrolment_id=enrolment.id,
            detail=detail,
        )
    )
