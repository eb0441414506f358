"""Sorting by fixed phrases: denials, slips, several things at once, and what is not understood."""

from __future__ import annotations

import copy
import tomllib
from functools import partial

import pytest

from followup.data_files import data_folder
from followup.domain.errors import ProtocolError
from followup.domain.triage.own_words import OurTexts
from followup.domain.triage.phrases import Groups, parse_phrase
from followup.domain.triage.tokens import Speller, distance, readings_of
from followup.domain.triage.triage import Known, ReplyClass, files_for, sort_reply
from followup.domain.triage.triage_file import parse_addition, parse_triage
from tests.support.apps import general_triage, shipped_catalogue

TRIAGE = general_triage()
SHIPPED = sort_reply(TRIAGE, "thanks").version
"""As `en/2026.1+net-2026.1`: the phrases, and the second net."""
VERSION = SHIPPED.removeprefix("en/").partition("+")[0]


def classes(text: str, **more: str) -> set[str]:
    return {each.value for each in sort_reply(TRIAGE, text, **more).classes}


@pytest.mark.parametrize(
    "text",
    ["no weakness", "no sign of weakness", "no fever, numbness or weakness", "legs not weak",
     "my legs are not at all weak", "I havent got a temperature", "without any numbness",
     "no bladder or bowel problems", "not incontinent", "No weakness, all good thanks",
     "no weakness and no fever", "none of that here"],
)  # fmt: skip
def test_a_denial_that_is_a_whole_sentence_of_closed_form_is_harmless(text):
    assert classes(text) <= {"benign", "thanks"}


@pytest.mark.parametrize(
    "text",
    ["numbness: no", "fever? no", "no better", "no can walk", "no feeling", "no improvement",
     "never had weakness like this", "didnt have a temp this morning but 39 tonight",
     "had no fever until this morning", "if there was no weakness", "No, weakness"],
)  # fmt: skip
def test_any_other_denial_proves_nothing(text):
    assert not classes(text) & {"benign", "thanks"}


@pytest.mark.parametrize(
    "text",
    ["no feeling in my leg", "no fever but my leg gave way", "no fever and my leg gave way",
     "no fever, leg weak", "no better leg weak", "no fever leg weak", "leg weak. no fever",
     "no fever, cant wee", "no pain or cant feel my legs", "not only weak legs but numb",
     "not sure, is my leg weak", "not weak before but now my leg is weak", "No. My leg is weak",
     "not weak in the arms; leg weak", "no problem until today, numb foot", "no strength in my leg",
     "no leg weak", "I dont think I can wait leg weak", "it is not nothing my leg is weak",
     "no fever, weakness in my leg"],
)  # fmt: skip
def test_in_doubt_it_is_a_red_flag(text):
    assert "red-flag" in classes(text)


def test_several_things_at_once_all_count_the_gravest_first():
    found = sort_reply(TRIAGE, "STOP, sugar 22, my leg is weak and I cant breathe, thanks")

    assert [each.value for each in found.classes] == [
        "emergency", "sugar-emergency", "red-flag", "sugar", "stop"
    ]  # fmt: skip
    assert found.gravest is ReplyClass.EMERGENCY
    assert {"leg-weakness", "breathing", "sugar"} <= set(found.codes)
    assert (found.urgency, found.is_harmless) == (1, False)


@pytest.mark.parametrize("text", ["asdf", "", "😬", "?", "2", "thanks, is it meant to whistle"])
def test_what_is_not_provably_harmless_is_unclear(text):
    assert classes(text) == {"unclear"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("🙂", "benign"), ("ok", "benign"), ("when is my appointment", "question"),
     ("ok 👍🏽", "benign"), ("thanks, where do I park", "question"),
     ("Kind regards, Margaret", "benign"), ("❤️", "benign"),
     ("thanks", "thanks"), ("شكرا", "thanks")],
)  # fmt: skip
def test_what_is_nothing_but_clauses_of_the_closed_list_is_harmless(text, wanted):
    found = sort_reply(TRIAGE, text)

    assert ([each.value for each in found.classes], found.urgency) == ([wanted], None)


@pytest.mark.parametrize(
    ("text", "known", "wanted"),
    [
        ("18.4", Known(step="sugar"), "sugar"),
        ("18.4", Known(attributes={"diabetic": True}), "sugar"),
        ("18.4", Known(attributes={"diabetic": False}), "unclear"),
        ("26.1", Known(attributes={"diabetic": True}), "sugar-emergency"),
        ("hi", Known(step="sugar"), "sugar-emergency"),
        ("hi", Known(), "benign"),
        ("HI", Known(), "sugar-emergency"),
        ("HI", Known(attributes={"diabetic": False}), "benign"),
        ("yes", Known(), "benign"),
        ("yes", Known(step="red-flags"), "unclear"),
        ("no", Known(asked=True), "unclear"),
        ("thanks", Known(asked=True), "thanks"),
    ],
)
def test_what_we_know_of_the_patient_raises(text, known, wanted):
    assert [each.value for each in sort_reply(TRIAGE, text, known=known).classes] == [wanted]


@pytest.mark.parametrize(
    "text", ["لا أشعر بساقي", "nie czuję nogi od wczoraj", "dwi ddim yn teimlo fy nghoes"]
)
def test_a_language_that_nobody_sorts_is_put_before_a_person_at_once(text):
    found = sort_reply(TRIAGE, text)

    assert (found.classes, found.urgency) == ((ReplyClass.OTHER_LANGUAGE,), 1)


def test_of_two_languages_the_one_that_knows_the_words_counts():
    polish = parse_triage(spoiled(language="pl", ordinary=["nie", "czuje", "nogi"]), file="pl.toml")

    found = sort_reply([*TRIAGE, polish], "nie czuje nogi")

    assert found.classes == (ReplyClass.UNCLEAR,)
    assert found.version == f"{SHIPPED} pl/{VERSION}"
    assert sort_reply([], "anything").classes == (ReplyClass.UNCLEAR,)


def test_our_own_words_alarm_nobody_unless_the_patient_says_that_they_are_true():
    ours = OurTexts(["New leg weakness, new bladder or bowel trouble, new back pain or fever:"])

    def of(text: str) -> set[str]:
        return {each.value for each in sort_reply(TRIAGE, text, ours=ours).classes}

    assert of('"bladder or bowel trouble" nope none of that here') == {"benign"}
    assert of('"bladder or bowel trouble" yh hi thats me') == {"red-flag"}
    assert of("Liked “New leg weakness, new bladder or bowel trouble”") == {"benign"}
    assert of("> new leg weakness\nwhat is this about") == {"unclear"}


def test_thanks_and_nothing_else_is_understood():
    assert classes("ok thank you so much x") == {"thanks"}


def test_what_the_carrier_made_of_a_text_counts():
    assert classes("genug", opt_out_type="STOP") == {"stop", "unclear"}
    assert classes("hm", opt_out_type="HELP") == {"help"}


def test_no_file_can_switch_off_the_wish_to_stop():
    data = tomllib.loads((data_folder("config") / "triage" / "en.toml").read_text(encoding="utf-8"))
    data["rules"] = [rule for rule in data["rules"] if rule["code"] != "start"]
    triage = parse_triage(data, file="en.toml")

    assert ReplyClass.STOP in sort_reply([triage], "STOP").classes
    assert ReplyClass.START in sort_reply([triage], "start").classes


@pytest.mark.parametrize(
    "word", ["stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"]
)
def test_the_words_at_which_carriers_stop_stop(word):
    assert classes(word) == {"stop"}


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [("", "", 0), ("leg", "leg", 0), ("weakness", "weaknes", 1), ("waekness", "weakness", 1),
     ("numbness", "nmbnes", 2), ("abc", "xyz", 3), ("", "abc", 3)],
)  # fmt: skip
def test_distance_counts_slips(one, other, wanted):
    assert distance(one, other) == distance(other, one) == wanted


def test_a_word_that_is_right_is_no_slip_and_a_short_one_never():
    speller = Speller(["fever", "weak"], ordinary=["never"])

    readings = [word.readings for word in speller.words("never fevr week")]

    assert readings == [{"never"}, {"fevr", "fever"}, {"week"}]


def test_a_text_with_hidden_characters_is_read_both_ways():
    assert readings_of("nu\x00mb leg") == ("nu mb leg", "numb leg")
    assert readings_of("Numb\u00e9") == ("numbe",)


def spoiled(**changes: object) -> dict[str, object]:
    data = tomllib.loads((data_folder("config") / "triage" / "en.toml").read_text(encoding="utf-8"))
    return {**copy.deepcopy(data), **changes}


RULE = {"code": "a", "classes": ["red-flag"], "source": "x", "phrases": ["leg"]}


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        ([{**RULE, "phrases": ["{lge} & weak"]}], "no group lge"),
        ([{**RULE, "classes": ["red"]}], "is not known"),
        ([{**RULE, "phrases": []}], "add phrases, or whole"),
        ([RULE, RULE], "two rules a"),
        ([{**RULE, "phrases": ["Can't"]}], "phrases"),
        ([{**RULE, "gap": 99}], "use 12 or less"),
        ([], "needs at least one"),
    ],
    ids=["group", "class", "empty", "twice", "letters", "gap", "none"],
)
def test_a_file_that_is_wrong_says_where(rules, complaint):
    with pytest.raises(ProtocolError, match=r"en\.toml") as refused:
        parse_triage(spoiled(rules=rules), file="en.toml")

    assert complaint in str(refused.value)


def test_a_group_that_holds_itself_is_told():
    groups = {**spoiled()["groups"], "leg": ["big {leg}"]}  # type: ignore[dict-item]

    with pytest.raises(ProtocolError, match="the group leg holds itself"):
        parse_triage(spoiled(groups=groups), file="en.toml")


@pytest.mark.parametrize(
    ("clause", "complaint"),
    [("{very}* ok?", "must have a part that is there"), ("@name ok", "must begin with words")],
)
def test_a_harmless_clause_must_say_something_and_not_begin_with_a_name(clause, complaint):
    harmless = {**spoiled()["harmless"], "clauses": [clause]}  # type: ignore[dict-item]

    with pytest.raises(ProtocolError, match=complaint):
        parse_triage(spoiled(harmless=harmless), file="en.toml")


def test_words_of_frames_have_names_of_their_own():
    words = {**spoiled()["harmless"]["words"], "leg": ["cup"]}  # type: ignore[index]
    harmless = {**spoiled()["harmless"], "words": words}  # type: ignore[dict-item]

    with pytest.raises(ProtocolError, match="has leg under groups and"):
        parse_triage(spoiled(harmless=harmless), file="en.toml")


ADDITION = {
    "language": "en",
    "version": "1",
    "protocols": ["shoulder"],
    "sources": ["The shoulder leaflet."],
    "without": ["leg-weakness", "leg-named"],
    "groups": {"wing": ["wing", "shoulder blade"]},
    "rules": [{"code": "wing", "classes": ["red-flag"], "source": "x", "phrases": ["{wing} limp"]}],
}


def test_a_protocol_sorts_by_its_own_signs_and_by_every_emergency():
    own = parse_addition(ADDITION, general={"en": spoiled()}, file="shoulder.toml")
    on_it = partial(sort_reply, [*TRIAGE, own], known=Known(protocol="shoulder"))

    assert on_it("my shoulder blade went limp").version == f"en/shoulder/{VERSION}+1"
    assert "wing" in on_it("my wing limp").codes
    assert "wing" not in sort_reply(TRIAGE, "my wing limp").codes
    assert on_it("cant breathe").gravest is ReplyClass.EMERGENCY
    other = sort_reply([*TRIAGE, own], "hm", known=Known(protocol="another"))
    assert other.version == SHIPPED


@pytest.mark.parametrize(
    ("changes", "sorting"),
    [({"without": []}, ["en/shoulder"]), ({}, ["en", "en/shoulder"]),
     ({"without": [], "groups": {"leg": ["wing"], "wing": ["wing"]}}, ["en", "en/shoulder"])],
    ids=["only adds", "leaves out", "words a group anew"],
)  # fmt: skip
def test_of_somebody_who_may_be_on_any_protocol_nothing_is_looked_for_twice(changes, sorting):
    own = parse_addition({**ADDITION, **changes}, general={"en": spoiled()}, file="shoulder.toml")

    assert [one.key for one in files_for([*TRIAGE, own], None)] == sorting
    assert [one.key for one in files_for([*TRIAGE, own], "another")] == ["en"]
    assert [one.key for one in files_for([*TRIAGE, own], "shoulder")] == ["en/shoulder"]


@pytest.mark.parametrize("protocol", ["shoulder-injection", None])
@pytest.mark.parametrize("text", ["my arm gave way", "the shoulder is swollen and red", "leg weak"])
def test_after_a_shoulder_injection_arm_and_joint_are_signs_and_a_leg_stays_one(text, protocol):
    found = sort_reply(shipped_catalogue().triage, text, known=Known(protocol=protocol))

    assert ReplyClass.RED_FLAG in found.classes


def test_what_is_a_sign_of_a_shoulder_is_sorted_as_before_after_another_injection():
    known = Known(protocol="nerve-root-block")

    for text in ("my arm gave way", "the shoulder is swollen"):
        assert sort_reply(shipped_catalogue().triage, text, known=known) == sort_reply(
            TRIAGE, text, known=known
        )


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"without": ["leg-wekness"]}, 'there is no rule "leg-wekness"'),
        ({"without": ["breathing"]}, "is an emergency after any procedure"),
        ({"language": "cy"}, 'no general phrases in "cy"'),
        ({"sources": []}, "needs at least one"),
        ({"rules": [{**RULE, "phrases": ["{lge}"]}]}, "no group lge"),
    ],
    ids=["unknown", "emergency", "language", "sources", "group"],
)
def test_an_addition_that_is_wrong_says_what(changes, complaint):
    with pytest.raises(ProtocolError, match=r"shoulder\.toml") as refused:
        parse_addition({**ADDITION, **changes}, general={"en": spoiled()}, file="shoulder.toml")

    assert complaint in str(refused.value)


def test_a_phrase_needs_words_on_both_sides_of_each_sign():
    with pytest.raises(ValueError, match="empty part"):
        parse_phrase("leg &", groups=Groups({}), gap=1)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("temp thirty eight and a half", "red-flag"),
        ("my temp is a hundred", "red-flag"),
        ("38 people came", "unclear"),
        ("38 zebras came", "unclear"),
        ("my 5 know zebras", "unclear"),
        ("sugar 400", "sugar-emergency"),
        ("sugar 200", "sugar"),
        ("took 20 mg", "unclear"),
        ("2 week ago it was fine", "unclear"),
    ],
)
def test_numbers_are_read_in_words_and_in_other_units_and_with_what_stands_beside(text, wanted):
    assert sort_reply(TRIAGE, text).gravest == wanted


def test_a_sentence_is_harmless_up_to_sixty_words():
    assert classes("thank you " * 30) == {"thanks"}
    assert classes("thank you " * 31) == {"unclear"}


def test_a_number_behind_what_it_counts_is_no_reading():
    assert "sugar-emergency" in classes("my sugar was 24")
    assert "sugar-emergency" not in classes("my sugar was done on ward 24")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        pytest.param("I have had a 🤒 since", "I have had a fever since", id="a picture"),
        pytest.param("walkin the dog", "walking the dog", id="a g left out"),
    ],
)
def test_pictures_and_spoken_endings_are_read_as_the_words_they_stand_for(text, same):
    assert classes(text) == classes(same) != {"unclear"}
