"""`followup triage`: one reply sorted, and the report on labelled ones."""

from __future__ import annotations


def test_a_reply_is_sorted_into_classes_with_the_words_that_were_found(followup):
    answer = followup("triage", "--json", "STOP cant feel my legs")

    assert answer.code == 0
    assert answer.json["classes"] == ["red-flag", "stop"]
    assert answer.json["phrases"] == ["cant feel legs"]


def test_for_people_it_is_put_in_words(followup):
    answer = followup("triage", "no weakness")

    assert "Not recognised: staff must read it" in answer.out


def test_the_report_shows_sensitivity_and_false_alarms_by_class(followup):
    answer = followup("triage", "--report")
    told = followup("triage", "--report", "--json").json

    assert answer.code == 0
    assert "held-out: 136 replies" in answer.out
    assert "Sensitivity" in answer.out
    for corpus in ("replies", "held-out"):
        assert told[corpus]["classes"]["red-flag"]["sensitivity"] >= 0.99
        assert "false_alarms" in told[corpus]["classes"]["pain"]


def test_another_file_of_labelled_replies_can_be_named(followup, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("classes,text\nred-flag,all is well\n")

    assert "missed: all is well" in followup("triage", "--report", "--corpus", file).out


def test_a_file_that_is_wrong_is_refused_with_the_line(followup, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("classes,text\nflag,all is well\n")

    answer = followup("triage", "--report", "--corpus", file)

    assert answer.code == 1
    assert "line 2" in answer.err


def test_without_a_text_it_says_what_to_give(followup):
    answer = followup("triage")

    assert answer.code == 1
    assert "--report" in answer.err
