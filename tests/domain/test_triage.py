"""Sorting by fixed phrases: denials, slips, several things at once, and what is not understood."""

from __future__ import annotations

import copy
import tomllib

import pytest

from followup.catalogue.load import load_catalogue
from followup.data_files import data_folder
from followup.domain.errors import ProtocolError
from followup.domain.triage.phrases import parse_phrase
from followup.domain.triage.tokens import Speller, distance, readings_of
from followup.domain.triage.triage import ReplyClass, sort_reply
from followup.domain.triage.triage_file import parse_triage

TRIAGE = load_catalogue().triage


def classes(text: str, **more: str) -> set[str]:
    return {each.value for each in sort_reply(TRIAGE, text, **more).classes}


@pytest.mark.parametrize(
    "text",
    ["no weakness", "no sign of weakness", "no fever, numbness or weakness", "legs not weak",
     "my legs are not at all weak", "I havent got a temperature", "without any numbness",
     "numbness: no", "fever? no. weakness? no.", "no bladder or bowel problems", "not incontinent"],
)  # fmt: skip
def test_a_plain_denial_is_no_red_flag(text):
    assert "red-flag" not in classes(text)


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
        "red-flag", "emergency", "sugar", "stop", "thanks"
    ]  # fmt: skip
    assert found.gravest is ReplyClass.RED_FLAG
    assert {"leg-weakness", "breathing", "sugar"} <= set(found.codes)


@pytest.mark.parametrize("text", ["asdf", "", "🙂", "can I drive", "thanks, can I drive"])
def test_what_is_not_understood_is_unclear(text):
    assert "unclear" in classes(text)


def test_thanks_and_nothing_else_is_understood():
    assert classes("ok thank you so much x") == {"thanks"}


def test_what_the_carrier_made_of_a_text_counts():
    assert classes("genug", opt_out_type="STOP") == {"stop"}
    assert classes("hm", opt_out_type="HELP") == {"help"}


def test_no_file_can_switch_off_the_wish_to_stop():
    data = tomllib.loads((data_folder("config") / "triage" / "en.toml").read_text(encoding="utf-8"))
    data["rules"] = [rule for rule in data["rules"] if rule["code"] not in {"stop", "start"}]
    triage = parse_triage(data, file="en.toml")

    assert ReplyClass.STOP in triage.sort("STOP").classes
    assert ReplyClass.START in triage.sort("start").classes


def test_the_words_at_which_carriers_stop_are_in_the_file():
    data = tomllib.loads((data_folder("config") / "triage" / "en.toml").read_text(encoding="utf-8"))
    [rule] = [rule for rule in data["rules"] if rule["code"] == "stop"]

    assert {"stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"} <= set(
        rule["whole"]
    )


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
        ([{**RULE, "phrases": ["{lge} & weak"]}], "no group {lge}"),
        ([{**RULE, "classes": ["red"]}], "is not known"),
        ([{**RULE, "phrases": []}], "add phrases, or whole"),
        ([RULE, RULE], "two rules a"),
        ([{**RULE, "phrases": ["Can't"]}], "phrases"),
        ([{**RULE, "gap": 99}], "use 6 or less"),
        ([], "needs at least one"),
    ],
    ids=["group", "class", "empty", "twice", "letters", "gap", "none"],
)
def test_a_file_that_is_wrong_says_where(rules, complaint):
    with pytest.raises(ProtocolError, match=r"en\.toml") as refused:
        parse_triage(spoiled(rules=rules), file="en.toml")

    assert complaint in str(refused.value)


def test_a_part_of_the_body_that_is_no_group_is_told():
    data = spoiled()
    data["negation"] = {**data["negation"], "parts_of_body": ["tail"]}  # type: ignore[dict-item]

    with pytest.raises(ProtocolError, match="names no group: tail"):
        parse_triage(data, file="en.toml")


def test_a_phrase_needs_words_on_both_sides_of_each_sign():
    with pytest.raises(ValueError, match="empty part"):
        parse_phrase("leg &", groups={}, gap=1)
