"""Card to hand over, in words: one sheet for the page that is printed and for the PDF."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser

import segno
from babel.dates import format_date, format_time
from markupsafe import Markup

from followup.content.languages import direction, locale_of
from followup.content.rules import ClinicFacts
from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.patient_card import PatientCard
from followup.web.patient_page.card_words import (
    BY_CHANNEL,
    KEEP,
    MAY_MOVE,
    MESSAGES,
    OWN_PAGE,
    PROCEDURE,
    SCAN,
    STOP,
    STOP_EMAILS,
    STOP_HOLDS,
    STOP_TEXTS,
    STOP_TEXTS_ELSEWHERE,
)
from followup.web.patient_page.words import PAGE_TITLE, TITLE_BEFORE
from followup.wording.formats import clock

Say = Callable[[str], str]
GROUPS = re.compile(r"(?<=\d) (?=\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardLine:
    """A message to come: when, what it is about, and how it comes."""

    when: str
    what: str
    how: str
    language: str
    direction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSheet:
    """All words of a card, in one language. `numbers` are whom to ring, with when; `signs` is HTML.

    `page_url` is what its QR code holds; None where the patient has no page.
    """

    language: str
    direction: str
    clinic: str
    title: str
    procedure: str
    initials: str
    urgent: str
    signs: Markup
    numbers: Sequence[tuple[str, str]]
    help: Sequence[str]
    messages: str
    lines: Sequence[CardLine]
    notes: Sequence[str]
    own_page: str
    page: Sequence[str]
    page_url: str | None
    stop: str
    stopping: Sequence[str]

    @property
    def paragraphs(self) -> list[tuple[bool, str]]:
        """The signs as paragraphs; True of one that is an item of a list."""
        reader = _Paragraphs()
        reader.feed(str(self.signs))
        return [(is_item, " ".join(text.split())) for is_item, text in reader.found if text.strip()]

    @property
    def qr(self) -> Markup | None:
        """The QR code as SVG without any styles."""
        if self.page_url is None:
            return None
        made = segno.make(self.page_url, micro=False, error="m")
        svg = made.svg_inline(omitsize=True, light="white", svgclass=None, lineclass=None)
        return Markup(svg)  # noqa: S704 - ours

    @property
    def everything(self) -> str:
        """Every letter that stands on the card."""
        lines = [f"{each.when}{each.what}{each.how}" for each in self.lines]
        numbers = [f"{number}{when}" for number, when in self.numbers]
        told = [self.clinic, self.title, self.procedure, self.initials, self.urgent, self.messages]
        more = [*self.help, *self.notes, *self.page, *self.stopping, self.own_page, self.stop]
        return "".join([*lines, *numbers, *told, *more, *(text for _, text in self.paragraphs)])


class _Paragraphs(HTMLParser):
    """Reads the paragraphs and list items of our own short texts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[bool, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in {"p", "li"}:
            self.found.append((tag == "li", ""))

    def handle_data(self, data: str) -> None:
        if self.found:
            is_item, text = self.found[-1]
            self.found[-1] = (is_item, text + data)


def card_sheet(app: AppContext, card: PatientCard) -> CardSheet:
    """Return a card in words."""
    words = app.content.page(card.clinic.key, card.protocol)
    say: Say = words.translations(card.language).gettext
    leaflet = words.leaflet(card.protocol, card.language, card.clinic)
    clinic = ClinicFacts.of(card.clinic, card.language)
    title = say(TITLE_BEFORE) if card.is_before else leaflet.title if leaflet else say(PAGE_TITLE)
    ring = say("Ring the clinic: %(number)s") % {"number": _number(clinic.phone, card.language)}
    return CardSheet(
        language=card.language,
        direction=direction(card.language),
        clinic=clinic.name,
        title=title,
        procedure=say(PROCEDURE) % {"when": _moment(card.procedure_at, card.language)},
        initials=card.initials,
        urgent=say("When to get help at once"),
        signs=leaflet.urgent
        if leaflet
        else app.content.red_flags(card.language, card.clinic, protocol=card.protocol),
        numbers=[
            (say("Emergency: ring 999"), ""),
            (say("Ring NHS 111"), say("Day and night")),
            (ring, clinic.office_hours_text),
        ],
        help=[
            say("Or ring your GP, or go to %(department)s.")
            % {"department": clinic.emergency_department},
            say("Do not text or email us for help: nobody may see it in time."),
        ],
        messages=say(MESSAGES),
        lines=list(_lines(card, say)),
        notes=[say(MAY_MOVE) if card.messages else say("There is no more advice to come.")],
        own_page=say(OWN_PAGE),
        page=[say(SCAN), say(KEEP)],
        page_url=card.page_url,
        stop=say(STOP),
        stopping=list(_stopping(card, clinic, say)),
    )  # fmt: skip


def _number(number: str, language: str) -> str:
    """Return a phone number as it is to be read: from the right, its groups would change places.

    A no-break space between digits is a part of the number (Unicode UAX 9, rule W4).
    """
    is_rtl = direction(language) == "rtl"
    return GROUPS.sub("\N{NO-BREAK SPACE}", number) if is_rtl else number


def _lines(card: PatientCard, say: Say) -> Iterator[CardLine]:
    for each in card.messages:
        how = BY_CHANNEL[each.channel.value if each.channel else None]
        yield CardLine(
            when=_moment(each.at, card.language),
            what=each.heading,
            how=say(how),
            language=each.language,
            direction=direction(each.language),
        )


def _stopping(card: PatientCard, clinic: ClinicFacts, say: Say) -> Iterator[str]:
    channels = {each.channel for each in card.messages}
    if ChannelKind.SMS in channels and clinic.two_way:
        yield say(STOP_TEXTS)
    elif ChannelKind.SMS in channels:
        contact = clinic.stop_contact or clinic.phone
        yield say(STOP_TEXTS_ELSEWHERE) % {"contact": _number(contact, card.language)}
    if ChannelKind.EMAIL in channels:
        yield say(STOP_EMAILS)
    yield say(STOP_HOLDS)


def _moment(local: datetime, language: str) -> str:
    """Return a local date and time as the language has it; in English as all our messages do."""
    if language == "en":
        return f"{format_date(local, 'EEE d MMMM', locale='en_GB')}, {clock(local)}"
    locale = locale_of(language)
    day = format_date(local, "EEE d MMMM", locale=locale)
    return f"{day}, {format_time(local, 'short', locale=locale)}"
