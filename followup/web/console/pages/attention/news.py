"""News of what is urgent, asked for by a page that stays open: counts and kinds, no patient."""

from __future__ import annotations

import hashlib
import json

from starlette.responses import Response

from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import SEE_PATIENTS, Pages
from followup.wording.worklist import item_term
from followup.worklist.queries import urgent_items

pages = Pages()


@pages.get("/attention/news", may=SEE_PATIENTS, quiet=True)
def news(here: Here) -> Response:
    """Answer 304 to whoever has seen this already; nothing is written for it."""
    clinics = None if here.member.clinics is None else here.clinics
    with here.app.store.read() as session:
        urgent = urgent_items(session, clinics)
    said = {
        "waiting": here.chrome["attention"],
        "urgent": [
            {"id": str(one.id), "label": item_term(one.kind, one.detail.get("channel")).label}
            for one in urgent
        ],
    }
    body = json.dumps(said, separators=(",", ":")).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    if here.request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(body, media_type="application/json", headers={"ETag": tag})
