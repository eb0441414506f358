"""Console application: its pages, its files, and its error answers."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version

import redis
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Scope

from followup.context import AppContext
from followup.domain.roles import Role
from followup.staff.oidc import IdentityProvider
from followup.web.console.framework import error_pages as failures
from followup.web.console.framework.request import Console, Here
from followup.web.console.framework.routes import PUBLIC, Page, Pages, answer, routes_of
from followup.web.console.framework.static_files import serve_static
from followup.web.forms import MOST_BYTES

MODULES = (
    "sign_in",
    "oidc_sign_in",
    "invitations",
    "account",
    "home",
    # Before the steps of the form, any of which could be meant by its addresses.
    "number_code",
    "lists.upload",
    "lists.columns",
    "lists.rows",
    "lists.timeline",
    "enrol",
    "patients",
    "patient",
    "patient_actions",
    "cards.card",
    "procedures.week",
    "procedures.answers",
    "patient_needs",
    "erasure.requests",
    "erasure.data_export",
    "erasure.restriction",
    "erasure.retention",
    "merging.merge",
    "team",
    "system",
    "events.webhooks",
    "events.api_keys",
    "audit",
    "figures.messages",
    "figures.times",
    "figures.balance",
    # Before the items, any of which could be meant by its addresses.
    "email.returned_mails",
    "figures.closed_items",
    "feeds.drafts",
    "feeds.ledger",
    "attention.news",
    "attention.texts",
    "worklist",
    "worklist_actions",
    "report",
    # Before the messages, any of which could be meant by its addresses.
    "words.releases",
    "words.signing",
    "words.going_live",
    "words.editor",
    "words.page_editor",
    "words.protocol_draft",
    "content",
    "protocol",
    "messages",
    "message",
    "accessibility",
)
"""Every module of `followup.web.console.pages` that has pages."""

ELSEWHERE = ("/api/", "/fhir/", "/hooks/", "/u/", "/p/", "/healthz", "/readyz", "/metrics")
"""What belongs to machines and patients: the console does not answer there, not even with 404."""


def mount_console(asgi: FastAPI, console: Console) -> None:
    """Let the console answer every address that nothing before it answers."""
    asgi.router.routes.append(_Rest("", app=make_app(console), name="console"))


def make_console(
    app: AppContext,
    *,
    public_url: str,
    nhs_identity: bool = False,
    code_roles: frozenset[Role] = frozenset(),
    settings_in_force: dict[str, str] | None = None,
    identity: IdentityProvider | None = None,
    broker: redis.Redis | None = None,
) -> Console:
    """Return what the pages share."""
    return Console(
        app=app,
        version=version("followup"),
        is_https=public_url.startswith("https:"),
        public_url=public_url.rstrip("/"),
        nhs_identity=nhs_identity,
        code_roles=code_roles,
        settings_in_force=settings_in_force or {},
        identity=identity,
        broker=broker,
        paths=frozenset(page.path for page in all_pages()),
    )


def make_app(console: Console) -> Starlette:
    """Return the console as an application of its own."""
    routes: list[BaseRoute] = [
        Route("/static/{name}", serve_static, methods=["GET"], name="static"),
        *routes_of(console, all_pages()),
    ]

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for these
        status = error.status_code

        def say(here: Here) -> Response:
            return failures.page_of(here, status)

        page = Page(method=request.method, path="", may=PUBLIC, handler=say, quiet=True)
        return await run_in_threadpool(answer, console, page, request, body=b"")

    made = Starlette(
        routes=routes,
        exception_handlers={HTTPException: on_http_error},
        max_body_size=MOST_BYTES,
    )
    # It would lead to whatever host and scheme the request named.
    made.router.redirect_slashes = False
    return made


def all_pages() -> Iterator[Page]:
    """Yield every page of the console, for its routes and for the tests that walk them."""
    for name in MODULES:
        pages = import_module(f"followup.web.console.pages.{name}").pages
        assert isinstance(pages, Pages)  # noqa: S101 - each module keeps its own
        yield from pages.all


class _Rest(Mount):
    """Matches whatever no route before it was for, not even by its path alone."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and scope["path"].startswith(ELSEWHERE):
            return Match.NONE, {}
        return super().matches(scope)
