"""Plain language: what is found in a message, and what is let pass."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.domain.text.plain_language import MOST_LETTERS, MOST_WORDS, findings, reading_grade
from followup.domain.text.plain_words import ALLOWED_CAPITALS, LATIN_WORDS, LONG_AND_KNOWN, PLAINER

PLAIN = (
    "Derriford Pain Clinic: you can take the small dressing off now. Do not worry if it fell off "
    "sooner.\n\n"
    "If you have new leg weakness, ring your GP, NHS 111 or us on 01752 437706 (Mon to Fri, 9am to "
    "5pm).\n\n"
    "- rest when you need to\n"
    "- keep taking your usual painkillers\n\n"
    "To stop, reply STOP."
)
LEAFLET = (
    "If you are taking any medication to thin the blood, such as Warfarin, Clopidogrel, "
    "Rivaroxaban, Dabigatran or you have a blood clotting disorder please inform your Pain "
    "Consultant or the pain nurse prior to attending for your injection as your medication may "
    "need to be stopped before the injection to prevent bleeding."
)


def found(text: str, **choices) -> list[tuple[str, str]]:
    return [(finding.rule, finding.excerpt) for finding in findings(text, **choices)]


def test_nothing_is_found_in_a_plain_message():
    assert findings(PLAIN) == []


def test_a_sentence_of_the_leaflet_is_found_hard_in_each_way_that_it_is():
    rules = {finding.rule for finding in findings(LEAFLET)}

    assert rules == {"sentence", "plainer word", "grade"}
    assert ("plainer word", "prior to") in found(LEAFLET)
    assert ("plainer word", "inform") in found(LEAFLET)


def test_a_finding_reads_as_a_sentence_for_the_writer():
    (finding,) = findings("Ring us prior to Monday.")

    assert str(finding) == '"prior to": write: before'


# ---------------------------------------------------------------------------- sentences


def test_a_sentence_may_have_twenty_five_words_and_no_more():
    longest = " ".join(["rest"] * MOST_WORDS)

    assert findings(f"{longest}. Walk a bit.") == []
    assert found(f"Walk a bit. {longest} now.") == [("sentence", f"{longest} now.")]
    assert "this sentence has 26 words: make two of it" in str(findings(f"{longest} now.")[0])


@pytest.mark.parametrize(
    "gap",
    [". ", "! ", "? ", '." ', ".) ", "\n", "\n\n- "],
    ids=["full stop", "exclamation", "question", "quotation", "bracket", "line", "list"],
)
def test_each_way_of_ending_a_sentence_ends_it(gap):
    half = " ".join(["rest"] * 20)

    assert "sentence" not in {finding.rule for finding in findings(f"{half}{gap}{half}")}


def test_a_point_within_a_number_ends_no_sentence():
    half = " ".join(["rest"] * 13)

    assert [rule for rule, _ in found(f"{half} 9.30am {half}")] == ["sentence"]


# ---------------------------------------------------------------------------- words


def test_a_long_word_is_found_and_a_name_or_a_word_that_everyone_knows_is_not():
    assert found("You may feel uncomfortable.") == [("long word", "uncomfortable")]
    assert found("Uncomfortable nights are common.") == [("long word", "Uncomfortable")]
    assert found("Go to Wolverhampton or ring your physiotherapist.") == []


def test_a_word_may_have_eleven_letters_and_no_more():
    assert found("p" * MOST_LETTERS) == []
    assert found("p" * (MOST_LETTERS + 1)) == [("long word", "p" * (MOST_LETTERS + 1))]


@pytest.mark.parametrize("phrase", sorted(PLAINER))
def test_each_word_to_avoid_is_found_with_the_plain_one(phrase):
    (finding,) = (it for it in findings(f"So {phrase.upper()} it.") if it.rule == "plainer word")

    assert finding.excerpt == phrase.upper()
    assert finding.advice == f"write: {PLAINER[phrase]}"


@pytest.mark.parametrize("phrase", sorted(PLAINER))
def test_no_plain_word_is_one_to_avoid_itself(phrase):
    assert "plainer word" not in {finding.rule for finding in findings(PLAINER[phrase])}


def test_please_do_not_hesitate_is_found_across_a_line_break_too():
    assert found("Please do not\nhesitate to ring.") == [("plainer word", "do not\nhesitate")]


@pytest.mark.parametrize(
    "text", ["A required-reading list", "uninformed", "information", "performance", "we-inform-you"]
)
def test_a_word_within_another_is_not_meant(text):
    assert "plainer word" not in {finding.rule for finding in findings(text)}


@pytest.mark.parametrize("word", sorted(LATIN_WORDS))
def test_each_latin_abbreviation_is_found(word):
    (finding,) = (it for it in findings(f"Rest ({word} sit).") if it.rule == "Latin")

    assert finding.excerpt == word
    assert finding.advice == f"write: {LATIN_WORDS[word]}"


@pytest.mark.parametrize("text", ["Rest, e.g. sit", "Rest, i.e. sit", "Walk, swim etc."])
def test_latin_is_found_with_its_full_stops(text):
    assert [rule for rule, _ in found(text)] == ["Latin"]


def test_latin_within_a_word_is_not_meant():
    assert found("A leg, a pie and a vein") == []


# ---------------------------------------------------------------------------- capitals


def test_shouting_is_found():
    assert found("Look out for ANY of these, and ÜBEL too") == [
        ("capitals", "ANY"),
        ("capitals", "ÜBEL"),
    ]


@pytest.mark.parametrize("word", sorted(ALLOWED_CAPITALS))
def test_what_is_texted_back_and_what_everyone_knows_may_stand_in_capitals(word):
    assert found(f"Reply {word}") == []


def test_single_letters_and_plurals_are_no_shouting():
    assert found("I had an X-ray. GPs can help, and A&E too.") == []


# ---------------------------------------------------------------------------- left over


@pytest.mark.parametrize(
    "link",
    [
        "https://example.com/a?b=c",
        "http://example.com",
        "www.example.com",
        "Www.Example.Com",
        "nhs.uk/conditions",
        "derriford.nhs.uk",
        "bit-ly.com/x1",
    ],
)
def test_a_link_is_found_unless_the_message_may_hold_one(link):
    assert found(f"Read {link}.") == [("link", link)]
    assert found(f"Read {link}.", links=True) == []


@pytest.mark.parametrize("text", ["at 9.30am", "Ring us.Then rest", "a.m. or p.m.", "Stop.Ukulele"])
def test_what_only_looks_like_a_link_is_let_pass(text):
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Rest  now", "Rest , then walk", "Rest .", "Rest,, walk", "Rest!!", "Rest..", "Rest?!",
        "a\n\n\n\nb",
    ],
)  # fmt: skip
def test_spaces_and_marks_gone_wrong_are_found(text):
    assert [rule for rule, _ in found(text)] == ["spacing"]


@pytest.mark.parametrize("text", ["Rest... then walk", "- rest\n- walk", "a\n\nb", "9 to 5: ring"])
def test_ordinary_spaces_and_marks_are_let_pass(text):
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Ring {{ clinic.phone }} now",
        "Ring {phone} now",
        "Ring {} now",
        "{% if last %} now",
        "Ring [phone] now",
        "Ring <phone> now",
        "Ring %s now",
        "Ring %(phone)s now",
        "Ring $phone now",
        "Ring ${phone} now",
        "Ring ____ now",
        "Ring XXX now",
        "Ring TBC now",
        "Ring None now",
        "Ring null now",
        "Ring undefined now",
        "lorem ipsum now",
    ],
)
def test_what_a_template_left_over_is_found(text):
    assert "placeholder" in {finding.rule for finding in findings(text)}


@pytest.mark.parametrize(
    "text", ["None of these is common.", "It is 50% sure.", "It costs $5.", "Pain (or fever)"]
)
def test_what_only_looks_left_over_is_let_pass(text):
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    ["Dear Ada", "Dear Mrs King", "Hello Ada, rest", "Hi, Ada", "Dr. Shah says so", "Ask Nurse Ng"],
)
def test_a_name_is_found(text):
    assert [rule for rule, _ in found(text)] == ["name"]


def test_a_greeting_without_a_name_is_let_pass():
    assert found("Hello. Please ask a nurse, or your doctor.") == []


# ---------------------------------------------------------------------------- languages, grades


def test_in_other_languages_only_what_needs_no_dictionary_is_looked_at():
    assert found("Gorffennwch, prior to, anghyffredinol", language="cy") == []
    assert found("Peidiwch  STOPIWCH", language="cy") == [
        ("capitals", "STOPIWCH"),
        ("spacing", "h  S"),
    ]
    assert found("prior to", language="en-GB") == [("plainer word", "prior to")]


def test_harder_texts_get_a_higher_grade():
    hard = "Administration of corticosteroids occasionally precipitates hyperglycaemia."

    assert reading_grade("Rest. Walk.") < reading_grade(PLAIN) < reading_grade(LEAFLET)
    assert reading_grade(LEAFLET) < reading_grade(hard)


def test_a_text_without_words_is_no_hard_one():
    assert reading_grade("") == reading_grade("01752 437706 ...") == 0


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        ("rest", 1), ("make", 1), ("moved", 1), ("the", 1), ("worse", 1), ("rested", 2),
        ("little", 2), ("clinic", 2), ("sugar", 2), ("fever", 2), ("injection", 3), ("you'll", 1),
    ],
)  # fmt: skip
def test_syllables_are_guessed_from_the_spelling(word, syllables):
    # Of one word in one sentence, the grade is a known line of its syllables.
    assert reading_grade(word) == pytest.approx(0.39 + 11.8 * syllables - 15.59)


def test_a_short_text_gets_no_finding_for_its_grade():
    hard = "Several unusual symptoms eventually disappeared."

    assert "grade" not in {finding.rule for finding in findings(hard)}
    (grade,) = (it for it in findings(f"{hard} " * 6) if it.rule == "grade")
    assert grade.excerpt == "Several unusual symptoms eventually disappeared. Several ..."
    assert re.search(r"reading age of \d\d: use shorter", grade.advice)


@given(st.text())
def test_any_text_at_all_can_be_looked_at(text):
    for finding in findings(text):
        assert finding.advice
        assert finding.excerpt


def test_every_word_that_is_known_would_be_found_long_otherwise():
    assert all(len(word) > MOST_LETTERS for word in LONG_AND_KNOWN)
