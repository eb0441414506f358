"""`followup web`: the web process by itself."""

from __future__ import annotations

from followup.settings.settings import load_settings
from followup.web.app import serve


def web() -> None:
    """Run the web process: API, provider hooks, health.

    Listens on FOLLOWUP_HOST and FOLLOWUP_PORT. Beside it run `celery -A tasks worker` and
    `celery -A tasks beat`; `followup run` is all of them in one.
    """
    serve(load_settings())
