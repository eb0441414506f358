"""The second net: what its tables raise, what it leaves alone, and how it says why."""

from __future__ import annotations

import pytest

from followup.domain.errors import ProtocolError
from followup.domain.triage.second_net import features_of, parse_second_net
from followup.domain.triage.triage import ReplyClass, sort_reply
from tests.support.apps import general_triage

TABLE = {"base": 0, "threshold": 50, "points": "40 drawing pin\n20 wife\n-30 fine"}
FILE = {"language": "en", "version": "7", "grave": TABLE}
[SHIPPED] = general_triage()


def sorted_by(file, text):
    return sort_reply([SHIPPED.backed_by(parse_second_net(file, file="net.toml"))], text)


def test_words_and_neighbours_count_once_each_however_they_are_written():
    assert features_of("A drawing-pin. A PIN, can't: 7 pins") == {
        "a": "a", "drawing": "drawing", "a drawing": "a drawing", "pin": "pin",
        "drawing pin": "drawing pin", "pin a": "pin a", "a pin": "a pin", "cant": "cant",
        "pin cant": "pin cant", "#": "7", "cant #": "cant 7", "pins": "pins", "# pins": "7 pins",
    }  # fmt: skip


def test_a_text_whose_points_come_to_the_threshold_is_a_red_flag_with_the_words_that_weighed():
    found = sorted_by(FILE, "Trod on a drawing pin, it was my wife who saw it")

    assert found.classes == (ReplyClass.RED_FLAG,)
    assert found.codes == ("second-net-red-flag",)
    assert found.phrases == ("drawing pin … wife",)
    assert found.version.endswith("+net-7")


def test_one_that_does_not_is_left_as_it_was():
    text = "Trod on a drawing pin, it was my wife who saw it, we are fine"

    assert sorted_by(FILE, text).classes == (ReplyClass.UNCLEAR,)


def test_what_is_provably_harmless_or_a_request_alone_is_never_weighed():
    everything = {**TABLE, "threshold": -1000}
    file = {**FILE, "grave": everything, "emergency": everything, "crisis": everything}

    assert sorted_by(file, "thank you").classes == (ReplyClass.THANKS,)
    assert sorted_by(file, "STOP").classes == (ReplyClass.STOP,)
    assert ReplyClass.CRISIS in sorted_by(file, "the glaze sat on it").classes


def test_a_kind_is_told_only_of_what_is_grave():
    file = {**FILE, "crisis": {**TABLE, "threshold": 15, "points": "20 bridge"}}

    assert sorted_by(file, "the bridge is nice").classes == (ReplyClass.UNCLEAR,)
    raised = sorted_by(file, "the bridge, and my leg is numb").classes
    assert raised[0] is ReplyClass.CRISIS
    assert ReplyClass.RED_FLAG in raised


@pytest.mark.parametrize(
    "text", ["my leg is numb", "my tooth hurts", "38.7", "sugar 14", "stop it"]
)
def test_it_never_lowers_anything(text):
    nothing = {**FILE, "grave": {**TABLE, "threshold": 10_000}}
    without = sort_reply([SHIPPED.backed_by(None)], text)

    assert sorted_by(nothing, text).classes == without.classes


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"points": "cant"}, 'write "54 cant"'),
        ({"points": "5 one two three"}, "no line of points"),
        ({"points": ""}, "points"),
        ({"threshold": "high"}, "threshold"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_what_to_write(change, complaint):
    with pytest.raises(ProtocolError, match=complaint):
        parse_second_net({**FILE, "grave": {**TABLE, **change}}, file="net.toml")
