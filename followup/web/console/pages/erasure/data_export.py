"""Export of all that is held on a patient: explained on a page, downloaded by its button."""

from __future__ import annotations

from starlette.responses import Response

from followup.subject_access.export import export_person
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import AUDIT, Pages
from followup.web.console.pages.patient import find

pages = Pages()


@pages.get("/audit/patients/{patient}/data", may=AUDIT)
def ask(here: Here) -> Response:
    return here.page("erasure/data.html", patient=find(here))


@pages.post("/audit/patients/{patient}/data", may=AUDIT)
def download(here: Here) -> Response:
    made = export_person(here.app, find(here).id, actor=here.member.actor)
    # The name of the file tells nothing of the patient.
    headers = {"Content-Disposition": 'attachment; filename="patient-data.zip"'}
    return Response(made.content, media_type="application/zip", headers=headers)
