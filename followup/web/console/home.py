"""The home page: what needs a person, what is due, how the last week went, and whether all runs."""

from __future__ import annotations

from starlette.responses import Response

from followup.web.console.here import Here
from followup.web.console.registry import SIGNED_IN, Pages

pages = Pages()


@pages.get("/", may=SIGNED_IN)
def show(here: Here) -> Response:
    return here.page("home.html")
