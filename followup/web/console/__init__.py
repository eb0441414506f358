"""The staff console: server-rendered pages for clinic admins, auditors and managers.

A page is a function that takes `Here` and returns a response, registered with the roles that may
see it:

    pages = Pages()

    @pages.get("/patients", may=SEE_PATIENTS)
    def search(here: Here) -> Response:
        return here.page("patients/list.html", found=...)

Its module is listed in `followup.web.console.framework.app`; its template lies in `templates/pages`
and uses the macros of `templates/components` only.
"""

from __future__ import annotations
