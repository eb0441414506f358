"""Audit report on one patient: a page to print, and a PDF."""

from __future__ import annotations

from starlette.responses import Response

from followup.audit.patient_evidence import compile_patient_report
from followup.sheets import Sheet
from followup.store.models.patients import Patient
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import AUDIT, Pages
from followup.web.console.pages.patient import find, record_look
from followup.web.console.words.report_sheet import sheet_of
from followup.wording.formats import moment

TITLE = "Report on a patient"
pages = Pages()


@pages.get("/audit/patients/{patient}", may=AUDIT)
def show(here: Here) -> Response:
    patient = find(here)
    record_look(here, patient, "patient.reported")
    return here.page(
        "patients/report.html", patient=patient, sheet=_sheet(here, patient), heading=TITLE
    )


@pages.get("/audit/patients/{patient}/report.pdf", may=AUDIT)
def download(here: Here) -> Response:
    from followup.web.console.words.report_pdf import pdf_of  # noqa: PLC0415 - slow to import

    patient = find(here)
    record_look(here, patient, "patient.report-exported")
    now, zone = here.app.clock.now(), here.zone_of(patient.clinic)
    content = pdf_of(
        _sheet(here, patient),
        title=TITLE,
        foot=f"Made {moment(now, zone)} by Follow-up {here.console.version}",
        made_at=here.app.clock.real_now(),
    )
    # The name of the file tells nothing of the patient.
    headers = {"Content-Disposition": 'attachment; filename="patient-report.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


def _sheet(here: Here, patient: Patient) -> Sheet:
    with here.app.store.read() as session:
        report = compile_patient_report(session, here.app, patient)
    return sheet_of(here, report)
