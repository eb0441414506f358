"""Content page: each step in each language as patients get it, and its review."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from starlette.responses import HTMLResponse, Response

from followup.content.library import Rendered
from followup.content.metadata import Meta
from followup.content.version import ApprovalStatus, ContentVersion
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.errors import NotFound
from followup.domain.protocols.protocol import Protocol, Step
from followup.web.console.framework.csp import FRAMED_POLICY
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import SIGNED_IN, Pages
from followup.web.console.pages.message import LINK_PATTERN
from followup.web.console.words.filters import Tag, tag_of
from followup.web.console.words.timing import send_between, when
from followup.wording.approvals import APPROVALS, approval_text

pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A message in one language, as a patient of this clinic gets it on each channel."""

    language: str
    text: Rendered | None
    mail: Rendered | None

    @property
    def made(self) -> list[Rendered]:
        """What there is of the two."""
        return [one for one in (self.text, self.mail) if one is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A made-up patient: the answers given at enrolment, and whether the step is for them."""

    answers: str
    gets_it: bool


@pages.get("/content", may=SIGNED_IN)
def show(here: Here) -> Response:
    app = here.app
    today = app.clock.now().date()
    used = {step.template for one in app.catalogue.protocols.values() for step in one.steps}
    return here.page(
        "content/list.html",
        protocols=list(app.catalogue.protocols.values()),
        answers=[(key, card) for key, card in app.content.cards.items() if key not in used],
        overdue=[card.title for card in app.content.cards.values() if card.review_due < today],
        card=app.content.cards.__getitem__,
        standings=_standings(here),
        audience=audience,
        when=when,
        today=today,
    )


@pages.get("/content/{template}", may=SIGNED_IN)
def show_message(here: Here) -> Response:
    template, card = _card(here)
    clinic, occurrence = _clinic(here), _occurrence(here, card)
    steps = [
        (protocol, step)
        for protocol in here.app.catalogue.protocols.values()
        for step in protocol.steps
        if step.template == template
    ]
    return here.page(
        "content/message.html",
        template=template,
        card=card,
        form=Form.of(clinic=clinic.key, occurrence=str(occurrence)),
        clinic=clinic,
        clinics=[(one.key, one.name) for one in here.app.catalogue.clinics.values()],
        occurrence=occurrence,
        times=[(f"{time}", f"{time} of {card.occurrences}") for time in _times(card)],
        proofs=list(_proofs(here, template, clinic, occurrence)),
        steps=[
            (protocol, step, list(_samples(protocol, step)), when(step), send_between(step))
            for protocol, step in steps
        ],
        approval=_approval,
        today=here.app.clock.now().date(),
    )


@pages.get("/content/{template}/mail/{language}", may=SIGNED_IN)
def mail(here: Here) -> Response:
    """Answer with an e-mail as it is written, for the frame that shows it: nothing in it works."""
    template, card = _card(here)
    language = str(here.request.path_params["language"])
    version = _version(here, template, language, ChannelKind.EMAIL)
    if version is None:
        raise NotFound("there is no such e-mail")
    made = here.app.content.proof(version, _clinic(here), occurrence=_occurrence(here, card))
    headers = {"Content-Security-Policy": FRAMED_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(LINK_PATTERN.sub(r"\1 data-leads-to=", made.html or ""), headers=headers)


def audience(protocol: Protocol, step: Step) -> str:
    """Return who gets a step, in the words of the questions asked at enrolment."""
    asked = {one.key: one.question for one in protocol.attributes}
    told = [
        f"“{asked.get(each.attribute, each.attribute)}” {'yes' if each.equals else 'no'}"
        for each in step.audience
    ]
    return " and ".join(told) or "Everyone"


def _samples(protocol: Protocol, step: Step) -> Iterator[Sample]:
    """Yield a patient for each way to answer the questions of a protocol."""
    asked = protocol.needed_attributes()
    for answers in product((True, False), repeat=len(asked)):
        given = {one.key: answer for one, answer in zip(asked, answers, strict=True)}
        told = [f"{one.question} {'Yes' if given[one.key] else 'No'}." for one in asked]
        yield Sample(answers=" ".join(told) or "Anybody", gets_it=step.applies_to(given))


def _proofs(here: Here, template: str, clinic: Clinic, occurrence: int) -> Iterator[Proof]:
    content = here.app.content
    written = {one.language for one in content.versions() if one.template == template}
    # In the clinic's order: the usual language first.
    languages = sorted(written, key=lambda one: (one not in clinic.languages[:1], one))
    for language in languages:
        made: dict[ChannelKind, Rendered | None] = {}
        for channel in ChannelKind:
            version = _version(here, template, language, channel)
            made[channel] = (
                content.proof(version, clinic, occurrence=occurrence) if version else None
            )
        yield Proof(language=language, text=made[ChannelKind.SMS], mail=made[ChannelKind.EMAIL])


def _version(
    here: Here, template: str, language: str, channel: ChannelKind
) -> ContentVersion | None:
    return next(
        (
            one
            for one in here.app.content.versions()
            if (one.template, one.language, one.channel) == (template, language, channel)
        ),
        None,
    )


def _approval(version: ContentVersion) -> str:
    approved = version.approved
    return approval_text(
        {
            "standing": version.standing.value,
            "by_role": approved.by_role if approved else None,
            "on": approved.on.isoformat() if approved else None,
        }
    )


def _standings(here: Here) -> Mapping[str, list[tuple[str, Tag]]]:
    """Return where the words of each message stand, in each of its languages."""
    found: dict[str, dict[str, Tag]] = {}
    for one in here.app.content.versions():
        tags = found.setdefault(one.template, {})
        tag = tag_of(APPROVALS[one.standing])
        # What is worst counts: a text may be signed off and the e-mail not.
        if one.language not in tags or one.standing is not ApprovalStatus.APPROVED:
            tags[one.language] = tag
    return {template: list(tags.items()) for template, tags in found.items()}


def _times(card: Meta) -> range:
    return range(1, card.occurrences + 1)


def _card(here: Here) -> tuple[str, Meta]:
    template = str(here.request.path_params["template"])
    card = here.app.content.cards.get(template)
    if card is None:
        raise NotFound("there is no such message")
    return template, card


def _clinic(here: Here) -> Clinic:
    clinics = here.app.catalogue.clinics
    return clinics.get(here.query("clinic")) or next(iter(clinics.values()))


def _occurrence(here: Here, card: Meta) -> int:
    given = here.query("occurrence")
    wanted = int(given) if given.isascii() and given.isdigit() and len(given) < 3 else 1  # noqa: PLR2004 - at most 99
    return max(1, min(wanted, card.occurrences))
