"""`followup triage`: one reply sorted, and the report on labelled ones."""

from __future__ import annotations

import json
from multiprocessing import get_context

from followup.cli.oversight import triage
from tests.triage import HELD_OUT, REPLIES


def test_a_reply_is_sorted_into_classes_with_the_words_that_were_found(followup):
    answer = followup("triage", "--json", "STOP cant feel my legs")

    assert answer.code == 0
    assert answer.json["classes"] == ["red-flag", "stop"]
    assert answer.json["phrases"] == ["cant feel legs", "cant feel", "legs"]


def test_for_people_it_is_put_in_words(followup):
    assert (
        "Not recognised: staff must read it"
        in followup("triage", "the cat sat on my thingummy").out
    )
    assert "Harmless" in followup("triage", "no weakness").out


def test_the_report_shows_sensitivity_and_false_alarms_by_class(followup):
    files = ("--report", REPLIES, "--report", HELD_OUT)
    answer = followup("triage", *files)
    told = followup("triage", *files, "--json").json

    assert answer.code == 0
    assert "held-out: 136 replies" in answer.out
    assert "Sensitivity" in answer.out
    for corpus in ("replies", "held-out"):
        assert told[corpus]["classes"]["red-flag"]["sensitivity"] >= 0.99
        assert "false_alarms" in told[corpus]["classes"]["pain"]


def test_a_red_flag_that_was_missed_is_shown(followup, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("classes,text\nred-flag,all is well\n")

    assert "missed: all is well" in followup("triage", "--report", file).out


def test_a_file_that_is_wrong_is_refused_with_the_line(followup, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("classes,text\nflag,all is well\n")

    answer = followup("triage", "--report", file)

    assert answer.code == 1
    assert "line 2" in answer.err


def test_without_a_text_it_says_what_to_give(followup):
    answer = followup("triage")

    assert answer.code == 1
    assert "--report FILE" in answer.err


def test_a_file_is_sorted_line_by_line_however_many_lines_and_processors_there_are(
    followup, tmp_path, monkeypatch
):
    file = tmp_path / "replies.txt"
    one_each = ["thanks", "STOP cant feel my legs", "", "the cat sat on my thingummy \u2028 cat"]
    forks = []
    monkeypatch.setattr(triage, "get_context", lambda way: forks.append(way) or get_context(way))

    def sorted_by(cores, lines):
        monkeypatch.setattr(triage.os, "cpu_count", lambda: cores)
        file.write_text("\n".join(lines) + "\n")
        answer = followup("triage", "--file", file)
        assert answer.code == 0
        return answer.out.removesuffix("\n").split("\n")

    few = sorted_by(2, one_each)
    many = sorted_by(2, one_each * 50)

    assert [json.loads(line)["classes"] for line in few[:2]] == [["thanks"], ["red-flag", "stop"]]
    assert many == few * 50
    assert forks == ["fork"]
    assert sorted_by(None, one_each * 5) == few * 5
