"""Two people at the command line, from an empty folder of signers to an evidence pack."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from followup.context import AppContext
from followup.domain.releases.manifest import text_digest
from followup.releases.drafts import draft_statement, drafts_of, save_drafts
from followup.releases.go_live import plan_going_live
from followup.releases.in_force import with_words_in_force
from followup.releases.sign import approve, make_signature, sign
from followup.signatures.secret_key import Effort, locked
from tests.cli.conftest import CommandLine
from tests.support.apps import clock_of
from tests.support.signing import (
    ANN,
    APPROVER,
    AUTHOR,
    BOB,
    CLINIC,
    PROTOCOL,
    approved,
    live_app,
    live_folder,
)

PASSPHRASE = "four words are enough"


class People:
    """A clinic whose people sign at the command line."""

    def __init__(self, cli: CommandLine, folder: Path) -> None:
        self.cli, self.folder = cli, folder
        self.config = live_folder(folder)
        shutil.rmtree(self.config / "signers")
        cli.more["FOLLOWUP_CONFIG_DIR"] = str(self.config)
        (folder / "passphrase").write_text(f"{PASSPHRASE}\n")

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def joins(self, name: str, role: str) -> None:
        file = self.key(name)
        options = ("--role", role, "--to", file, *self.passphrase)
        answer = self.cli("keys", "sign", "new", name, *options)
        assert answer.code == 0, answer.err
        assert file.stat().st_mode & 0o777 == 0o600

    @property
    def passphrase(self) -> tuple[object, ...]:
        return ("--passphrase-file", self.folder / "passphrase")

    def words(self, *arguments: object, key: str | None = None):
        signing = ("--key", self.key(key), *self.passphrase) if key else ()
        return self.cli("words", *arguments, *signing)


@pytest.fixture
def people(followup: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> People:
    # A passphrase of a test is worth no second of work.
    quick = {"effort": Effort(2**15, 2**20)}
    monkeypatch.setattr("followup.cli.service.signing_keys.locked", partial(locked, **quick))
    return People(followup, tmp_path)


def release_in(text: str) -> str:
    match = re.search(r"(?:release|extension) ([0-9a-f]{12})", text)
    assert match, text
    return match[1]


WHICH = ("--clinic", CLINIC, "--protocol", PROTOCOL)


def test_the_life_of_a_change(people: People, tmp_path: Path):
    people.joins("Ann Author", "author")
    people.joins("Dr Bob Approver", "approver")
    signed = people.words("sign", *WHICH, key="Ann Author")
    release = release_in(signed.out)
    refused = people.words("approve", release, key="Ann Author")
    approved = people.words("approve", release, key="Dr Bob Approver")

    assert (signed.code, refused.code, approved.code) == (0, 1, 0)
    assert "may not sign as approver" in refused.err
    assert f"approved as {release}" in people.words("status").out
    assert people.words("diff", *WHICH).out.startswith("Nothing differs")

    people.cli.now += timedelta(hours=1)
    # The clinic's number changes, and with it every text that names it.
    facts = people.config / "clinics" / f"{CLINIC}.toml"
    before = facts.read_text()
    facts.write_text(before.replace("01752 437706", "01752 437707"))
    difference = people.words("diff", *WHICH)
    assert "== dressing, en, email, 1 of 1" in difference.out
    assert "437707" in difference.out
    assert "not the approved ones" in people.words("status").out

    protocol = people.config / "protocols" / f"{PROTOCOL}.toml"
    as_it_was = protocol.read_text()
    protocol.write_text(as_it_was.replace("day = 8, at", "day = 9, at"))
    difference = people.words("diff", *WHICH)
    told = (
        "The flare should be settling (step flare-over): moved from day 8 at 10am to day 9 at 10am."
    )
    assert f"== protocols/{PROTOCOL}.toml\n{told}\n@@" in difference.out
    as_data = {one["name"]: one for one in people.words("diff", *WHICH, "--json").json}
    assert as_data[f"protocols/{PROTOCOL}.toml"]["in_words"] == [told]
    assert as_data["dressing, en, email, 1 of 1"]["in_words"] == []
    protocol.write_text(as_it_was)

    second = release_in(people.words("sign", *WHICH, key="Ann Author").out)
    assert people.words("approve", second, key="Dr Bob Approver").code == 0
    back = people.words("rollback", release, "--reason", "The number was wrong.")
    assert back.code == 0, back.err
    assert facts.read_text() == before
    assert f"approved as {release}" in people.words("status").out
    states = {one["release"][:12]: one["state"] for one in people.words("status", "--json").lines}
    assert states == {release: "approved", second: "withdrawn"}

    withdrawn = people.words("withdraw", release, "--reason", "The leaflet was recalled.")
    assert withdrawn.code == 0
    assert "were withdrawn" in people.words("status").out


def test_an_evidence_pack_is_checked_without_this_program(people: People, tmp_path: Path):
    people.joins("Ann Author", "author")
    people.joins("Dr Bob Approver", "approver")
    release = release_in(people.words("sign", *WHICH, key="Ann Author").out)
    people.words("approve", release, key="Dr Bob Approver")

    pack = tmp_path / "pack"
    assert people.words("export-release", release, "--to", pack).code == 0

    commands = [
        line for line in (pack / "README.txt").read_text().splitlines() if " -x " in line
    ] + ["sha256sum --check --quiet release.txt"]
    assert len(commands) == 3
    assert {run(pack, command) for command in commands} == {0}
    words = pack / "words" / "dressing" / "en" / "sms.txt"
    words.write_bytes(words.read_bytes() + b" ")
    manifest = pack / "release.txt"
    assert run(pack, commands[2]) == 1
    manifest.write_bytes(manifest.read_bytes() + b" ")
    assert {run(pack, command) for command in commands[:2]} == {1}


def run(folder: Path, command: str) -> int:
    program, *arguments = command.split()
    found = shutil.which(program)
    assert found, f"{program} is missing: .ci/run installs it"
    ended = subprocess.run(
        [found, *arguments], cwd=folder, capture_output=True, check=False, timeout=60
    )
    return ended.returncode


def test_keys_belong_to_people(people: People):
    people.joins("Ann Author", "author")
    again = people.cli(
        "keys", "sign", "new", "ann  author", "--role", "author", "--to", people.key("a2"),
        *people.passphrase,
    )  # fmt: skip
    revoked = people.cli("keys", "sign", "revoke", "Ann Author")
    signing = people.words("sign", *WHICH, key="Ann Author")
    listed = people.cli("keys", "sign", "list", "--json").lines

    assert (again.code, revoked.code, signing.code) == (1, 0, 1)
    assert "has a key already" in again.err
    assert "is revoked since" in signing.err
    assert [one["name"] for one in listed] == ["Ann Author"]
    assert "no" in people.cli("keys", "sign", "list").out.splitlines()[1].split()[-1]


def test_a_review_date_is_extended_by_two_people(people: People):
    people.joins("Ann Author", "author")
    people.joins("Dr Bob Approver", "approver")
    extended = people.words(
        "extend", *WHICH, "--until", "2027-12-31", "--reason", "Due in print.", key="Ann Author"
    )
    approved = people.words("approve", release_in(extended.out), key="Dr Bob Approver")

    assert (extended.code, approved.code) == (0, 0)
    assert f"{PROTOCOL} at {CLINIC}: review due 2027-12-31" in people.words("status").out


def test_check_live_lists_what_is_missing_in_order_and_who_settles_it(people: People):
    before = people.cli("check", "--live", "--json")
    missing = before.json["missing"]

    assert before.code == 1
    assert not before.json["live"]
    told = " ".join(one["message"] for one in missing)
    assert "two people with keys are needed" in told
    assert "nobody is on call" in told
    assert "facet-joint-injection is an example" in told
    assert missing[0]["who"] == "operator"
    assert missing[-1]["who"] == "author and approver"


def test_nothing_is_missing_once_all_is_settled(people: People):
    for file in (people.config / "protocols").glob("*.toml"):
        if file.stem != PROTOCOL:
            file.unlink()
    people.cli.more |= {
        "FOLLOWUP_ON_CALL_EMAIL": "on-call@example.com",
        "FOLLOWUP_ALERT_EMAIL": "operator@example.com",
        "FOLLOWUP_ALERT_SMTP_URL": "smtp://127.0.0.1:2525",
        "FOLLOWUP_MODE": "live",
    }
    people.joins("Ann Author", "author")
    people.joins("Dr Bob Approver", "approver")
    release = release_in(people.words("sign", *WHICH, key="Ann Author").out)
    people.words("approve", release, key="Dr Bob Approver")

    answer = people.cli("check", "--live", "--json")

    left = [one["message"] for one in answer.json["missing"]]
    assert all("sandbox" in one or "FOLLOWUP_CLOCK" in one for one in left), left


def test_what_is_shipped_can_hold_nobodys_signature(followup: CommandLine, tmp_path: Path):
    answer = followup("words", "sign", *WHICH, "--key", tmp_path / "k")

    assert answer.code == 1
    assert "FOLLOWUP_CONFIG_DIR is unset" in answer.err


def test_one_person_with_both_roles_is_no_two(people: People):
    options = ("--role", "author", "--role", "approver", "--to", people.key("Cat"))
    assert people.cli("keys", "sign", "new", "Cat", *options, *people.passphrase).code == 0
    release = release_in(people.words("sign", *WHICH, key="Cat").out)

    refused = people.words("approve", release, key="Cat")

    assert refused.code == 1
    assert "two people are needed" in refused.err
    assert "not approved" in people.words("status").out


PEEL = """\
{{ clinic.short_name }}: you can peel the small dressing off now. Unwell? Ring NHS 111.
{% include "_layout/en/sms-stop-short.txt" %}
"""


def test_words_of_the_console_are_checked_withdrawn_and_gone_back_to(
    followup: CommandLine, tmp_path: Path
):
    folder = live_folder(tmp_path)
    followup.more["FOLLOWUP_CONFIG_DIR"] = str(folder)
    followup("migrate")
    app = live_app(followup.database_url, folder)
    files = approved(app).digest[:12]
    good = published(app, PEEL)
    clock_of(app).advance(timedelta(minutes=1))
    wrong = published(app, PEEL.replace(" Unwell? Ring NHS 111.", ""))
    app.close()
    followup.now += timedelta(minutes=2)

    for example in {*(folder / "protocols").glob("*.toml")} - {
        folder / f"protocols/{PROTOCOL}.toml"
    }:
        example.unlink()
    checked = followup("check", "--json")
    missing = followup("check", "--live", "--json").json["missing"]
    assert checked.code == 1
    (told,) = [one["message"] for one in checked.json["errors"]]
    assert 'protocol nerve-root-block, step "dressing"' in told
    assert "names no help that is open then" in told
    assert {"who": "author", "message": told} in missing
    assert f"approved as {wrong}" in followup("words", "status").out

    back = followup("words", "rollback", good, "--reason", "It names no help.")
    assert f"The words of release {good} are in force again." in back.out, back.err
    assert "Later releases withdrawn: 1." in back.out
    assert followup("words", "withdraw", good, "--reason", "The leaflet was recalled.").code == 0
    assert "were withdrawn" in followup("words", "status").out
    refused = followup("words", "rollback", wrong, "--reason", "Nobody knows.")
    assert (refused.code, "nobody withdrew" in refused.err) == (1, True)

    last = followup("words", "rollback", files, "--reason", "As before.")
    assert f"The files are as release {files} has them." in last.out, last.err
    assert f"approved as {files}" in followup("words", "status").out
    states = {
        one["release"][:12]: one["state"] for one in followup("words", "status", "--json").lines
    }
    assert states == {files: "approved", good: "withdrawn", wrong: "withdrawn"}


def published(app: AppContext, text: str) -> str:
    """Let two people put words of the console into force; return the release."""
    pair = (CLINIC, PROTOCOL)
    app = with_words_in_force(app)
    path = "dressing/en/sms.txt"
    seen = {path: text_digest(app.content.of(*pair).sources[path])}
    save_drafts(app, pair, {path: text}, seen=seen, actor="web:ann")
    with app.store.read() as session:
        statement = draft_statement(app, pair, drafts_of(session, pair))
    sign(app, statement, make_signature(app, statement.text, ANN, AUTHOR), actor="web:ann")
    made = make_signature(app, statement.text, BOB, APPROVER)
    release = approve(app, statement.digest, made, actor="web:bob")
    plan_going_live(app, release, at=app.clock.now(), actor="web:bob")
    return statement.digest[:12]
