"""The shipped words keep every safety rule; the words of before broke them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time

import pytest

from followup.catalogue.bank_holidays import bank_holidays
from followup.content.check import REPLY_TEMPLATES
from followup.content.library import Content, shipped_messages
from followup.content.safety_check import safety_findings
from followup.content.sources import read_sources
from followup.domain.channel import ChannelKind
from followup.domain.protocols.protocol import Standing

TODAY = date(2026, 11, 29)


def review(content, catalogue, clinics=None):
    return safety_findings(
        content,
        clinics=clinics or catalogue.clinics.values(),
        protocols=catalogue.protocols.values(),
        today=TODAY,
        holidays=bank_holidays,
    )


def with_words(path: str, text: str) -> Content:
    """Return the shipped messages with one file as it is given."""
    sources, cards = read_sources(shipped_messages())
    assert path in sources
    return Content({**sources, path: text}, cards)


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

    assert len(asked) == len(protocol.beyond) == 4
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
