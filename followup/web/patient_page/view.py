"""Patient-page view: HTML, compressed, with a policy that lets nothing in."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from babel.dates import format_date
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from followup.catalogue.bank_holidays import office_is_open
from followup.content.languages import direction, locale_of, own_name
from followup.content.page_words import Leaflet, PageWords
from followup.content.rules import ClinicFacts
from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.consent import ObjectionSource
from followup.domain.needs import ReadingNeed
from followup.patient_page import ChannelStatus, DatedAdvice, PatientPage
from followup.web.patient_page.words import (
    CHANNEL_BUTTONS,
    CHANNEL_NOTES,
    CHANNEL_STATES,
    DONE_NOTICES,
    GONE_PAGES,
    OUTLOOK_NOTES,
    PAGE_TITLE,
    TITLE_BEFORE,
)

FORWARD = "\u2066"
BACK = "\u2069"
"""Isolates: digits and names of another direction stay together (Unicode TR9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The language of a page, and whether it is a draft."""

    language: str
    draft: bool


def shown(request: Request, app: AppContext, found: PatientPage, facts: Shown) -> HTMLResponse:
    """Return the page."""
    html = page_html(app, found, facts, done=request.query_params.get("done"))
    return _answer(request, html, status=200)


def page_html(app: AppContext, found: PatientPage, facts: Shown, *, done: str | None = None) -> str:
    """Return the page in HTML; `done` stands for what the patient has just changed."""
    words = app.content.page(found.clinic.key, found.protocol)
    environment = _environment(words, facts.language)
    say = words.translations(facts.language).gettext
    leaflet = words.leaflet(found.protocol, facts.language, found.clinic)
    clinic = ClinicFacts.of(found.clinic, facts.language)
    return environment.get_template("page.html").render(
        language=facts.language,
        direction=direction(facts.language),
        draft=facts.draft,
        large=ReadingNeed.LARGE_PRINT in found.needs,
        title=_title(found, leaflet, say),
        styles=page_styles(),
        clinic=clinic,
        hours=clinic.office_hours_text,
        closed=not office_is_open(found.clinic, app.clock.now()),
        # The signs as the e-mails name them, for a protocol without a leaflet of its own.
        urgent=leaflet.urgent
        if leaflet
        else app.content.red_flags(facts.language, found.clinic, protocol=found.protocol),
        today=[_piece(one) for one in found.today],
        is_today=found.is_today,
        earlier=[_piece(one) for one in found.earlier],
        coming=[
            {**_coming(one, found, facts.language), "note": note and say(note)}
            for one in found.coming
            for note in [_note_on(one)]
        ],
        ended=found.ended,
        leaflet=leaflet.body if leaflet else None,
        leaflet_language=facts.language,
        leaflet_direction=direction(facts.language),
        choices=[
            {name: say(text) if text and name != "do" else text for name, text in one.items()}
            for one in _choices(found)
        ],
        languages=_languages(found),
        not_yet=[own_name(found.wanted_language)]
        if found.wanted_language != facts.language else [],
        form_key=app.links.form_key(found.index),
        done=say(DONE_NOTICES[done]) if done in DONE_NOTICES else None,
    )  # fmt: skip


def _title(found: PatientPage, leaflet: Leaflet | None, say: Callable[[str], str]) -> str:
    if found.is_before:
        return say(TITLE_BEFORE)
    return leaflet.title if leaflet else say(PAGE_TITLE)


def gone(request: Request, why: str, *, status: int) -> HTMLResponse:
    """Return a page without anything of a patient: for a link that opens nothing, and the like."""
    title, told = GONE_PAGES[why]
    html = _environment(PageWords.load(), "en").get_template("gone.html").render(
        title=title, told=told, styles=page_styles()
    )  # fmt: skip
    return _answer(request, html, status=status)


def _answer(request: Request, html: str, *, status: int) -> HTMLResponse:
    body, headers = html.encode(), {"Content-Security-Policy": _policy(), "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = gzip.compress(body, 6, mtime=0), "gzip"
    return HTMLResponse(body, status_code=status, headers=headers)


@lru_cache(maxsize=32)
def _environment(words: PageWords, language: str) -> Environment:
    made = Environment(
        loader=PackageLoader("templates", "patient"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(words.translations(language), newstyle=True)  # type: ignore[attr-defined]
    made.filters |= {"ltr": _left_to_right, "isolated": _isolated}
    return made


def _left_to_right(text: str) -> Markup:
    """Keep a phone number in its order inside words that run from right to left."""
    return Markup('<bdi dir="ltr">{}</bdi>').format(text)


def _isolated(text: str) -> Markup:
    return Markup("<bdi>{}</bdi>").format(text)


@cache
def page_styles() -> Markup:
    source = _environment(PageWords.load(), "en").get_template("page.css").render()
    return Markup(source)  # noqa: S704 - our own file


@cache
def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(str(page_styles()).encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def _piece(one: DatedAdvice) -> dict[str, Any]:
    piece = one.piece
    return {
        "heading": piece.heading,
        "body": piece.body,
        "language": piece.language,
        "direction": direction(piece.language),
    }


def _coming(one: DatedAdvice, found: PatientPage, language: str) -> dict[str, Any]:
    local = one.at.astimezone(found.clinic.zone)
    locale = locale_of("en-GB" if language == "en" else language)
    return {**_piece(one), "day": format_date(local, "EEEE d MMMM", locale=locale)}


def _note_on(one: DatedAdvice) -> str | None:
    """Return how advice comes, where that is not as it was planned."""
    if one.outlook is None:
        return None
    if one.outlook.instead_by is not None:
        return OUTLOOK_NOTES[one.outlook.instead_by.value]
    return OUTLOOK_NOTES["here"]


def _choices(found: PatientPage) -> Iterator[dict[str, str]]:
    for standing in found.standing:
        yield _choice(standing)
    large = ReadingNeed.LARGE_PRINT in found.needs
    yield {
        "state": CHANNEL_STATES["large" if large else "normal"],
        "do": "normal" if large else "large",
        "button": CHANNEL_BUTTONS["normal" if large else "large"],
        "note": "",
    }
    if ReadingNeed.EASY_READ not in found.needs:
        yield {
            "state": CHANNEL_STATES["easy-read"],
            "do": "easy-read",
            "button": CHANNEL_BUTTONS["easy-read"],
            "note": "",
        }


def _choice(standing: ChannelStatus) -> dict[str, str]:
    channel = standing.channel.value
    if standing.stopped_by is None:
        do = f"stop-{channel}"
        return {
            "state": CHANNEL_STATES[f"{channel}-on"],
            "do": do,
            "button": CHANNEL_BUTTONS[do],
            "note": "",
        }
    if standing.stopped_by == ObjectionSource.CARRIER and standing.channel is ChannelKind.SMS:
        # Only the phone network can lift what it was told.
        return {
            "state": CHANNEL_STATES["sms-off"],
            "do": "",
            "button": "",
            "note": CHANNEL_NOTES["carrier"],
        }
    do = f"start-{channel}"
    return {
        "state": CHANNEL_STATES[f"{channel}-off"],
        "do": do,
        "button": CHANNEL_BUTTONS[do],
        "note": "",
    }


def _languages(found: PatientPage) -> Sequence[dict[str, str]]:
    offered = [code for code in found.clinic.languages if code != found.wanted_language]
    return [
        {"code": code, "name": own_name(code).capitalize(), "direction": direction(code)}
        for code in offered
    ]
