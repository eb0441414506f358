"""Accessibility statement, signed in or not."""

from __future__ import annotations

from starlette.responses import Response

from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import PUBLIC, Pages

pages = Pages()


@pages.get("/accessibility", may=PUBLIC)
def accessibility(here: Here) -> Response:
    clinics = here.app.catalogue.clinics
    return here.page("accessibility.html", clinics=[clinics[key] for key in sorted(clinics)])
