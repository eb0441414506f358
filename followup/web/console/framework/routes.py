"""Route registry: every route says who may use it, or it is not a route."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote

import structlog
from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from followup.domain.errors import FollowupError
from followup.domain.roles import EVERY_ROLE, Role
from followup.releases.in_force import with_words_in_force
from followup.staff.sessions import SignedInSession, Stage, find_presence
from followup.store.schema.current import revision_of
from followup.store.schema.revisions import newest_revision
from followup.web.console.framework import error_pages as failures
from followup.web.console.framework.costly import run_costly
from followup.web.console.framework.csp import SAFE_METHODS, is_our_own
from followup.web.console.framework.forms import EMPTY_FORM, LONGEST_VALUE, Form
from followup.web.console.framework.layout import chrome_of
from followup.web.console.framework.request import Console, Here

log = structlog.get_logger()

Handler: TypeAlias = Callable[[Here], Response]
Access: TypeAlias = tuple[Role, ...] | Stage | None

PUBLIC: None = None
"""Anybody: what is needed to sign in, and what says who answers for the site."""
SIGNED_IN = EVERY_ROLE
SEE_PATIENTS = (Role.ENROL, Role.AUDIT)
CHANGE_PATIENTS = (Role.ENROL,)
AUDIT = (Role.AUDIT,)
MANAGE = (Role.MANAGE,)

AROUND_A_FILE = 16 * 1024
"""Bytes that a form has beside its file."""
MOST_READ = 64 * 1024 * 1024
"""So much is read of a file that is too long, and dropped: beyond, the connection is cut."""

MOST_WRITTEN = 512 * 1024
"""Bytes of a form whose fields take long texts: a browser sends six for a letter of Arabic."""

OWED = {Stage.CODE: "/sign-in/code", Stage.ENROL_CODE: "/sign-in/set-up"}
"""Where those have to go first who have not signed in to the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A route: `may` are the roles that open it, a stage of signing in, or None for anybody.

    A `quiet` one is asked for by the page itself, so that it does not keep a session alive. `takes`
    is how many bytes of a file may be sent to it; what is more, it is told as a file without end. A
    `costly` one checks or makes a password or passphrase. `longest` is how many characters one of
    its fields takes.
    """

    method: str
    path: str
    may: Access
    handler: Handler
    quiet: bool = False
    takes: int = 0
    costly: bool = False
    longest: int = LONGEST_VALUE


class Pages:
    """The pages of one module."""

    def __init__(self) -> None:
        self.all: list[Page] = []

    def get(self, path: str, *, may: Access, quiet: bool = False) -> Callable[[Handler], Handler]:
        """Register a page that shows something."""
        return self._register("GET", path, may, quiet=quiet)

    def post(
        self,
        path: str,
        *,
        may: Access,
        takes: int = 0,
        costly: bool = False,
        longest: int = LONGEST_VALUE,
    ) -> Callable[[Handler], Handler]:
        """Register what a form is sent to."""
        return self._register("POST", path, may, takes=takes, costly=costly, longest=longest)

    def _register(
        self,
        method: str,
        path: str,
        may: Access,
        **more: Any,  # noqa: ANN401 - as `Page` has them
    ) -> Callable[[Handler], Handler]:
        def keep(handler: Handler) -> Handler:
            self.all.append(Page(method=method, path=path, may=may, handler=handler, **more))
            return handler

        return keep


def routes_of(console: Console, pages: Iterable[Page]) -> list[Route]:
    """Return the routes of these pages: one a path, that answers to each of its methods."""
    by_path: dict[str, list[Page]] = {}
    for page in pages:
        by_path.setdefault(page.path, []).append(page)
    return [_route(console, path, found) for path, found in by_path.items()]


def _route(console: Console, path: str, pages: Sequence[Page]) -> Route:
    by_method = {page.method: page for page in pages}

    async def endpoint(request: Request) -> Response:
        page = by_method["GET" if request.method == "HEAD" else request.method]
        body = await _body(request, page)
        work = partial(answer, console, page, request, body=body)
        if page.costly:
            made = await run_costly(work)
            return await run_in_threadpool(busy, console, request) if made is None else made
        return await run_in_threadpool(work)

    takes_files = any(page.takes for page in pages)
    takes_texts = any(page.longest > LONGEST_VALUE for page in pages)
    return Route(
        path,
        endpoint,
        methods=list(by_method),
        name=path,
        max_body_size=MOST_READ if takes_files else MOST_WRITTEN if takes_texts else None,
    )


async def _body(request: Request, page: Page) -> bytes:
    """Return what was sent; of a file that is too long as much as shows it.

    It is read to its end all the same: a browser that is cut off while it sends shows no answer.
    """
    if request.method in SAFE_METHODS:
        return b""
    if not page.takes:
        return await request.body()
    body, most = bytearray(), page.takes + AROUND_A_FILE
    async for chunk in request.stream():
        body += chunk[: max(most + 1 - len(body), 0)]
    return bytes(body)


def answer(console: Console, page: Page, request: Request, *, body: bytes) -> Response:
    """Let the handler answer, or say what keeps it from that; nothing is raised from here."""
    here = Here(
        console=console,
        request=request,
        presence=None,
        form=EMPTY_FORM,
        nonce=secrets.token_urlsafe(16),
    )
    try:
        if not is_our_own(request):
            return failures.page_of(here, 403, failures.NOT_OUR_OWN)
        token = request.cookies.get(console.cookie)
        presence = find_presence(console.app, token, quietly=page.quiet)
        console = replace(console, app=with_words_in_force(console.app))
        here = _at(replace(here, console=console), page, presence, body)
        elsewhere = _kept_out(here, page)
        return elsewhere or page.handler(here)
    except FollowupError as error:
        return failures.page_of_error(here, error)
    except Exception as error:
        # The edge of a request: the reader gets a page, the log the kind of mistake.
        log.exception("web.failed", cause=type(error).__name__)
        return failures.page_of(here, 503 if _is_migrating(here, error) else 500)


def busy(console: Console, request: Request) -> Response:
    """Return the answer where too many sign in at this moment."""
    page = Page(
        method=request.method,
        path="",
        may=PUBLIC,
        handler=lambda here: failures.page_of(here, 503, failures.BUSY),
        quiet=True,
    )
    return answer(console, page, request, body=b"")


def _is_migrating(here: Here, error: Exception) -> bool:
    """Say whether something went wrong because the database is at another schema than this code."""
    if not isinstance(error, DBAPIError):
        return False
    try:
        return revision_of(here.app.store.engine) != newest_revision()
    except FollowupError:
        return True


def _form(request: Request, page: Page, body: bytes) -> Form:
    content_type = request.headers.get("content-type", "")
    if not page.takes or not content_type.startswith("multipart/form-data"):
        return Form.parse(body, longest=page.longest) if body else EMPTY_FORM
    form = Form.parse_multipart(body, content_type)
    return replace(form, is_too_long=len(body) > page.takes + AROUND_A_FILE)


def _at(here: Here, page: Page, presence: SignedInSession | None, body: bytes) -> Here:
    form = _form(here.request, page, body)
    found = Here(
        console=here.console,
        request=here.request,
        presence=presence,
        form=form,
        nonce=here.nonce,
    )
    return Here(
        console=here.console,
        request=here.request,
        presence=presence,
        form=form,
        nonce=here.nonce,
        chrome=chrome_of(found),
    )


def _kept_out(here: Here, page: Page) -> Response | None:
    """Return where somebody has to go instead, or None for those who may come in."""
    if page.may is PUBLIC:
        return None
    presence = here.presence
    if presence is None:
        return here.go(_sign_in_address(here))
    if isinstance(page.may, Stage):
        return None if presence.stage is page.may else here.go(OWED.get(presence.stage, "/"))
    if presence.stage is not Stage.FULL:
        return here.go(OWED[presence.stage])
    if not presence.member.may(page.may):
        return failures.page_of(here, 403)
    return None


def _sign_in_address(here: Here) -> str:
    if here.request.method not in SAFE_METHODS or here.request.headers.get("hx-request"):
        return "/sign-in?ended=1"
    path = here.request.url.path
    return "/sign-in" if path == "/" else f"/sign-in?next={quote(path, safe='/')}"
