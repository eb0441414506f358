"""Editor of the patient's page and the card: the leaflet, and the phrases around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from starlette.responses import HTMLResponse, Response

from followup.content.check import faults_of_page
from followup.content.library import PAGE, Content
from followup.content.page_catalogues import phrase_complaint, phrases_in, with_phrases
from followup.content.page_words import PageWords, catalogue_path, leaflet_path
from followup.content.template_limits import LONGEST_SOURCE
from followup.content.version import SHIPPED_LANGUAGE
from followup.domain.errors import Conflict, InvalidInput, NotFound, Problem, TemplateError
from followup.domain.releases.manifest import text_digest
from followup.domain.roles import Role
from followup.releases.drafts import drafts_of, save_drafts, texts_of, with_drafts
from followup.releases.preview import new_findings
from followup.web.console.framework.csp import FRAMED_POLICY
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import MANAGE, SIGNED_IN, Pages
from followup.web.console.pages.message import LINK_PATTERN
from followup.web.console.pages.words.sample import sample_card, sample_page
from followup.web.patient_page import card_words

PATH = "/content/edit-page/{clinic}/{protocol}/{language}"
LEAFLET, PHRASE, SEEN = "leaflet", "say", "seen"
NO_ICON = '<link rel="icon" href="data:,">'
"""What keeps a browser from asking for an icon; a frame asks for none."""
pages = Pages()


@dataclass(frozen=True)
class Edited:
    """The page and card of a protocol at a clinic in one language, and what of them is a draft."""

    here: Here
    clinic: str
    protocol: str
    language: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.clinic, self.protocol

    @property
    def address(self) -> str:
        return f"/content/edit-page/{self.clinic}/{self.protocol}/{self.language}"

    @cached_property
    def live(self) -> Content:
        return self.here.app.content.paged(*self.pair)

    @cached_property
    def drafts(self) -> Mapping[str, str]:
        with self.here.app.store.read() as session:
            return texts_of(drafts_of(session, self.pair))

    @property
    def leaflet_at(self) -> str:
        return f"{PAGE}/{leaflet_path(self.protocol, self.language)}"

    @property
    def phrases_at(self) -> str:
        return f"{PAGE}/{catalogue_path(self.language)}"

    @cached_property
    def texts(self) -> dict[str, str]:
        """The leaflet and the catalogue of phrases, by path."""
        live = self.page_in_force.texts(self.protocol, [self.language])
        known = {f"{PAGE}/{path}": text for path, text in live.items()}
        return {path: self.drafts.get(path, text) for path, text in known.items()}

    @property
    def page_in_force(self) -> PageWords:
        return self.live.page(*self.pair)

    @cached_property
    def phrases(self) -> dict[str, str]:
        """What is said for each original; empty where the original itself is."""
        said = phrases_in(self.texts[self.phrases_at], language=self.language)
        return {original: said.get(original, "") for original in self.page_in_force.phrases}

    def changed(self) -> Content:
        """Return the words with the drafts; raise `TemplateError` with what can't be used."""
        return with_drafts(self.here.app, self.pair, self.drafts) if self.drafts else self.live


@pages.get(PATH, may=SIGNED_IN)
def show(here: Here) -> Response:
    return _page(_edited(here), here.form)


@pages.post(PATH, may=MANAGE, longest=LONGEST_SOURCE + 1)
def save(here: Here) -> Response:
    edited = _edited(here)
    if problems := _saved(edited):
        return _page(edited, here.form.refused(*problems))
    return here.go(f"{edited.address}?done=saved#preview")


@pages.post(f"{PATH}/preview", may=MANAGE, longest=LONGEST_SOURCE + 1)
def preview(here: Here) -> Response:
    """Keep what is typed, and answer with the part of the page that shows it."""
    edited = _edited(here)
    problems = [problem.message for problem in _saved(edited)]
    return here.page("words/page-preview.html", **_shown(edited, problems))


@pages.get(f"{PATH}/shown", may=SIGNED_IN)
def frame(here: Here) -> Response:
    """Answer with the page of a sample patient, for a frame: nothing in it works."""
    edited = _edited(here)
    try:
        html = sample_page(here.app, edited.changed(), edited.pair, edited.language)
    except TemplateError as error:
        raise NotFound(str(error)) from error
    headers = {"Content-Security-Policy": FRAMED_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    bare = LINK_PATTERN.sub(r"\1 data-leads-to=", html.replace(NO_ICON, ""))
    return HTMLResponse(bare, headers=headers)


def _saved(edited: Edited) -> list[Problem]:
    """Keep what was typed; return what stands in the way."""
    form = edited.here.form
    typed = {
        original: " ".join(form.text(name).split())
        for original, name in _names(edited).items()
        if name in form.values
    }
    problems = [
        Problem(_name(original), sentence(f"“{original}”: {told}"))
        for original, words in typed.items()
        if words and (told := phrase_complaint(original, words))
    ]
    if problems:
        return problems
    wanted = {}
    if LEAFLET in form.values:
        wanted[edited.leaflet_at] = form.raw(LEAFLET)
    if typed:
        now = edited.texts[edited.phrases_at]
        wanted[edited.phrases_at] = with_phrases(now, typed, language=edited.language)
    seen = {
        edited.leaflet_at: form.text(f"{SEEN}-{LEAFLET}"),
        edited.phrases_at: form.text(f"{SEEN}-{PHRASE}"),
    }
    actor = edited.here.member.actor
    try:
        save_drafts(edited.here.app, edited.pair, wanted, seen=seen, actor=actor)
    except InvalidInput as error:
        return [Problem(LEAFLET, sentence(error.problems[0].message))]
    except Conflict as error:
        return [Problem(LEAFLET, sentence(str(error)))]
    return []


def _page(edited: Edited, form: Form) -> Response:
    here = edited.here
    said = {_name(original): (words,) for original, words in edited.phrases.items()}
    typed = {LEAFLET: (edited.texts[edited.leaflet_at],), **said}
    on_card = {*_words_of_card()}
    return here.page(
        "words/edit-page.html",
        form=Form(values={**typed, **form.values}, problems=form.problems),
        may_edit=here.member.may((Role.MANAGE,)),
        facts=edited,
        groups=[
            (title, hint, [(_name(one), one) for one in edited.phrases if (one in on_card) is card])
            for title, hint, card in (
                ("Phrases of the page", "The first of them stand on the card too.", False),
                ("Phrases of the card", "They stand on the card alone.", True),
            )
        ],
        is_english=edited.language == SHIPPED_LANGUAGE,
        languages=[
            one for one in here.app.catalogue.clinics[edited.clinic].languages
            if one != edited.language
        ],
        is_shown=edited.page_in_force.shows(edited.language),
        done="Your draft is saved. Nothing is sent by it." if here.query("done") else None,
        **_shown(edited, []),
    )  # fmt: skip


def _shown(edited: Edited, problems: list[str]) -> dict[str, Any]:
    """Return what the preview shows, or why it can't be made."""
    facts = Edited(edited.here, *edited.pair, edited.language)
    app = facts.here.app
    digests = [text_digest(facts.texts[path]) for path in (facts.leaflet_at, facts.phrases_at)]
    shown: dict[str, Any] = {
        "address": facts.address,
        "language": facts.language,
        "is_draft": bool(facts.drafts),
        "sign_at": f"/content/sign/{facts.clinic}/{facts.protocol}",
        "seen": [*zip((LEAFLET, PHRASE), digests, strict=True)],
        "sheet": None,
        "brought": [],
    }
    try:
        content = facts.changed()
        shown["sheet"] = sample_card(app, content, facts.pair, facts.language)
        page, clinic = content.page(*facts.pair), app.catalogue.clinics[facts.clinic]
        problems += faults_of_page(page, facts.protocol, clinic)
        if facts.drafts:
            brought = new_findings(app, facts.pair, content, before=facts.live)
            shown["brought"] = [one for one in brought if one not in problems]
    except TemplateError as error:
        problems += str(error).splitlines()
    shown["wrong"] = problems
    # So that a frame is loaded again when what it shows has changed.
    shown["stamp"] = text_digest("".join(digests))[:12]
    return shown


def _names(edited: Edited) -> dict[str, str]:
    return {original: _name(original) for original in edited.page_in_force.phrases}


def _name(original: str) -> str:
    """Return what the field of a phrase is called: the same in every version of the product."""
    return f"{PHRASE}-{text_digest(original)[:12]}"


def _words_of_card() -> Iterator[str]:
    for value in vars(card_words).values():
        yield from [value] if isinstance(value, str) else ()
    yield from card_words.BY_CHANNEL.values()


def _edited(here: Here) -> Edited:
    named = {name: str(value) for name, value in here.request.path_params.items()}
    edited = Edited(here, named["clinic"], named["protocol"], named["language"])
    here.require_clinic(edited.clinic)
    catalogue = here.app.catalogue
    if edited.clinic not in catalogue.clinics or edited.protocol not in catalogue.protocols:
        raise NotFound("there is no such clinic or protocol")
    if edited.language not in catalogue.clinics[edited.clinic].languages:
        raise NotFound("the clinic does not write in this language")
    return edited
