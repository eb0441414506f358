"""All words on one long page, for whoever has to approve them."""

from __future__ import annotations

import subprocess
import sys

from followup.content.library import Content
from followup.domain.channel import ChannelKind
from scripts.read_messages import main
from scripts.read_through import read_through_text


def test_every_message_is_shown_to_every_audience(content: Content, catalogue, clinic):
    page = read_through_text(content, clinic=clinic, protocols=catalogue.protocols.values())

    assert "Nerve root block: sugar, to diabetic and steroid given\n" in page
    assert "Nerve root block: dressing, to everyone\n" in page
    assert "Answer to STOP: Whoever texts a stopping word; sent once.\n" in page
    assert "sms in en, 4 of 4, 3 segments, " in page
    assert "email in en, 4 of 4, " in page
    for version in content.versions():
        assert f"version {version.id}, draft" in page


def test_one_channel_can_be_read_by_itself(content: Content, catalogue, clinic):
    protocols = catalogue.protocols.values()

    page = read_through_text(
        content, clinic=clinic, protocols=protocols, channels=[ChannelKind.SMS]
    )

    assert "email in en" not in page


def test_a_text_looks_as_on_a_phone(content: Content, catalogue, clinic):
    page = read_through_text(
        content,
        clinic=clinic,
        protocols=[catalogue.protocols["nerve-root-block"]],
        channels=[ChannelKind.SMS],
    )

    bubble = page[page.index("Nerve root block: dressing") :].splitlines()[5:12]
    assert bubble == [
        "╭──────────────────────────────────────╮",
        "│ Derriford Pain Clinic: you can take  │",
        "│ the small dressing off now. Do not   │",
        "│ worry if it has already come off.    │",
        "│ Unwell? Ring NHS 111. To stop, reply │",
        "│ STOP.                                │",
        "╰──────────────────────────────────────╯",
    ]


def test_the_page_is_printed_by_a_command(capsys):
    assert main(["--channel", "sms"]) == 0

    page = capsys.readouterr().out
    assert page.startswith("Derriford Pain Clinic\n\n")
    assert "sms in en" in page
    assert "email in en" not in page


def test_the_command_says_what_is_wrong(capsys, tmp_path):
    assert main(["--config-dir", str(tmp_path)]) == 1

    assert "holds none of the folders" in capsys.readouterr().err


def test_the_command_runs_from_anywhere(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "scripts.read_messages"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "email in en" in done.stdout
