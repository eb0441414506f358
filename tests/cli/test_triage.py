"""`followup triage`: one reply sorted, and the report on labelled ones."""

from __future__ import annotations

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
