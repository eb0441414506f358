"""Editor of a message's words: a draft, its preview, and what is wrong beside the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

from starlette.responses import HTMLResponse, Response

from followup.content.advice import Advice
from followup.content.library import Content
from followup.content.template_limits import LONGEST_SOURCE
from followup.domain.channel import ChannelKind
from followup.domain.errors import Conflict, InvalidInput, NotFound, Problem, TemplateError
from followup.domain.releases.manifest import text_digest
from followup.domain.roles import Role
from followup.releases.drafts import drafts_of, editable, save_drafts, texts_of, with_drafts
from followup.releases.preview import Message, about, new_findings, place_of
from followup.web.console.framework.csp import FRAMED_POLICY
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import MANAGE, SIGNED_IN, Pages
from followup.web.console.pages.message import LINK_PATTERN
from followup.web.patient_page.view import page_styles

PATH = "/content/edit/{clinic}/{protocol}/{template}/{language}"
TEXT, SEEN, FILE = "text", "seen", "path"
"""How the fields of a text are called: each with its number on the page."""
pages = Pages()


@dataclass(frozen=True)
class Edited:
    """A message in one language, as the address names it, and what of it is a draft."""

    here: Here
    clinic: str
    protocol: str
    template: str
    language: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.clinic, self.protocol

    @property
    def address(self) -> str:
        return f"/content/edit/{self.clinic}/{self.protocol}/{self.template}/{self.language}"

    @cached_property
    def live(self) -> Content:
        return self.here.app.content.paged(*self.pair)

    @cached_property
    def drafts(self) -> Mapping[str, str]:
        with self.here.app.store.read() as session:
            return texts_of(drafts_of(session, self.pair))

    @cached_property
    def texts(self) -> dict[str, str]:
        """Every text that this message is made of in this language, its own first."""
        versions = [
            one
            for one in self.live.versions()
            if (one.template, one.language) == (self.template, self.language)
        ]
        paths = {path for one in versions for path in one.sources if not path.endswith(".css")}
        known = editable(self.here.app, self.pair)
        order = sorted(
            paths & known.keys(), key=lambda path: (not self.is_own(path), place_of(path), path)
        )
        return {path: self.drafts.get(path, known[path]) for path in order}

    def is_own(self, path: str) -> bool:
        return path.startswith(f"{self.template}/")

    def message(self) -> Message:
        """Return it with the drafts; raise `TemplateError` with what can't be used in them."""
        app = self.here.app
        return Message(
            content=with_drafts(app, self.pair, self.drafts) if self.drafts else self.live,
            clinic=app.catalogue.clinics[self.clinic],
            protocol=app.catalogue.protocols[self.protocol],
            template=self.template,
        )


@pages.get(PATH, may=SIGNED_IN)
def show(here: Here) -> Response:
    return _page(_edited(here), here.form)


@pages.post(PATH, may=MANAGE, longest=LONGEST_SOURCE + 1)
def save(here: Here) -> Response:
    edited = _edited(here)
    if problem := _saved(edited):
        return _page(edited, here.form.refused(problem))
    return here.go(f"{edited.address}?done=saved#preview")


@pages.post(f"{PATH}/preview", may=MANAGE, longest=LONGEST_SOURCE + 1)
def preview(here: Here) -> Response:
    """Keep what is typed, and answer with the part of the page that shows it."""
    edited = _edited(here)
    problem = _saved(edited)
    return here.page("words/preview.html", **_shown(edited, [problem.message] if problem else []))


@pages.get(f"{PATH}/mail", may=SIGNED_IN)
def mail(here: Here) -> Response:
    """Answer with the draft of an e-mail, for the frame that shows it: nothing in it works."""
    edited, given = _edited(here), here.query("occurrence")
    occurrence = int(given) if given.isascii() and given.isdigit() and len(given) < 3 else 1  # noqa: PLR2004 - at most 99
    try:
        message = edited.message()
        made = message.shape(ChannelKind.EMAIL, edited.language, here.query("form"), occurrence)
    except TemplateError as error:
        raise NotFound(str(error)) from error
    return _framed(made.html or "")


@pages.get(f"{PATH}/page", may=SIGNED_IN)
def patient_page(here: Here) -> Response:
    """Answer with the advice as it stands on the patient's own page, for a frame."""
    edited = _edited(here)
    try:
        message = edited.message()
    except TemplateError as error:
        raise NotFound(str(error)) from error
    times = message.occurrences
    piece = Advice(message.content).piece(
        edited.template,
        wanted=edited.language,
        clinic=message.clinic,
        protocol=edited.protocol,
        which=(1, times),
        drafts=True,
    )
    if piece is None:
        raise NotFound("there is nothing of it on the patient's page")
    return _framed(
        f'<!doctype html><html lang="{escape(edited.language)}"><title>The advice</title>'
        f"<style>{page_styles()}</style><main><h3>{escape(piece.heading)}</h3>{piece.body}</main>"
    )


def _framed(html: str) -> Response:
    headers = {"Content-Security-Policy": FRAMED_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(LINK_PATTERN.sub(r"\1 data-leads-to=", html), headers=headers)


def _saved(edited: Edited) -> Problem | None:
    """Keep what was typed; return what stands in the way."""
    form = edited.here.form
    numbers = [name.removeprefix(f"{FILE}-") for name in form.values if name.startswith(FILE)]
    fields = {form.text(f"{FILE}-{number}"): number for number in numbers}
    try:
        save_drafts(
            edited.here.app,
            edited.pair,
            {path: form.raw(f"{TEXT}-{number}") for path, number in fields.items()},
            seen={path: form.text(f"{SEEN}-{number}") for path, number in fields.items()},
            actor=edited.here.member.actor,
        )
    except InvalidInput as error:
        told = error.problems[0]
        return Problem(f"{TEXT}-{fields.get(told.field, '0')}", sentence(told.message))
    except Conflict as error:
        return Problem(f"{TEXT}-0", sentence(str(error)))
    return None


def _page(edited: Edited, form: Form) -> Response:
    texts = edited.texts
    typed = {f"{TEXT}-{n}": (text,) for n, text in enumerate(texts.values())}
    here = edited.here
    return here.page(
        "words/edit.html",
        form=Form(values={**typed, **form.values}, problems=form.problems),
        may_edit=here.member.may((Role.MANAGE,)),
        fields=[
            (n, path, about(path, edited.template, edited.language), edited.is_own(path))
            for n, path in enumerate(texts)
        ],
        facts=edited,
        card=edited.live.cards[edited.template],
        done="Your draft is saved. Nothing is sent by it." if here.query("done") else None,
        **_shown(edited, []),
    )


def _shown(edited: Edited, problems: list[str]) -> dict[str, Any]:
    """Return what the preview shows: each form of the message, or why it can't be made."""
    facts = Edited(edited.here, *edited.pair, edited.template, edited.language)
    seen = [(n, text_digest(text)) for n, text in enumerate(facts.texts.values())]
    shown: dict[str, Any] = {
        "address": facts.address,
        "language": facts.language,
        "clinic_name": facts.here.app.catalogue.clinics[facts.clinic].name,
        "is_draft": bool(facts.drafts),
        "sign_at": f"/content/sign/{facts.clinic}/{facts.protocol}",
        "seen": seen,
        "texts": [],
        "mails": [],
        "others": [],
        "brought": [],
    }
    try:
        message = facts.message()
        shown["texts"] = message.shapes(ChannelKind.SMS, facts.language)
        shown["mails"] = message.shapes(ChannelKind.EMAIL, facts.language)
        shown["others"] = [
            (language, message.shapes(ChannelKind.SMS, language))
            for language in message.languages
            if language != facts.language
        ]
        shown["limit"] = message.content.cards[facts.template].limit(facts.language)
        problems += message.faults()
        if facts.drafts:
            brought = new_findings(facts.here.app, facts.pair, message.content, before=facts.live)
            shown["brought"] = [one for one in brought if one not in problems]
    except TemplateError as error:
        problems += str(error).splitlines()
    shown["wrong"] = problems
    # So that a frame is loaded again when what it shows has changed.
    shown["stamp"] = text_digest("".join(digest for _, digest in seen))[:12]
    return shown


def _edited(here: Here) -> Edited:
    named = {name: str(value) for name, value in here.request.path_params.items()}
    edited = Edited(
        here,
        clinic=named["clinic"],
        protocol=named["protocol"],
        template=named["template"],
        language=named["language"],
    )
    here.require_clinic(edited.clinic)
    catalogue = here.app.catalogue
    if edited.clinic not in catalogue.clinics or edited.protocol not in catalogue.protocols:
        raise NotFound("there is no such clinic or protocol")
    if edited.template not in edited.live.cards or not any(map(edited.is_own, edited.texts)):
        raise NotFound("there is no such message in this language")
    return edited
