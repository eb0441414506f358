"""`followup incident export`: everything about one event, and nothing about anybody else."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from followup.audit.tree import SIGN_AFTER, sign_trail
from tests.cli.conftest import enrolled
from tests.cli.test_oversight import do, enrolled_with, play, tamper
from tests.support.apps import clock_of

NAMES = {
    "README.txt",
    "evidence.zip",
    "incident.html",
    "incident.json",
    "manifest.json",
    "program.json",
    "protocol.json",
    "verifier.json",
    "words.json",
}


def opened(path: Path) -> dict[str, str]:
    """The files of an export by name, each byte a letter where it holds more than text."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    return {
        name: each.decode("latin-1" if name.endswith(".zip") else "utf-8")
        for name, each in content.items()
    }


def test_an_incident_is_exported_whole_and_names_nobody_else(on_both):
    mine = enrolled(on_both)
    enrolled_with(on_both, 2, mobile="07700 900222")
    play(on_both, minutes=10)
    on_both("sandbox", "reply", "--from", "07700 900001", "my leg is weak")
    play(on_both, minutes=10)

    answer = on_both("incident", "export", "--enrolment", "REF-1", "--to", "one.zip")

    assert answer.code == 0, answer.err
    assert "the words that they wrote" in answer.err
    path = on_both.folder / "one.zip"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    files = opened(path)
    assert files.keys() == NAMES
    incident = json.loads(files["incident.json"])
    assert incident["enrolment_id"] == mine["enrolment_id"]
    assert incident["messages"][0]["tries"][0]["text"].startswith("Derriford Pain Clinic: do not")
    assert [reply["text"] for reply in incident["replies"]] == ["my leg is weak"]
    assert incident["worklist"]
    assert incident["events"]
    # No process signs here, and hours pass: nothing was edited for that.
    verdict = json.loads(files["verifier.json"])
    assert (verdict["damage"], verdict["intact"]) == ([], None)
    assert "NOT INTACT" not in answer.err
    assert json.loads(files["protocol.json"])["key"] == "nerve-root-block"
    version = incident["messages"][0]["tries"][0]["content_version"]
    assert "going-home/en/sms.txt" in json.loads(files["words.json"])[version]["sources"]
    everything = "".join(files.values())
    for told in ("Patient-00002", "Patient-00001", "07700900222", "07700 900001", "REF-2"):
        assert told not in everything
    assert "What the patient wrote" in files["incident.html"]
    assert "my leg is weak" in files["incident.html"]
    digests = json.loads(files["manifest.json"])
    assert digests.keys() == NAMES - {"manifest.json"}
    assert all(
        hashlib.sha256(
            files[name].encode("latin-1" if name.endswith(".zip") else "utf-8")
        ).hexdigest()
        == digest
        for name, digest in digests.items()
    )
    trail = on_both("audit", "REF-1", "--json").json["events"]
    assert trail[-1]["action"] == "patient.incident-exported"


def test_it_may_be_about_one_message_and_says_where_the_trail_was_edited(followup):
    enrolled(followup)
    play(followup, hours=1)
    followup("withdraw", "REF-1", "--reason", "Moved to Exeter")
    message = next(it for it in followup("messages", "--json").lines if it["state"] == "delivered")
    with followup.app() as app:
        # The commands themselves wrote at the real time.
        ahead = datetime.now(UTC) - app.clock.real_now() + 2 * SIGN_AFTER
        clock_of(app).advance_real(ahead)
        sign_trail(app)
    tamper(followup)
    do(followup, "UPDATE audit_events SET actor = 'cli:x' WHERE action = 'enrolment.withdrawn'")

    answer = followup("incident", "export", "--message", message["id"])

    [path] = followup.folder.glob("incident-*.zip")
    files = opened(path)
    assert answer.code == 0, answer.err
    assert "Written to incident-" in answer.out
    assert json.loads(files["incident.json"])["about_message"] == message["id"]
    assert "The message that it is about" in files["incident.html"]
    assert "Moved to Exeter" in files["incident.html"]
    assert json.loads(files["verifier.json"])["intact"] is False
    assert "evidence.zip" not in files
    assert "was edited, removed or slipped in." in files["incident.html"]
    assert "The audit trail is NOT INTACT" in answer.err


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        ((), 2, "give a message with --message or an enrolment with --enrolment"),
        (("--enrolment", "nobody"), 1, "there is no enrolment 'nobody'"),
        (("--message", "01a2041f-7822-755d-8000-000000000000"), 1, "there is no message"),
        (("--enrolment", "REF-1", "--to", "there.zip"), 1, "is there already"),
        (("--enrolment", "REF-1", "--to", "none/there.zip"), 1, "can't be written"),
    ],
)
def test_what_can_t_be_exported_is_told(followup, args, code, told):
    enrolled(followup)
    (followup.folder / "there.zip").touch()

    answer = followup("incident", "export", *args)

    assert answer.code == code
    assert told in answer.err
    assert (followup.folder / "there.zip").read_bytes() == b""
