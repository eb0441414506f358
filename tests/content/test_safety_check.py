"""The shipped words keep every safety rule; the words of before broke them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from typing import Any

import pytest

from followup.catalogue.bank_holidays import bank_holidays
from followup.content.check import REPLY_TEMPLATES
from followup.content.library import Content, shipped_messages
from followup.content.page_words import PageWords
from followup.content.safety_check import safety_findings
from followup.content.sources import read_sources
from followup.domain.channel import ChannelKind
from followup.domain.protocols.protocol import Missed, Standing
from followup.domain.safety.finding import WHY
from tests.support.people import CLINIC

TODAY = date(2026, 11, 29)


def review(content, catalogue, clinics=None):
    return safety_findings(
        content,
        clinics=clinics or catalogue.clinics.values(),
        protocols=catalogue.protocols.values(),
        today=TODAY,
        holidays=bank_holidays,
    )


def with_words(path: str, text: str, **more: Any) -> Content:
    """Return the shipped messages with one file as it is given."""
    sources, cards = read_sources(shipped_messages())
    assert path in sources
    return Content({**sources, path: text}, cards, **more)


def grave(findings):
    return {finding.rule for finding in findings if finding.grave}


def test_the_shipped_words_keep_every_rule(content, catalogue, one_way):
    found = review(content, catalogue, [*catalogue.clinics.values(), one_way])

    assert [str(each) for each in found if each.grave] == []
    assert {each.rule for each in found} == {
        *("beyond-proposed", "call-question-proposed", "numbers-and-links", "source-kept"),
    }


def test_what_goes_beyond_the_leaflet_awaits_a_clinician(content, catalogue):
    protocol = catalogue.protocols["nerve-root-block"]

    asked = [each for each in review(content, catalogue) if each.rule == "beyond-proposed"]

    assert len(asked) == len(protocol.beyond) == 6
    assert {each.standing for each in protocol.beyond} == {Standing.PROPOSED}


BEFORE = {
    "the evening text about sugar named an office that was shut": (
        "sugar/en/sms.txt",
        "{{ clinic.short_name }}: check it. Questions? {{ clinic.phone }}.",
        "closed-office",
    ),
    "signs were named without an emergency department": (
        "_layout/en/sms-red-flags.txt",
        "New leg weakness, new back pain or fever: ring your GP or NHS 111 at once.\n",
        "emergency-department",
    ),
    "your pain may be worse, beside new back pain": (
        "flare/en/sms.txt",
        'Your pain may be worse.\n\n{% include "_layout/en/sms-red-flags.txt" %}\n',
        "contradiction",
    ),
    "a numb leg is common, until nobody knows when": (
        "going-home/en/sms.txt",
        'A numb leg is common at first.\n\n{% include "_layout/en/sms-red-flags.txt" %}\n',
        "contradiction",
    ),
    "a diagnosis on the lock screen": (
        "sugar/en/subject.txt",
        "Your diabetes",
        "lock-screen",
    ),
}


@pytest.mark.parametrize(("path", "text", "rule"), BEFORE.values(), ids=BEFORE)
def test_words_that_break_a_rule_are_found(catalogue, path, text, rule):
    assert grave(review(with_words(path, text), catalogue)) == {rule}


def test_a_check_text_of_five_characters_too_many_is_told(catalogue):
    long = with_words("sugar/en/sms.txt", "Unwell? NHS 111. " + "a" * 148)

    assert "few-characters-too-many" in {each.rule for each in review(long, catalogue)}


def test_the_text_that_checks_a_number_takes_one_segment(content, catalogue, one_way):
    for clinic in (*catalogue.clinics.values(), one_way):
        version = content.version("number-check", language="en", channel=ChannelKind.SMS)
        assert content.proof(version, clinic).size.segments == 1


def test_answers_are_looked_at_too(catalogue):
    shut = with_words("reply-question/en/sms.txt", "{{ clinic.short_name }}: ring us.")

    [found] = [each for each in review(shut, catalogue) if each.grave]

    assert "reply-question" in REPLY_TEMPLATES
    assert "reply-question, occurrence 1, by sms in en: may arrive at any hour" in found.sentence


def test_a_message_that_is_not_there_or_can_t_be_made_is_a_fault_of_its_own(catalogue):
    clinic = replace(catalogue.clinics["derriford-pain"], languages=("en", "cy"))
    broken = with_words("moving/en/sms.txt", "{{ language.fone }}")

    assert grave(review(broken, catalogue, [clinic])) == set()


def test_a_protocol_whose_signs_end_early_is_found(content, catalogue):
    protocol = catalogue.protocols["nerve-root-block"]
    flags = protocol.step("red-flags")
    short = replace(
        protocol,
        steps=tuple(
            replace(step, occurrences=flags.occurrences[:3]) if step.key == "red-flags" else step
            for step in protocol.steps
        ),
    )

    found = safety_findings(
        content,
        clinics=catalogue.clinics.values(),
        protocols=[short],
        today=TODAY,
        holidays=bank_holidays,
    )

    assert grave(found) == {"red-flag-reach"}
    assert any("last named on day 28" in each.sentence for each in found)


def test_the_evening_is_worked_out_from_each_clinics_own_hours(content, catalogue):
    late = replace(
        catalogue.clinics["derriford-pain"], phone="01632 960123", phone_link="+441632960123"
    )

    found = review(content, catalogue, [late])

    assert any("01632 960123 reaches nobody" in each.sentence for each in found)
    assert time(20) == late.sending_hours.closes


def test_every_rule_has_a_protocol_that_breaks_it(catalogue):
    sound = catalogue.protocols["nerve-root-block"]
    source, first = sound.source, sound.steps[0]
    struck = replace(sound.beyond[0], standing=Standing.STRUCK)
    dropped = [replace(step, missed=Missed.DROP) for step in sound.steps]
    broken = {
        "a": replace(sound, source=replace(source, document=None, text=None)),
        "b": replace(sound, source=replace(source, text=f"{source.text} ")),
        "c": replace(sound, left_out=sound.left_out[1:]),
        "d": replace(sound, steps=(replace(first, source="It is nothing."), *sound.steps[1:])),
        "e": replace(sound, beyond=(struck, *sound.beyond[1:])),
        "f": replace(sound, steps=tuple(dropped[:-1])),
    }
    protocols = {name: replace(one, key=name) for name, one in broken.items()}
    long = "Unwell? NHS 111. " + "a" * 148
    texts = {
        "closed-office": ("moving/en/sms.txt", "{{ clinic.short_name }}: ring {{ clinic.phone }}."),
        "few-characters-too-many": ("sugar/en/sms.txt", long),
        "numbers-and-links": ("dressing/en/sms.txt", "Ring 01752 999999, or NHS 111."),
        **{
            rule: (path, text) for path, text, rule in BEFORE.values() if path != "sugar/en/sms.txt"
        },
    }
    sources, cards = read_sources(shipped_messages())

    found = safety_findings(
        Content({**sources, **dict(texts.values())}, cards),
        clinics=[catalogue.clinics[CLINIC]],
        protocols=protocols.values(),
        today=TODAY,
        holidays=bank_holidays,
    )

    assert {each.rule for each in found} == set(WHY)


def test_a_protocols_own_answers_and_the_patients_page_are_looked_at(content, catalogue):
    own = {"reply-question/en/sms.txt": "{{ clinic.short_name }}: ring us."}
    released = content.with_released({(CLINIC, "shoulder-injection"): own})
    page = PageWords.load().under(
        card=None,
        leaflets={
            ("nerve-root-block", "en"): "{% block title %}After it{% endblock %}"
            "{% block urgent %}<p>New back pain or bladder trouble: at once.</p>{% endblock %}"
            "{% block leaflet %}<p>Your pain may be worse. This is common.</p>{% endblock %}"
        },
        catalogues={},
    )
    soothing = with_words("moving/en/sms.txt", "NHS 111", pages={CLINIC: page})

    [answer] = [each for each in review(released, catalogue) if each.grave]
    [leaflet] = [each for each in review(soothing, catalogue) if each.rule == "contradiction"]

    assert "protocol shoulder-injection, reply-question" in answer.sentence
    assert "protocol nerve-root-block, the patient's own page in en" in leaflet.sentence
