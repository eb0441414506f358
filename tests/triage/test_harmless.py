"""What is left in peace: frames of closed vocabularies, in which nothing grave can hide."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.data_files import data_folder
from followup.domain.triage.phrases import Groups
from followup.domain.triage.triage import (
    AT_ONCE,
    GRAVE_CLASSES,
    WITH_CARE,
    ReplyClass,
    sort_reply,
)
from followup.replies.triage_evaluation import read_corpus
from scripts.train_second_net import labelled_lines
from tests.support.apps import general_triage
from tests.triage import HELD_OUT, PRACTICE, REPLIES

# Counted in tests/domain and beside this file: here are texts, by the thousand.
pytestmark = pytest.mark.uncounted

TRIAGE = general_triage()
FILE = tomllib.loads((data_folder("config") / "triage" / "en.toml").read_text(encoding="utf-8"))
GRAVE_NAMES = {each.value for each in GRAVE_CLASSES}
SYMPTOMS = GRAVE_NAMES | {"wound", "sugar", "pain", "help", "deceased"}
FRAMES = [
    "{}", "can I drive if {}", "can I drive, {}", "is it ok to fly with {}", "{} can I drive",
    "is it normal to have {}", "when is my next appointment, {}", "need a fit note, {}",
    "can I have a flu jab {}", "should I carry on with pregabalin {}", "slept 9 hours {}",
    "slept 9 hours, still {}", "feeling great, {}", "feeling great {}",
    "walked round the block, {}",
    "thanks, {}", "thank you {}", "message received and understood, {}", "{} thank you",
    "no bother, {}", "are you a robot {}", "danced like a spring lamb and {}", "all good, {} lol",
    "sorry to bother you {}", "{} happy christmas", "back at work {}", "no rush {} no rush",
]  # fmt: skip


def sorted_harmless(text: str) -> bool:
    return sort_reply(TRIAGE, text).is_harmless


def grave_phrases() -> list[str]:
    """Return each phrase of each grave rule in its shortest wordings and in its longest.

    One that is a single word only names a part of the body: "walking" is good news as well.
    """
    groups = Groups({**FILE["harmless"]["words"], **FILE["groups"]})
    found: dict[str, None] = {}
    for rule in FILE["rules"]:
        if not GRAVE_NAMES & set(rule["classes"]):
            continue
        found |= dict.fromkeys(rule.get("whole", []))
        for phrase in rule.get("phrases", []):
            each = [
                sorted(map(" ".join, groups.wordings(part)), key=lambda one: (len(one), one))
                for part in phrase.replace(" & ", " ").split()
            ]
            if len(each) > 1:
                found[" ".join(one[0] for one in each)] = None
                found[" ".join(one[-1] for one in each)] = None
    return list(found)


PHRASES = grave_phrases()


def labelled(classes: set[str]) -> list[str]:
    return [
        reply.text
        for path in (REPLIES, HELD_OUT, PRACTICE)
        for reply in read_corpus(path)
        if {each.value for each in reply.classes} & classes
    ]


GRAVE_REPLIES = labelled(GRAVE_NAMES)


def test_no_reply_about_a_symptom_is_harmless():
    # The one that says of a symptom that all is well.
    fine = {"thanks my sugars are fine now"}
    replies = labelled(SYMPTOMS)

    assert len(replies) > 700
    assert [text for text in replies if sorted_harmless(text) and text not in fine] == []


@pytest.mark.parametrize(
    "frame",
    [
        *FRAMES[::3],
        *(pytest.param(it, marks=pytest.mark.long) for it in FRAMES if it not in FRAMES[::3]),
    ],
)
def test_no_grave_phrase_is_harmless_in_a_harmless_frame(frame):
    assert len(PHRASES) > 400
    assert [one for one in PHRASES if sorted_harmless(frame.format(one))] == []


@given(frame=st.sampled_from(FRAMES), reply=st.sampled_from(GRAVE_REPLIES))
def test_no_grave_reply_is_harmless_in_a_harmless_frame(frame, reply):
    assert not sorted_harmless(frame.format(reply))


@pytest.mark.parametrize(
    "text",
    ["can I drive if I can't feel my foot", "is it normal to be this tired",
     "feeling great, can't feel a thing", "slept 9 hours, still can't wake him",
     "can I drive but", "slept 20 hours", "slept all day", "I could drive before",
     "I used to walk the dog", "I walked the dog before the injection", "was dancing until today",
     "I can't remember my address", "should I go to hospital now", "can I take 20 paracetamol",
     "can I take all my paracetamol", "goodbye everyone, thank you for everything",
     "I've written letters to my children. That's all I want to say.",
     "thank you, 活着没意思", "thank you, Twinges.", "nie jest dobrze",
     "pomoc", "mir geht es nicht gut",
     "I've sent the letters to my sister", "I need to drink all day and night", "non sto bene",
     "I need to go all the time at work", "you were kind, see you on the other side",
     "can I drive unless it gets worse", "been 4 times today at work", "walked into the door"],
)  # fmt: skip
def test_a_word_that_may_tell_of_more_is_in_no_frame(text):
    assert not sorted_harmless(text)


@pytest.mark.parametrize(
    "question",
    ["can I take {} now", "should I stop the {}", "do I carry on with the {} or not",
     "when do I start my {} again", "can I have wine with these {}", "may I take my {} as usual"],
)  # fmt: skip
@pytest.mark.parametrize(
    "medicine", ["tablets", "blood thinner", "warfarin", "paracetamol", "gabapentin", "insulin"]
)
def test_a_question_about_a_medicine_goes_to_a_person(question, medicine):
    assert not sorted_harmless(question.format(medicine))


@pytest.mark.parametrize(
    "text",
    ["Can I have a bath yet", "Can I go back to work", "when can I drive again",
     "may I drive to bowls on Sunday",
     "is a wee dram allowed", "gym?? like can I deadlift yet", "can I go horse ridin",
     "Is it ok to lift boxes at work", "can my mum have a shower", "Swimming ok?", "alcohol?",
     "How soon can we go swimming with the grandchildren", "thanks, can I fly on Friday"],
)  # fmt: skip
def test_a_question_about_what_one_may_do_goes_to_a_person_without_an_alarm(text):
    assert sort_reply(TRIAGE, text).urgency == WITH_CARE


@pytest.mark.parametrize(
    "text",
    ["when is my appointment", "where do I park", "What time do you open on Friday",
     "can I bring my wife to the appointment", "can I change my appointment",
     "could you send me a copy of the letter", "do I need a fit note", "is there parking"],
)  # fmt: skip
def test_a_question_about_getting_there_and_papers_is_left_in_peace(text):
    assert sort_reply(TRIAGE, text).classes == (ReplyClass.QUESTION,)


def test_what_is_not_there_and_taking_leave_go_to_a_person():
    worst = [
        "there are snails on the wallpaper", "the curtains are moving", "ants in my bed again",
        "the cat is talking to me", "children in the garden and in the wardrobe",
        "made up with my family, all sorted now", "said sorry to my sister, at peace now",
        "my affairs are in order, lovely day", "paid the bills and tidied the house",
        "thank you, you tried your best", "take care of each other", "last cup of tea, lovely",
        "the road was coming up to me", "two of everything on the telly", "the kitchen was dancing",
        "people are coming in through the telly", "she was talking but it was all letters",
        "the kids are better with their dad", "my wife is better on her own", "had a good run",
        "the children will be fine", "all sorted out for my family", "walking like a duck, lovely",
        "my son is doing everything for me", "lovely service, no more needed",
    ]  # fmt: skip

    assert [text for text in worst if sorted_harmless(text)] == []


def test_everyday_talk_that_names_a_leg_or_a_walk_alone_is_no_alarm():
    talk = ["Dad walked to the paper shop with the dog. Splendiferous",
            "Today we walked round the garden centre and bought splendiferous jam"]  # fmt: skip
    alone = [each.backed_by(None) for each in TRIAGE]

    assert {sort_reply(TRIAGE, text).urgency for text in talk} == {WITH_CARE}
    assert {sort_reply(alone, text).urgency for text in talk} == {AT_ONCE}
    assert sort_reply(TRIAGE, f"{talk[0]}, leg gave way").urgency == AT_ONCE
    assert sort_reply(TRIAGE, f"{talk[1]}, but only half the way").urgency == AT_ONCE


def test_no_phrase_is_found_in_an_idiom_and_every_one_beside_it_is():
    idioms = [
        "We bought toilet roll",
        "My son take me home",
        "doing it in baby steps",
        "We had a day trip to the seaside",
    ]

    assert [text for text in idioms if sort_reply(TRIAGE, text).urgency == AT_ONCE] == []
    assert sort_reply(TRIAGE, "We bought toilet roll, wet myself in the shop").urgency == AT_ONCE
    assert sort_reply(TRIAGE, "leg dead, good grief").urgency == AT_ONCE


def test_a_half_hearted_word_is_not_harmless():
    assert not sorted_harmless("so so")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("do I need a fit note for my boss", "question"),
     ("I lost the letter, what time is my appointment?", "question"),
     ("is it the fourth or the fourteenth I am to come", "question"),
     ("weeded the whole front border this morning", "benign"), ("slept 9hrs straight", "benign"),
     ("pure dancing here, I'm like a spring lamb", "benign"), ("are you a robot", "benign"),
     ("tied my own laces for the first time since Easter!", "benign"),
     ("Dziękuję bardzo, wszystko dobrze 😊", "thanks"),
     ("walked to the market, no pain at all", "benign"),
     ("no numbness no nowt, waterworks same as ever", "benign"),
     ("I haven't got a single one of them", "benign")],
)  # fmt: skip
def test_a_topic_among_words_of_closed_vocabularies_is_left_in_peace(text, wanted):
    found = sort_reply(TRIAGE, text)

    assert ([each.value for each in found.classes], found.urgency) == ([wanted], None)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("can I fly, leg weak", "red-flag"), ("when can I drive with the plaster", "wound")],
)
def test_a_frame_takes_no_phrase_back(text, wanted):
    assert wanted in {each.value for each in sort_reply(TRIAGE, text).classes}


def test_everyday_talk_is_left_in_peace_only_beside_a_second_net():
    talk = [
        "Is there a friends of the hospital tin I can donate to",
        "weeds winning but im back out there",
        "brought you lot some biscuits, left at desk, enjoy",
    ]  # fmt: skip
    alone = [each.backed_by(None) for each in TRIAGE]

    assert [text for text in talk if not sorted_harmless(text)] == []
    assert [text for text in talk if sort_reply(alone, text).is_harmless] == []


def test_everyday_words_that_may_mean_more_go_to_a_person():
    worst = [
        "The dog is at my sister's now, thank you for everything", "my car is for my son",
        "The house is tidy and the dog is with the neighbours", "I had all with a glass of wine",
        "standing at the top of the multi storey car park", "note for the family by the kettle",
        "I can do it now, the kids are at school", "going to switzerland in march with my daughter",
        "Dad will be with mum and so will I", "husband has my phone and my bank card",
        "The telly is talking to me", "where am I, is this my house",
        "my husband got me to the car",
        "I was on the kitchen table for an hour", "had some with a pint in the garden",
        "I am in the garden in my coat in summer", "going for a run every ten minutes",
        "a year since my son", "letters for the kids are in the kitchen", "the telly is double",
    ]  # fmt: skip

    assert [text for text in worst if sorted_harmless(text)] == []


def test_everyday_words_for_too_much_for_the_wheel_for_others_and_for_leaving_go_to_a_person():
    worst = [
        "had the whole box with my tea", "I have a jar of them by the kettle",
        "drove home from the clinic after the injection", "what day is it, is it Tuesday",
        "who is this man in my kitchen", "the radio says my name every morning",
        "ironing at four in the morning, so much to do", "booked ten holidays in an hour",
        "my husband reads my messages", "text when he is at work",
        "I had to have my daughter do the house for me", "can the doctor come to see me today",
        "is it normal to be on the sofa all week", "in two jumpers and a coat in the sunshine",
        "neighbours have my keys now", "the lads can have my golf clubs",
        "sold the car and the caravan this week", "my mind is made up, the house is clean",
    ]  # fmt: skip

    assert [text for text in worst if sorted_harmless(text)] == []


def test_what_may_be_anothers_medicine_or_what_somebody_cannot_do_goes_to_a_person():
    worst = [
        "took my wifes", "took my husbands with breakfast", "i took my dads this morning",
        "had two of my brothers", "borrowed my mums", "had one of my wifes and slept great",
        "took the dogs with a biscuit", "my wifes worked a treat", "took my daughter in laws",
        "took my mum one", "thank you i took my wifes as well", "ok will do when i can stand up",
        "will do if i am still about", "will do if i make it to friday",
    ]  # fmt: skip
    medicine = ["took my dads morphine tablets", "had my wifes pills with my tea"]

    assert [text for text in worst if sorted_harmless(text)] == []
    assert {sort_reply(TRIAGE, text).urgency for text in medicine} == {1}
    assert sorted_harmless("took my kids to the park and had an ice cream")


FORBIDDEN = {
    "although", "arm", "back", "before", "bladder", "blood", "bowel", "bowels", "breathe", "but",
    "cannot", "cant", "chest", "cold", "collapsed", "dead", "die", "dizzy", "dont", "end",
    "except", "face", "fall", "feel", "feet", "fell", "foot", "gone", "goodbye", "head", "heavy",
    "hot", "if", "kill", "leg", "legs", "loo", "losing", "lost", "never", "no", "not", "nothing",
    "numb", "only", "pain", "red", "sense", "slipped", "sore", "stuck", "swollen", "than",
    "though", "throat", "tingling", "toes", "toilet", "tongue", "unless", "weak", "wee", "wet",
    "without", "wont", "worse",
}  # fmt: skip
"""What no vocabulary has as a word by itself: in its closed wordings of several words alone."""


def test_no_word_of_a_vocabulary_names_a_part_of_the_body_a_complaint_a_negation_or_a_contrast():
    vocabulary = {text for texts in FILE["harmless"]["words"].values() for text in texts}

    assert vocabulary & FORBIDDEN == set()


OWN = Path(__file__).with_name("own")
KEPT_ASIDE = slice(1, None, 2)
"""Of the authors' own replies, those that were only counted."""


def test_of_our_own_harmless_replies_most_of_those_kept_aside_are_left_in_peace():
    kept_aside = list(labelled_lines(OWN / "harmless.tsv"))[KEPT_ASIDE]

    left = [text for text, _ in kept_aside if sorted_harmless(text)]

    assert len(kept_aside) >= 150
    assert len(left) >= 0.8 * len(kept_aside)


def test_of_harmless_replies_in_eight_voices_more_than_half_of_those_kept_aside_are_left_in_peace():
    kept_aside = list(labelled_lines(OWN / "harmless-voices.tsv"))[KEPT_ASIDE]

    found = [sort_reply(TRIAGE, text) for text, _ in kept_aside]

    assert len(found) >= 140
    assert sum(one.is_harmless for one in found) >= 0.6 * len(found)
    assert sum(one.urgency == AT_ONCE for one in found) <= 0.05 * len(found)


def test_of_our_own_requests_to_stop_most_are_obeyed_and_none_is_taken_for_thanks_or_talk():
    found = [sort_reply(TRIAGE, text) for text, _ in labelled_lines(OWN / "stops.tsv")]

    assert sum(ReplyClass.STOP in one.classes for one in found) >= 0.95 * len(found) >= 180
    assert [one for one in found if one.is_harmless] == []


def test_stopping_that_is_no_request_stops_nothing_where_texts_are_not_what_is_to_end():
    both = {"don't text, ring me, I can't pee", "no more texts, I need a doctor"}
    others = [text for text, _ in labelled_lines(OWN / "near-stops.tsv") if text not in both]

    stopped = [text for text in others if ReplyClass.STOP in sort_reply(TRIAGE, text).classes]

    assert len(others) > 120
    assert stopped == []


def test_no_near_miss_of_our_own_is_harmless():
    files = ("near-misses.tsv", "near-misses-voices.tsv")
    misses = [text for one in files for text, of in labelled_lines(OWN / one) if "doubtful" in of]

    assert len(misses) >= 430
    assert [text for text in misses if sorted_harmless(text)] == []


def test_a_signature_says_nothing_behind_a_harmless_sentence():
    signed = ["Thank you. Mrs D Hartley", "Yours sincerely, M. Whitworth", "All fine. Geoff"]
    not_signed = ["Geoff", "Thank you. Regards, Legless", "happy new year from A&E"]

    assert [text for text in signed if not sorted_harmless(text)] == []
    assert [text for text in not_signed if sorted_harmless(text)] == []
