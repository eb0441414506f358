"""Patient-page routes.

GET changes nothing, because mail and text scanners open every link. A POST must come from the
page's own form: it holds a key that another site can't know.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from followup.content.advice import Advice
from followup.context import AppContext
from followup.domain.errors import InvalidInput, NotFound
from followup.patient_page import PatientPage, change_choice, read_page
from followup.releases.in_force import with_words_for_reading
from followup.web.forms import read_form
from followup.web.patient_page.limits import CHANGES_A_WINDOW, WRONG_LINKS, Limit
from followup.web.patient_page.view import Shown, gone, shown
from followup.web.site import Here

router = APIRouter(include_in_schema=False)

TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Desk:
    """What the page is made from, and how often it is asked for."""

    app: AppContext
    advice: Advice
    wrong_links: Limit
    changes: Limit

    @classmethod
    def of(cls, app: AppContext) -> Desk:
        """Return the desk of a process."""
        now = app.clock.real_now
        return cls(
            app, Advice(app.content), Limit(WRONG_LINKS, now=now),
            Limit(CHANGES_A_WINDOW, now=now),
        )  # fmt: skip


async def _desk(request: Request, site: Here) -> Desk:
    state = request.app.state
    if not hasattr(state, "patient_desk"):
        state.patient_desk = Desk.of(site.app)
    app = await run_in_threadpool(with_words_for_reading, site.app)
    desk = state.patient_desk
    assert isinstance(desk, Desk)  # noqa: S101 - put there above
    if desk.app.content is not app.content:
        # Other words are in force.
        desk = replace(desk, app=app, advice=Advice(app.content))
        state.patient_desk = desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]


@router.api_route("/p/{token}", methods=["GET", "HEAD"])
def show(request: Request, desk: TheDesk, token: str) -> Response:
    """Show the page; the same answer for a link that never was, is over, or was taken back."""
    try:
        found = read_page(desk.app, desk.advice, token)
        facts = _language(desk, found)
        if facts.draft or facts.language != found.wanted_language:
            found = read_page(
                desk.app, desk.advice, token, language=facts.language, drafts=facts.draft
            )
    except NotFound:
        return _no_page(request, desk)
    return shown(request, desk.app, found, facts)


@router.post("/p/{token}")
async def change(request: Request, desk: TheDesk, token: str) -> Response:
    """Do what the pressed button says, and show the page again."""
    form = await read_form(request)
    return await run_in_threadpool(
        _change, request, desk, token, form.get("do", ""), form.get("key", "")
    )


def _change(request: Request, desk: Desk, token: str, choice: str, key: str) -> Response:
    if desk.changes.reached(token):
        return gone(request, "too-many", status=TOO_MANY)
    try:
        found = read_page(desk.app, desk.advice, token)
        if not _is_from_the_page(request, desk.app, found, key):
            return gone(request, "stale", status=403)
        desk.changes.count(token)
        change_choice(desk.app, token, choice, languages=found.clinic.languages)
    except NotFound:
        return _no_page(request, desk)
    except InvalidInput:
        return gone(request, "stale", status=422)
    done = choice.partition("-")[0] if choice.startswith("language-") else choice
    return RedirectResponse(f"{request.url.path}?done={done}", status_code=303)


def _no_page(request: Request, desk: Desk) -> Response:
    """Answer a link that opens nothing; those that do are never held up by others' wrong ones."""
    who = _address(request)
    if desk.wrong_links.reached(who):
        return gone(request, "too-many", status=TOO_MANY)
    desk.wrong_links.count(who)
    return gone(request, "gone", status=404)


def _is_from_the_page(request: Request, app: AppContext, found: PatientPage, key: str) -> bool:
    site = request.headers.get("sec-fetch-site", "same-origin")
    right = hmac.compare_digest(key.encode(), app.links.form_key(found.index).encode())
    return site == "same-origin" and right


def _language(desk: Desk, found: PatientPage) -> Shown:
    """Return the language that the page is shown in.

    One that nobody has approved is shown on a practice system alone, and says so.
    """
    wanted = found.wanted_language
    words = desk.app.content.page(found.clinic.key, found.protocol)
    known = wanted in words.languages and wanted in found.clinic.languages
    if known and words.shows(wanted):
        return Shown(language=wanted, draft=False)
    practising = all(channel.provider == "sandbox" for channel in desk.app.channels.values())
    if known and practising:
        return Shown(language=wanted, draft=True)
    return Shown(language="en", draft=False)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
