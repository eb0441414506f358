"""`followup words`, and a clinic's own words in what the product says and refuses."""

from __future__ import annotations


def test_words_are_exported_changed_and_said(followup):
    folder = followup.folder / "own"
    folder.mkdir()
    (folder / "words").mkdir()
    followup.more = {"FOLLOWUP_CONFIG_DIR": str(folder)}

    done = followup("words", "export", "--protocol", "nerve-root-block", "--language", "en")
    text = folder / "words/protocols/nerve-root-block/dressing/en/sms.txt"
    text.write_text("{{ clinic.short_name }}: leave the dressing on for two days.\n")
    again = followup("words", "export", "--protocol", "nerve-root-block", "--language", "en")
    asked = ("--protocol", "nerve-root-block", "--procedure-at", "2026-11-21T14:30", "--clinic",
             "derriford-pain", "--no-diabetic", "--no-steroid", "--json")  # fmt: skip
    shown = followup("preview", *asked)
    text.write_text("{{ clinic.fone }}\n")
    broken = followup("preview", *asked)
    checked = followup("check")

    assert done.code == 0, done.err
    assert f"files written to {folder / 'words'}. Keep those that you change" in done.out
    assert (again.code, f"- {text}" in again.err) == (1, True)
    assert "leave the dressing on for two days" in shown.out, shown.err
    assert (broken.code, checked.code) == (1, 1)
    assert f'{text}, line 1: "clinic.fone" is nothing' in broken.err
    assert "clinic.fone" in checked.out + checked.err


def test_words_have_to_be_written_somewhere(followup):
    answer = followup("words", "export")

    assert answer.code == 1
    assert "with --to, or FOLLOWUP_CONFIG_DIR" in answer.err
