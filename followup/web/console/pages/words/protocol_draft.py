"""Draft of a protocol: its file with what is wrong, a dated timeline of each audience, the change.

Nothing is kept and nothing is sent by it: the file goes into the clinic's configuration, where two
people sign it as they do any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import product
from types import MappingProxyType

from starlette.responses import Response

from followup.domain.errors import FollowupError, NotFound, Problem
from followup.domain.protocols.protocol import Protocol
from followup.messages.view import MessageView
from followup.releases.protocol_draft import LONGEST_PROTOCOL, ProtocolDraft, read_draft
from followup.releases.queries import under_way
from followup.web.console.framework.enrolment_form import attribute_field, sentence
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import MANAGE, SIGNED_IN, Pages
from followup.web.console.pages.protocol import asked_sample, before_all, sample_timeline
from followup.wording.formats import count
from followup.wording.protocols.changes import protocol_changes

PATH = "/protocols/{protocol}/draft"
TEXT = "text"
MOST_QUESTIONS = 3
"""How many questions are answered in every way; of more, all with yes and all with no."""
pages = Pages()


@dataclass(frozen=True, slots=True)
class Audience:
    """Somebody who answers the questions in one way, and what they are sent."""

    answers: str
    views: Sequence[MessageView]


@pages.get(PATH, may=SIGNED_IN)
def show(here: Here) -> Response:
    live = _live(here)
    return _page(here, live, Form.of(text=_text_in_force(here, live)), None)


@pages.post(PATH, may=MANAGE, longest=LONGEST_PROTOCOL + 1)
def try_it(here: Here) -> Response:
    live = _live(here)
    text = here.form.raw(TEXT).replace("\r\n", "\n").replace("\r", "\n")
    clinics = [one for one in here.app.catalogue.clinics.values() if here.member.may_see(one.key)]
    draft = read_draft(here.app, text, live=live, clinics=clinics)
    if draft.errors:
        told = f"Correct {count(len(draft.errors), 'thing')} in the file: each stands with its line"
        return _page(here, live, here.form.refused(Problem(TEXT, sentence(told))), draft)
    if here.form.text("do") == "file":
        headers = {"Content-Disposition": f'attachment; filename="{live.key}.toml"'}
        return Response(text.rstrip() + "\n", media_type="application/toml", headers=headers)
    return _page(here, live, here.form, draft)


def _page(here: Here, live: Protocol, form: Form, draft: ProtocolDraft | None) -> Response:
    changed = draft.protocol if draft and draft.protocol else None
    sampled, at, problems = asked_sample(here, live, form.text)
    form = Form(values={**sampled.values, **form.values}, problems=(*form.problems, *problems))
    clinic = sampled.text("clinic")
    with here.app.store.read() as session:
        running = [
            (one.name, under_way(session, key, live.key))
            for key, one in here.app.catalogue.clinics.items()
            if here.member.may_see(key)
        ]
    return here.page(
        "content/draft.html",
        form=form,
        protocol=live,
        draft=draft,
        may_edit=here.member.may(MANAGE),
        told=protocol_changes(live, changed, partial(here.title_of, protocol=live.key))
        if changed
        else None,
        under_way=running,
        clinics=[(key, one.name) for key, one in here.app.catalogue.clinics.items()],
        audiences=list(_audiences(here, changed, clinic, at)) if changed and at else [],
        titles=here.titles(changed or live),
        before=before_all(changed or live, at) if at else None,
    )


def _audiences(here: Here, protocol: Protocol, clinic: str, at: datetime) -> Iterator[Audience]:
    """Yield what each audience is sent by a draft, at a procedure of that time."""
    known = here.app.catalogue
    protocols = MappingProxyType({**known.protocols, protocol.key: protocol})
    questions = protocol.needed_attributes()
    ways = (
        product((True, False), repeat=len(questions))
        if len(questions) <= MOST_QUESTIONS
        else ((answer,) * len(questions) for answer in (True, False))
    )
    for answers in ways:
        given = zip(questions, answers, strict=True)
        fields = {attribute_field(one.key): "yes" if yes else "no" for one, yes in given}
        form = Form.of(clinic=clinic, **fields)
        told = [
            f"{one.question} {'Yes' if yes else 'No'}."
            for one, yes in zip(questions, answers, strict=True)
        ]
        try:
            books = replace(known, protocols=protocols)
            _, views = sample_timeline(here, books, protocol, form, at)
        except FollowupError:
            # A time at which nobody could be enrolled is told beside its field.
            return
        yield Audience(" ".join(told) or "Everybody", views)


def _text_in_force(here: Here, live: Protocol) -> str:
    loaded = here.app.catalogue.files.get(("protocols", live.key))
    return loaded.place.read_bytes().decode("utf-8-sig") if loaded else ""


def _live(here: Here) -> Protocol:
    found = here.app.catalogue.protocols.get(str(here.request.path_params["protocol"]))
    if found is None:
        raise NotFound("there is no such protocol")
    return found
