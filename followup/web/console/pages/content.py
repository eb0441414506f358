"""Content page: each step in each language as patients get it, and its review."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import product

from starlette.responses import HTMLResponse, Response

from followup.content.check import NUMBER_CHECK, REPLY_TEMPLATES
from followup.content.library import Content, Rendered
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
from followup.wording.approvals import APPROVALS, approval_text
from followup.wording.protocols.changes import audience
from followup.wording.protocols.timing import send_between, when

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
class Shown:
    """One message of a clinic and, where the address names one, of a protocol."""

    template: str
    protocol: str | None
    content: Content
    clinic: Clinic
    occurrence: int
    occurrences: int

    @property
    def card(self) -> Meta:
        return self.content.cards[self.template]

    def proof(self, language: str, channel: ChannelKind) -> Rendered | None:
        """Return it as a patient gets it; None where it has no such words."""
        version = self.content.find(self.template, language=language, channel=channel)
        if version is None:
            return None
        return self.content.proof(
            version, self.clinic, occurrence=self.occurrence, occurrences=self.occurrences
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A made-up patient: the answers given at enrolment, and whether the step is for them."""

    answers: str
    gets_it: bool


@pages.get("/content", may=SIGNED_IN)
def show(here: Here) -> Response:
    app = here.app
    today = app.clock.now().date()
    protocols = app.catalogue.protocols.values()
    used = {step.template for one in protocols for step in one.steps}
    cards = [card for _, variant in app.content.variants() for card in variant.cards.values()]
    return here.page(
        "content/list.html",
        protocols=list(protocols),
        answers=[(key, card) for key, card in app.content.cards.items() if key not in used],
        overdue=list(dict.fromkeys(card.title for card in cards if card.review_due < today)),
        card=lambda protocol, template: app.content.of(protocol=protocol).cards[template],
        own_answers=lambda protocol: _own_answers(here, protocol, used),
        standing_of=lambda protocol, template: _standing(here, protocol, template),
        audience=audience,
        when=when,
        today=today,
    )


@pages.get("/content/{template}", may=SIGNED_IN)
def show_message(here: Here) -> Response:
    shown = _shown(here)
    template, card, clinic, occurrence = shown.template, shown.card, shown.clinic, shown.occurrence
    steps = [
        (protocol, step)
        for protocol in here.app.catalogue.protocols.values()
        for step in protocol.steps
        if step.template == template and shown.protocol in {None, protocol.key}
    ]
    return here.page(
        "content/message.html",
        template=template,
        card=card,
        protocol=shown.protocol,
        form=Form.of(clinic=clinic.key, occurrence=str(occurrence)),
        clinic=clinic,
        clinics=[(one.key, one.name) for one in here.app.catalogue.clinics.values()],
        occurrence=occurrence,
        times=[
            (f"{time}", f"{time} of {shown.occurrences}")
            for time in range(1, shown.occurrences + 1)
        ],
        proofs=list(_proofs(shown)),
        edit_for=[
            (key, one.name)
            for key, one in here.app.catalogue.protocols.items()
            if shown.protocol in {None, key} and template in sent_by(one)
        ],
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
    shown = _shown(here)
    made = shown.proof(str(here.request.path_params["language"]), ChannelKind.EMAIL)
    if made is None:
        raise NotFound("there is no such e-mail")
    headers = {"Content-Security-Policy": FRAMED_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(LINK_PATTERN.sub(r"\1 data-leads-to=", made.html or ""), headers=headers)


def sent_by(protocol: Protocol) -> frozenset[str]:
    """Return the messages whose words are signed for a protocol."""
    steps = {step.template for step in protocol.steps}
    return frozenset(steps.union(REPLY_TEMPLATES, {NUMBER_CHECK}))


def _samples(protocol: Protocol, step: Step) -> Iterator[Sample]:
    """Yield a patient for each way to answer the questions of a protocol."""
    asked = protocol.needed_attributes()
    for answers in product((True, False), repeat=len(asked)):
        given = {one.key: answer for one, answer in zip(asked, answers, strict=True)}
        told = [f"{one.question} {'Yes' if given[one.key] else 'No'}." for one in asked]
        yield Sample(answers=" ".join(told) or "Anybody", gets_it=step.applies_to(given))


def _proofs(shown: Shown) -> Iterator[Proof]:
    versions = shown.content.versions()
    written = {one.language for one in versions if one.template == shown.template}
    # In the clinic's order: the usual language first.
    for language in sorted(written, key=lambda one: (one not in shown.clinic.languages[:1], one)):
        yield Proof(
            language=language,
            text=shown.proof(language, ChannelKind.SMS),
            mail=shown.proof(language, ChannelKind.EMAIL),
        )


def _approval(version: ContentVersion) -> str:
    return approval_text({"standing": version.standing.value})


def _standing(here: Here, protocol: str | None, template: str) -> list[tuple[str, Tag]]:
    """Return where the words of a message stand, in each of its languages."""
    tags: dict[str, Tag] = {}
    for one in here.app.content.of(protocol=protocol).versions():
        # What is worst counts: a text may be signed off and the e-mail not.
        if one.template == template and (
            one.language not in tags or one.standing is not ApprovalStatus.APPROVED
        ):
            tags[one.language] = tag_of(APPROVALS[one.standing])
    return list(tags.items())


def _own_answers(here: Here, protocol: str, used: Container[str]) -> list[tuple[str, Meta]]:
    """Return the answers to texts that a protocol has in words of its own."""
    shared = {version.id for version in here.app.content.versions()}
    mine = here.app.content.of(protocol=protocol)
    own = {version.template for version in mine.versions() if version.id not in shared}
    return [(key, card) for key, card in mine.cards.items() if key in own and key not in used]


def _shown(here: Here) -> Shown:
    """Return what the address asks for: which message, of which protocol and clinic."""
    template = str(here.request.path_params["template"])
    catalogue, clinic = here.app.catalogue, _clinic(here)
    protocol = catalogue.protocols.get(here.query("protocol"))
    content = here.app.content.of(clinic.key, protocol.key if protocol else None)
    if template not in content.cards:
        raise NotFound("there is no such message")
    asking = [protocol] if protocol else catalogue.protocols.values()
    times = [
        len(step.occurrences) for one in asking for step in one.steps if step.template == template
    ]
    return Shown(
        template=template,
        protocol=protocol.key if protocol else None,
        content=content,
        clinic=clinic,
        occurrence=_occurrence(here, most=max(times, default=1)),
        occurrences=max(times, default=1),
    )


def _clinic(here: Here) -> Clinic:
    clinics = here.app.catalogue.clinics
    return clinics.get(here.query("clinic")) or next(iter(clinics.values()))


def _occurrence(here: Here, *, most: int) -> int:
    given = here.query("occurrence")
    wanted = int(given) if given.isascii() and given.isdigit() and len(given) < 3 else 1  # noqa: PLR2004 - at most 99
    return max(1, min(wanted, most))
