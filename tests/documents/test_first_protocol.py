"""A newcomer follows the guide to protocols, from an empty folder to a preview in own words."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, CommandLine
from tests.documents import blocks_of, commands_in, texts_of

GUIDE = "docs/writing-a-protocol.md"
OWN = Path("clinic/words/protocols/nerve-root-block/sugar/en/sms.txt")


def walk() -> list[list[str]]:
    """Return the commands of the walk, each block of them by itself."""
    blocks = [commands_in(each) for each in blocks_of(GUIDE) if each.language == "console"]
    return blocks[-3:]


def run(command: str, followup: CommandLine) -> Answer:
    """Run one command of the guide as it stands; each must do what it is to."""
    program, *arguments = shlex.split(command)
    if program == "export":
        followup.more |= dict(each.split("=", 1) for each in arguments)
        return Answer(0, "", "")
    if program != "followup":
        subprocess.run([program, *arguments], cwd=followup.folder, check=True)
        return Answer(0, "", "")
    answer = followup(*arguments)
    assert answer.code == 0, (command, answer.out, answer.err)
    return answer


def test_a_newcomer_comes_from_an_empty_folder_to_a_preview_in_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_sqlite_url: str
):
    monkeypatch.chdir(tmp_path)
    followup = CommandLine(tmp_path, migrated_sqlite_url)
    made, tried, changed = walk()

    for command in made:
        run(command, followup)
    assert [each.name for each in (tmp_path / "clinic").iterdir()] == ["protocols"]
    protocol = Path("clinic/protocols/nerve-root-block.toml")
    protocol.write_text("\n".join(texts_of(GUIDE, "toml")), encoding="utf-8")

    checked, first = (run(command, followup) for command in tried)
    assert "there is no folder clinics in FOLLOWUP_CONFIG_DIR" in checked.out + checked.err
    assert "raise blood sugar for a couple of days" in " ".join(first.out.split())
    assert "do not eat or drink before it" in " ".join(first.out.split())

    export, *again = changed
    run(export, followup)
    OWN.write_text("{{ clinic.short_name }}: test your sugar. Ill? NHS 111.\n", encoding="utf-8")
    _, second = (run(command, followup) for command in again)
    assert "test your sugar" in second.out
    assert "raise blood sugar" not in second.out

    OWN.write_text("{{ clinic.short_nam }}: test your sugar.\n", encoding="utf-8")
    broken = followup(*shlex.split(again[-1])[1:])
    assert broken.code == 1
    assert f'{OWN}, line 1: "clinic.short_nam" is nothing' in broken.err
    assert 'did you mean "clinic.short_name"?' in broken.err
