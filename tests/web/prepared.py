"""Routes prepared once for all web processes of a test run.

FastAPI works out what each route takes and answers when an app first gets a request; Starlette
makes a pattern of each path, and the version is read from what was installed. All are the same in
every app, and most tests have an app of their own for a handful of requests.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import starlette.routing
from fastapi.routing import _EffectiveRouteContext, _IncludedRouter
from starlette.routing import BaseRoute

import followup.web.app
import followup.web.console.framework.app

Key = tuple[int, str, object]

_PREPARED: dict[Key, tuple[BaseRoute, _EffectiveRouteContext | None]] = {}


def share_prepared_routes() -> None:
    """Let all apps of this process use what any has worked out for a route at the same path."""
    prepare = _IncludedRouter._build_effective_context

    def prepared(included: _IncludedRouter, route: BaseRoute) -> Any:
        context = included.include_context
        key = (id(route), context.prefix, context.max_body_size)
        if key not in _PREPARED:
            # The route is kept as well, so that no other gets its identity.
            _PREPARED[key] = route, prepare(included, route)
        return _PREPARED[key][1]

    _IncludedRouter._build_effective_context = prepared  # type: ignore[assignment,method-assign]
    starlette.routing.compile_path = cache(starlette.routing.compile_path)
    for module in (followup.web.app, followup.web.console.framework.app):
        module.version = cache(module.version)  # type: ignore[attr-defined]
