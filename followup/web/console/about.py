"""The accessibility statement: for anybody, signed in or not."""

from __future__ import annotations

from starlette.responses import Response

from followup.web.console.here import Here
from followup.web.console.registry import PUBLIC, Pages

pages = Pages()


@pages.get("/accessibility", may=PUBLIC)
def accessibility(here: Here) -> Response:
    clinics = here.kit.catalogue.clinics
    return here.page("accessibility.html", clinics=[clinics[key] for key in sorted(clinics)])
