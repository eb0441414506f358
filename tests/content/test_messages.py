"""The shipped words: right for a worried reader, within limits, the same on every channel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from followup.content.check import REPLY_TEMPLATES
from followup.content.layers import all_readings
from followup.content.layout import visible_text, words
from followup.content.library import SOME_TIME, Content, Form, Rendered
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from tests.support.apps import shipped_catalogue, shipped_content

SMS, EMAIL = ChannelKind.SMS, ChannelKind.EMAIL
STOP_URL = "https://followup.example/u/abc?d=1&e=2"


@dataclass(frozen=True)
class Case:
    """One message as one clinic sends it."""

    protocol: str | None
    template: str
    occurrence: int
    times: int
    language: str
    channel: ChannelKind
    clinic: Clinic

    def __str__(self) -> str:
        sender = "two-way" if self.clinic.two_way else "one-way"
        own = f"{self.protocol}-" if self.protocol else ""
        return f"{own}{self.template}-{self.occurrence}-{self.channel}-{sender}"

    def render(self, content: Content) -> Rendered:
        return content.render(
            self.template,
            language=self.language,
            channel=self.channel,
            clinic=self.clinic,
            protocol=self.protocol,
            occurrence=self.occurrence,
            occurrences=self.times,
            form=Form(ring_at=SOME_TIME),
            extra={"stop_url": STOP_URL} if self.channel is EMAIL else {},
        )


def _cases() -> Iterator[Case]:
    """Yield every message of every protocol and every reply, for each clinic and kind of sender."""
    catalogue, content = shipped_catalogue(), shipped_content()
    for clinic in catalogue.clinics.values():
        one_way = replace(clinic, two_way=False, sms_sender="Clinic", stop_contact=clinic.phone)
        readings = all_readings(
            content, clinics=[clinic, one_way], protocols=catalogue.protocols.values()
        )
        for reading in readings:
            version = reading.version
            if version.sendable:
                for sender in (clinic, one_way):
                    yield Case(
                        reading.key[1],
                        version.template,
                        reading.occurrence,
                        reading.occurrences,
                        version.language,
                        version.channel,
                        sender,
                    )


CASES = list(dict.fromkeys(_cases()))
TEXTS = [case for case in CASES if case.channel is SMS]
EMAILS = [case for case in CASES if case.channel is EMAIL]


def each(cases: list[Case]) -> pytest.MarkDecorator:
    seen: dict[str, Case] = {}
    for case in cases:
        seen.setdefault(f"{case}-of-{case.times}", case)
    return pytest.mark.parametrize("case", seen.values(), ids=seen)


# -------------------------------------------------------------------------------------------- texts


@each(TEXTS)
def test_a_text_stays_within_its_segments_in_gsm_7(content: Content, case: Case):
    size = case.render(content).size

    assert size is not None
    assert size.encoding == "GSM-7"
    assert size.segments <= content.of(protocol=case.protocol).cards[case.template].max_segments
    longer = {
        *("red-flags", "reply-red-flag-stopped", "reply-signs", "reply-pain-late", "reply-crisis"),
        *("reply-sugar", "reply-sugar-emergency", "reply-wrong-person", "reply-red-flag"),
    }
    assert content.of(protocol=case.protocol).cards[case.template].max_segments <= (
        3 if case.template in longer else 2
    )


@each(TEXTS)
def test_a_text_begins_with_the_clinic(content: Content, case: Case):
    assert case.render(content).text.startswith(f"{case.clinic.short_name}: ")


@each(TEXTS)
def test_a_text_is_tidy(content: Content, case: Case):
    text = case.render(content).text

    assert not re.search(r" {2}|\n\n|[ \n]$|^\s| [.,;:?)]|[.?:](?=[A-Za-z])|[{}%]|None", text), text


@each(
    [
        case
        for case in TEXTS
        if case.template in {"reply-started", "reply-signs", "reply-pain-late", "reply-sugar"}
        or not case.template.startswith("reply-")
    ]
)
def test_a_text_says_how_to_stop_unless_it_is_the_last(content: Content, case: Case):
    text = case.render(content).text

    if case.template == "red-flags" and case.occurrence == case.times:
        assert "this is our last text about your injection" in text
        assert "STOP" not in text
    elif case.clinic.two_way:
        assert re.search(r"[Rr]eply STOP", text)
    else:
        assert "STOP" not in text
        assert re.search(rf"To stop( these texts)?: {case.clinic.stop_contact}$", text)


@each([case for case in TEXTS if not case.clinic.two_way])
def test_a_text_that_can_not_be_answered_asks_for_no_answer(content: Content, case: Case):
    assert "reply" not in case.render(content).text.lower()


# ------------------------------------------------------------------------------------- what is said


SIGNS = ("leg weakness", "bladder", "bowel", "back pain", "fever")
OWN_SIGNS = {
    "shoulder-injection": ("arm", "weakness", "hot, red or swollen", "shoulder", "fever"),
}
"""The warning signs of a protocol that has its own: then it names no others."""


def signs_of(case: Case) -> tuple[str, ...]:
    return OWN_SIGNS.get(case.protocol or "", SIGNS)


CALLING = "reply-calling"
ASSURING = ["going-home", "facet-going-home", "flare", "flare-over", "red-flags"]


NAMES_EVERY_SIGN = {
    *(*ASSURING, "reply-stopped", "reply-signs", "reply-pain-late", "reply-sugar"),
    "reply-wrong-person",
}
NOW = (
    *("nobody watches this number", "do not wait for an answer", "get help now", *SIGNS),
    *("numbness", "Emergency Department", "NHS 111", "your GP", "ring 999"),
)
ADVICE = {
    "before-injection": ("thin", "blood", "clot well", "24 hours", "drive", "stop"),
    "before-fasting": ("do not eat or drink before it, unless we told you otherwise", "drive"),
    "going-home": ("not drive yourself home", "24 hours", "numb or heavy", "bruised"),
    "facet-going-home": ("not drive yourself home", "24 hours", "bruised", " pain "),
    "sugar": ("your injection can", "raise blood sugar", "regularly", "your own plan"),
    "dressing": ("can take the small dressing off now", "Do not worry if it has already come off"),
    "flare": ("common", "settle", "a week or so", "keep taking your usual painkillers"),
    "flare-over": (
        "extra pain after your injection should be settling",
        "If it is not, ring us on",
    ),
    "procedure-moved": (
        "The time of your procedure has changed",
        "Do not follow the advice we sent you before this message yet",
        *("Keep any dressing on", "If you have stopped a medicine"),
    ),
    "moving": (
        "Over the coming weeks, slowly build up how much you move",
        "a little more each week",
    ),
    "red-flags": ("look", *SIGNS),
    "number-check": ("your code is 1234", "read it out", "ignore this text"),
    "reply-stopped": ("you will get no more of these texts", "start them again", "still holds"),
    "reply-started": ("your texts are on again", "If you need help, ring"),
    "reply-calling": ("we will ring you in office hours", "Do not wait for our call", *SIGNS),
    "reply-signs": (*SIGNS, "numbness", "ring 999", "anything else"),
    "reply-emergency": ("nobody watches", "do not wait", "ring 999 now", "Emergency Department"),
    "reply-crisis": (
        *("we are sorry", "not have to face this alone", "999", "NHS 111, then option 2"),
        *("Samaritans: 116 123", "SHOUT to 85258", "Emergency Department"),
    ),
    "reply-sugar-emergency": ("ring 999 now", "NHS 111 now", "HI", "ketones", "sugary drink"),
    "reply-red-flag": (*NOW, "or ring us now on 01752 437706"),
    "reply-red-flag-stopped": (*NOW, "you will get no more of these texts"),
    "reply-sugar": ("can change your blood sugar", "often for a couple of days", "GP or NHS 111"),
    "reply-pain-late": ("should be settling by now", "ring us on", *SIGNS),
    "reply-question": ("can't answer questions", "ring us now", "NHS 111", "999"),
    "phrase-tried-to-ring": ("we tried to ring you", "try again at 3:30pm on Monday", "NHS 111"),
    "phrase-will-ring": ("we have read your message", "ring you at 3:30pm on Monday", "NHS 111"),
    "phrase-please-ring": ("please ring us on 01752 437706", "Mon to Fri", "NHS 111"),
    "reply-wrong-person": ("not for you", "anything else", "A&E", *SIGNS),
}


@each(CASES)
def test_the_advice_is_given_on_every_channel_and_every_time(content: Content, case: Case):
    text = " ".join(case.render(content).text.split()).lower()
    facts = set(ADVICE[case.template])
    if facts & set(SIGNS):
        facts = facts - set(SIGNS) | set(signs_of(case))

    assert [fact for fact in facts if fact.lower() not in text] == []


@each([case for case in CASES if case.protocol in OWN_SIGNS])
def test_a_protocol_with_signs_of_its_own_names_no_others(content: Content, case: Case):
    text = case.render(content).text.lower()

    assert [sign for sign in (*SIGNS[:-1], "leg", "spine") if sign in text] == []


@each([case for case in CASES if case.template in NAMES_EVERY_SIGN])
def test_every_sign_is_named_and_any_one_is_enough(content: Content, case: Case):
    text = " ".join(case.render(content).text.split()).lower()

    assert all(sign in text for sign in signs_of(case))
    # Each sign stands by itself, as a new one: "or" between them, or "any one" above them.
    assert " with new back pain" not in text
    listed = (
        r"new leg weakness( or numbness)?, (new )?numbness between the legs, "
        r"(new )?bladder or bowel trouble, (new )?back pain or fever: "
        r"|new arm weakness( or numbness)?, a hot, red or swollen shoulder, or fever: "
    )
    assert "any one of these" in text or re.search(listed, text)
    assert "at once" in text
    assert "nhs 111" in text
    assert "your gp" in text


@each([case for case in CASES if case.template == "red-flags"])
def test_the_red_flags_name_every_place_to_get_help(content: Content, case: Case):
    text = case.render(content).text
    clinic = case.clinic

    for place in ("your GP", "NHS 111", clinic.phone, clinic.emergency_department):
        assert place in text
    assert f"{clinic.phone} ({clinic.office_hours_text})" in text


@each(CASES)
def test_nothing_is_said_that_a_lock_screen_should_not_show(content: Content, case: Case):
    rendered = case.render(content)
    shown = f"{rendered.subject or ''} {rendered.text}".lower()

    assert not re.search(r"diabet|insulin|nerve|root block|facet|\bdear\b|patient", shown)
    assert case.channel is EMAIL or "steroid" not in shown
    assert not re.search(
        r"sugar|steroid|bladder|fever|pain(?! clinic| in the)", rendered.subject or ""
    )


@each([case for case in CASES if case.template != "before-injection"])
def test_no_drug_and_no_dose_is_named(content: Content, case: Case):
    text = case.render(content).text.lower()

    assert not re.search(
        r"paracetamol|ibuprofen|codeine|morphine|aspirin|warfarin|clopidogrel|\d ?mg\b|tablet", text
    )


@each(CASES)
def test_nobody_is_left_thinking_that_someone_watches(content: Content, case: Case):
    text = " ".join(case.render(content).text.split())

    assert not re.search(
        r"let us know|text us (if|with|when)|we will (check|watch)|tell us", text, re.IGNORECASE
    )
    if case.template == "red-flags" and case.channel is SMS:
        assert "his number is not watched" in text
    # The others confirm what was done, or say that the clinic will ring.
    if case.template.startswith("reply-") and case.template not in {"reply-stopped", CALLING}:
        assert re.search(r"his number is not watched|[Nn]obody watches this number", text)
    if case.channel is EMAIL:
        assert "Please do not reply if you need help: your reply may not be seen in time." in text


@each([case for case in TEXTS if case.template.startswith("reply-")])
def test_out_of_hours_nobody_is_sent_to_a_phone_that_no_one_answers(content: Content, case: Case):
    closed = content.render(
        case.template,
        language=case.language,
        channel=SMS,
        clinic=case.clinic,
        protocol=case.protocol,
        form=Form(office_open=False),
    )

    assert "ring us now" not in closed.text
    assert closed.size is not None
    assert (
        closed.size.segments <= content.of(protocol=case.protocol).cards[case.template].max_segments
    )
    if case.clinic.phone in closed.text:
        assert case.clinic.office_hours_text in closed.text


def test_999_goes_beyond_the_leaflet_and_is_noted_on_the_cards(content: Content):
    naming = {case.template for case in CASES if "999" in case.render(content).text}

    assert naming == {
        "before-fasting", "before-injection", "dressing", "facet-going-home", "flare",
        "flare-over", "going-home", "moving", "phrase-please-ring", "phrase-tried-to-ring",
        "phrase-will-ring", "procedure-moved", "red-flags", "reply-calling",
        "reply-crisis", "reply-emergency", "reply-pain-late", "reply-question", "reply-red-flag",
        "reply-red-flag-stopped", "reply-signs", "reply-sugar", "reply-sugar-emergency", "sugar",
    }  # fmt: skip
    for template in naming:
        assert any("999" in note for note in content.cards[template].departures)


@each([case for case in TEXTS if case.template == "flare-over" and case.clinic.two_way])
def test_the_text_that_can_ask_for_a_reply_says_which_and_stays_within_its_segments(
    content: Content, case: Case
):
    asking = content.render(
        case.template,
        language=case.language,
        channel=SMS,
        clinic=case.clinic,
        form=Form(asks_reply=True),
    )

    assert "Reply 1 if all is well, 2 for a call from us (" in asking.text
    assert "extra pain from your injection should be settling" in asking.text
    assert asking.size is not None
    assert (asking.size.encoding, asking.size.segments) == ("GSM-7", 2)
    assert "Reply 1" not in case.render(content).text


# ------------------------------------------------------------------------------------------ e-mails


@each(EMAILS)
def test_text_and_html_say_the_same(content: Content, case: Case):
    rendered = case.render(content)

    assert rendered.html is not None
    assert words(visible_text(rendered.html)) == words(rendered.text)
    assert STOP_URL in rendered.text


@each(EMAILS)
def test_a_subject_is_one_short_line_that_names_the_clinic(content: Content, case: Case):
    subject = case.render(content).subject

    assert subject is not None
    assert subject.startswith(f"{case.clinic.name}: ")
    assert "\n" not in subject
    assert len(subject) <= 70


class Page(HTMLParser):
    """Reads a page as a check of its accessibility needs it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.low_contrast: list[str] = []
        self._open: list[tuple[str, str, str]] = [("", "#000000", "#ffffff")]
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = {key: value or "" for key, value in attrs}
        self.tags.append((tag, attributes))
        style = dict(
            (part.strip() for part in rule.split(":", 1))
            for rule in attributes.get("style", "").split(";")
            if ":" in rule
        )
        if tag not in {"meta", "link", "br", "img", "hr"}:
            _, ink, paper = self._open[-1]
            ink = style.get("color", ink)
            self._open.append((tag, ink, style.get("background-color", paper)))

    def handle_endtag(self, tag):
        while self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        _, ink, paper = self._open[-1]
        if data.strip() and contrast(ink, paper) < 4.5:
            self.low_contrast.append(f"{data.strip()}: {ink} on {paper}")

    def attributes(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def contrast(ink: str, paper: str) -> float:
    """Return the contrast of two colours by WCAG 2: 4.5 is enough for text of any size."""
    light, dark = sorted((_luminance(ink), _luminance(paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_measure_of_contrast_tells_grey_from_black():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#999999", "#ffffff") < 4.5
    assert Page('<p style="color: #999999">pale</p>').low_contrast


@each(EMAILS)
def test_the_html_is_accessible(content: Content, case: Case):
    html = case.render(content).html
    assert html is not None
    page = Page(html)
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]

    assert html.startswith("<!DOCTYPE html>")
    assert page.attributes("html") == [{"lang": case.language}]
    assert html.count("<title>") == 1
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(headings))
    assert not page.low_contrast
    # Nothing to load, nothing to run, nothing to lay out by table: it reads with images off.
    assert not {tag for tag, _ in page.tags} & {"img", "script", "link", "table", "form"}
    # What the words need is written at each; the rest is for readers whose screen is dark.
    assert re.findall(r"<style[^>]*>\s*(\S+ \S+)", html) == ["@media (prefers-color-scheme:"]
    assert "url(" not in html


@each(EMAILS)
def test_links_can_be_pressed_and_say_where_they_lead(content: Content, case: Case):
    html = case.render(content).html
    assert html is not None
    links = dict(re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)</a>', html))

    assert links.pop(f"tel:{case.clinic.phone_link}") == case.clinic.phone
    assert links.pop(STOP_URL.replace("&", "&amp;")) == "To stop these emails, open this link."
    assert links == {}


# -------------------------------------------------------------------------------------- occurrences


def test_a_repeated_text_does_not_always_read_the_same(content: Content, clinic: Clinic):
    def texts(template: str, times: int) -> list[str]:
        return [
            content.render(
                template,
                language="en",
                channel=SMS,
                clinic=clinic,
                occurrence=occurrence,
                occurrences=times,
            ).text
            for occurrence in range(1, times + 1)
        ]

    repeated = {"sugar": 4, "flare": 2, "red-flags": 4}
    assert [len(set(texts(*each))) for each in repeated.items()] == [3, 2, 3]


def test_the_replies_are_short_and_come_by_text_alone(content: Content):
    assert [content.cards[reply].channels for reply in REPLY_TEMPLATES] == [[SMS]] * len(
        REPLY_TEMPLATES
    )


def test_every_card_names_the_sentences_that_it_rests_on_and_who_has_to_approve_it(
    content: Content,
):
    for card in content.cards.values():
        assert card.source
        standing = [(entry.language, entry.status) for entry in card.approval]
        assert standing in ([("en", "draft")], [("en", "draft"), ("ar", "draft")])
