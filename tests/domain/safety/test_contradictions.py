"""No text soothes about a sign that another of the same week calls urgent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from followup.domain.safety.contradictions import contradictions

URGENT = "New numb leg, leg weakness, bleeding, back pain or fever: NHS 111 or A&E at once."


@pytest.mark.parametrize(
    ("soothing", "sign"),
    [
        ("Your pain may be worse for a few days.", "pain"),
        ("Your pain should be settling.", "pain"),
        ("A numb leg is common at first.", "numbness"),
        ("A weak or heavy leg is normal.", "weakness"),
        ("A slight fever is common.", "fever"),
        ("Do not worry if it bleeds.", "bleeding"),
    ],
)
def test_a_sign_that_is_soothed_and_urgent_is_found(say, soothing, sign):
    [found] = contradictions([say(f"{soothing} Rest.\n{URGENT}")])

    assert f'"{soothing}" soothes about {sign}' in found.sentence
    assert f"say which {sign}, or until when" in found.sentence
    assert found.grave


@pytest.mark.parametrize(
    "text",
    [
        "The pain you had before may be worse for a few days.",
        "More of your usual pain is common.",
        "Extra pain should be settling by now.",
        "A numb or heavy leg is common today.",
        "A heavy leg may wear off in the first 24 hours.",
        "You can keep taking your usual painkillers. That is normal.",
        "Pain Clinic: that is normal.",
    ],
)
def test_words_that_say_which_or_until_when_are_fine(say, text):
    assert list(contradictions([say(f"{text}\n{URGENT}")])) == []


def test_two_texts_of_one_week_contradict_each_other_and_of_two_do_not(say):
    soothing = "Your pain may be worse."

    assert len(list(contradictions([say(soothing, day=2), say(URGENT, day=9)]))) == 1
    assert list(contradictions([say(soothing, day=2), say(URGENT, day=10)])) == []


def test_texts_of_two_clinics_do_not(clinic, say):
    other = say(URGENT, clinic=replace(clinic, key="other"))

    assert list(contradictions([say("Your pain may be worse."), other])) == []


def test_one_that_nobody_gets_yet_stops_nothing(say):
    [found] = contradictions([say("Your pain may be worse.", sendable=False), say(URGENT)])

    assert not found.grave


def test_other_languages_are_left_to_whoever_reads_them(say):
    assert list(contradictions([say(f"Your pain may be worse.\n{URGENT}", language="cy")])) == []
