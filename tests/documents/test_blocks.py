"""Every example in a document does what it shows: files load, requests enrol, commands run.

A block's language says which rule it is held to; one in a language without a rule fails. A command
that can't be run here stands in `NOT_RUN` with the reason.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest

from followup.catalogue.load import load_catalogue
from followup.content.metadata import Meta
from followup.domain.lifecycle import LEGAL_MOVES, State
from followup.signatures.secret_key import Effort, locked
from followup.store.models.merges import PatientMerge
from tests.cli.conftest import FOLLOWUP, CommandLine, enrolled
from tests.documents import NAMES, ROOT, Block, all_blocks, blocks_of, commands_in, read, texts_of
from tests.support.apps import HandClock, enrol_one, make_app, read_shipped_files_once, rows
from tests.support.fork_server import INTERPRETER, fork_server
from tests.support.hl7 import message
from tests.support.people import ENROLLED_AT, PROCEDURE_AT, nhs_number
from tests.support.servers import HOST, PostgresServer
from tests.support.signing import live_folder
from tests.web.conftest import key_for, served

SLOW = pytest.mark.slow
HEAD = "docs/writing-a-protocol.md"
SIGNING = "docs/signing-words.md"


@pytest.fixture(autouse=True)
def _shipped_files_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read_shipped_files_once(monkeypatch)


# ------------------------------------------------------------------------------------ rules

LANGUAGES = {"console", "json", "mermaid", "text", "toml"}


@pytest.mark.parametrize("document", NAMES)
def test_every_block_is_in_a_language_that_has_a_rule(document: str):
    assert {block.language for block in blocks_of(document)} <= LANGUAGES


@pytest.mark.parametrize("document", NAMES)
def test_no_example_is_set_off_by_spaces_where_no_rule_would_find_it(document: str):
    outside = re.sub(r"^```.*?^```$", "", read(document), flags=re.MULTILINE | re.DOTALL)

    assert not re.findall(r"\n\n {4}\S.*", outside)


# ------------------------------------------------------------------------------------- TOML


def as_protocol(document: str, folder: Path) -> None:
    """Load the blocks of a document as one protocol, by what the product reads its own with.

    A document that shows steps alone borrows the head of the guide to protocols.
    """
    blocks = texts_of(document, "toml")
    if not blocks[0].startswith("key ="):
        head = next(block for block in blocks_of(HEAD) if block.language == "toml")
        blocks.insert(0, head.text)
    (folder / "protocols").mkdir()
    (folder / "protocols" / "example.toml").write_text("\n".join(blocks), encoding="utf-8")
    shutil.copytree(ROOT / "config" / "clinics", folder / "clinics")

    [protocol] = load_catalogue(folder).protocols.values()

    assert len(protocol.steps) == "\n".join(blocks).count("[[steps]]")


def as_approvals(document: str, _folder: Path) -> None:
    """Read each block as the approval on the card of a message that is shipped."""
    card = tomllib.loads(read("templates/messages/dressing/meta.toml"))
    for block in blocks_of(document):
        if block.language == "toml":
            # The ids are cut short for the reader.
            whole = re.sub(r'"([0-9a-f]+)…"', lambda cut: f'"{cut[1]:0<64}"', block.text)
            Meta.model_validate({**card, **tomllib.loads(whole)})


TOML: dict[str, Callable[[str, Path], None]] = {
    "README.md": as_protocol,
    HEAD: as_protocol,
    "docs/writing-messages.md": as_approvals,
}


@pytest.mark.parametrize("document", TOML)
def test_files_load(document: str, tmp_path: Path):
    TOML[document](document, tmp_path)


def test_every_document_with_files_is_loaded():
    assert {block.document for block in all_blocks("toml")} == TOML.keys()


# ------------------------------------------------------------------------------------- JSON


def enrolments() -> list[Block]:
    """Return the blocks that are enrolments; the others are held to a rule of their own."""
    return [block for block in all_blocks("json") if block.document not in OTHER_JSON]


OTHER_JSON = {
    "docs/fhir.md": "tests/documents/test_answers_of_ours.py compares it with what is answered",
    "docs/webhooks.md": "tests/documents/test_answers_of_ours.py compares it with what is sent",
}


@SLOW
@pytest.mark.parametrize("block", enrolments(), ids=str)
def test_requests_enrol(block: Block, migrated_sqlite_url: str):
    body = json.loads(block.text)
    day_before = datetime.fromisoformat(body["procedure_at"]) - timedelta(days=1)

    with (
        closing(make_app(migrated_sqlite_url, clock=HandClock(day_before))) as app,
        served(app) as client,
    ):
        answer = client.post("/api/v1/enrolments", json=body, headers=key_for(app))

    assert answer.status_code == 201, answer.text


# --------------------------------------------------------------------------------- commands

NOT_RUN = {
    ".venv/bin/followup demo": "by the test of what it prints",
    "followup web": "goes on until it is stopped: tests/web/test_serve.py starts and stops it",
    "celery -A tasks worker": "goes on: tests/replies/test_end_to_end.py runs it",
    "celery -A tasks beat": "goes on: tests/replies/test_end_to_end.py runs it",
    "docker compose up --detach --wait": "needs Docker: tests/test_deployment.py holds the file to "
    "the schema of Compose",
    'curl -H "Authorization: Bearer fu_…" --data-binary @mail https://…/hooks/bounce': "needs the "
    "clinic's own address: tests/delivery/test_bounces_end_to_end.py posts to it",
    "followup listen hl7": "goes on: tests/intake/hl7/test_listener.py starts and stops it",
    "followup audit --verify --head kept.note": "needs what was printed before: "
    "tests/cli/test_oversight.py gives it",
    "followup bounces": "needs the clinic's own mailbox: tests/delivery/test_imap.py fetches it",
}
"""Commands that are not run as they stand, and why."""

ON_POSTGRESQL = ("pg_dump", "createdb", "pg_restore", "followup after-restore --backup-taken-at")
"""How those commands begin that are about a PostgreSQL server."""

ENDS_WITH_1 = {
    "followup audit --verify": "nothing signs here, and that is what it finds",
    "followup watch --once": "nothing runs here, and that is what it finds",
    "followup check --live": "no clinic is ready before two people have signed",
}
"""Commands that are refused here, and why."""

PATIENTS = f"""reference,procedure_at,nhs_number,name,mobile,diabetic,steroid,channels
REF-2,2026-11-21T15:30,{nhs_number(2)},Test Patient-2,07700 900002,yes,no,sms
"""
BORN = date(1957, 5, 17)
"""Of the patient whom `enrolled` enrols."""
DAY = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
"""The day of the procedure in README.md."""


def commands_of(document: str) -> list[str]:
    return [
        command
        for block in blocks_of(document)
        if block.language == "console"
        for command in commands_in(block)
    ]


def run_here(command: str, followup: CommandLine) -> None:
    """Run a command by the rule for its first word; one that has no rule fails."""
    program, *arguments = shlex.split(command)
    if program in {"followup", ".venv/bin/followup"}:
        run_ours(command, arguments, followup)
    elif program == "make":
        check_make(arguments)
    elif program == "python":
        said_by(*arguments)
    elif program == "python3":
        key = followup("audit", "--verify", "--json").json["public_key"]
        given = [key if each == "KEY" else each for each in arguments[1:]]
        verifier = [sys.executable, ROOT / arguments[0], *given]
        done = subprocess.run(verifier, cwd=followup.folder, check=False, capture_output=True)
        # What was enrolled a moment ago is not signed yet.
        assert done.returncode == 2, done.stderr
    elif program in {"cp", "mkdir"}:
        subprocess.run([program, *arguments], cwd=followup.folder, check=True)
    elif program == "export":
        followup.more |= dict(each.split("=", 1) for each in arguments)
    else:
        pytest.fail(f"{command}: no rule for {program} (or give it a line in NOT_RUN)")


def run_ours(command: str, arguments: list[str], followup: CommandLine) -> None:
    switches = [str(each["id"]) for each in followup("switches", "--json").lines]
    given = [switches[0] if each == "SWITCH" else each for each in arguments]
    given = [merge_of(followup) if each == "MERGE" else each for each in given]
    given = [newest_release(followup) if each == "RELEASE" else each for each in given]
    given = [each.replace("/var/mail", str(followup.folder)) for each in given]

    answer = followup(*given, stdin="From: nobody@example.com\n\nIt did not arrive.\n")

    assert answer.code == (command in ENDS_WITH_1), (command, answer.out, answer.err)


def merge_of(followup: CommandLine) -> str:
    """Return the id that merging printed."""
    with followup.app() as app:
        [merge] = rows(app, PatientMerge)
    return str(merge.id)


def newest_release(followup: CommandLine) -> str:
    """Return the release that was signed last."""
    released = followup("words", "status", "--json").lines
    # Those of review dates come last, as in the document.
    return str(released[-1]["release"])


def check_make(arguments: list[str]) -> None:
    """Let make say what it would run, and the program behind a target which options it has."""
    dry = subprocess.run(
        ["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert dry.returncode == 0, dry.stderr
    passed = next((each.removeprefix("ARGS=") for each in arguments if "ARGS=" in each), "")
    options = [each for each in shlex.split(passed) if each.startswith("--")]
    if options:
        [line] = [line for line in dry.stdout.splitlines() if line.endswith(passed)]
        program = shlex.split(line.removeprefix("exec ").removesuffix(passed))
        told = help_of(*program)
        assert [each for each in options if each not in told] == []


@cache
def help_of(*program: str) -> str:
    words = program[1:] if program[1] == "-m" else ("-m", "followup.cli", *program[1:])
    return said_by(*words, "--help")


def said_by(flag: str, module: str, *words: str) -> str:
    """Return what `python -m` of a module of ours prints; forked, which spares its imports."""
    assert flag == "-m"
    with NamedTemporaryFile() as file:
        process = fork_server().start(
            module, words, environment=INTERPRETER, folder=ROOT, log=Path(file.name)
        )
        code, said = process.wait(60), Path(file.name).read_text("utf-8")
    assert code == 0, said
    return said


@SLOW
@pytest.mark.parametrize("document", [each for each in NAMES if commands_of(each)])
def test_commands_run_as_they_stand(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_sqlite_url: str
):
    monkeypatch.chdir(tmp_path)
    # A passphrase of an example is worth no second of work.
    quick = partial(locked, effort=Effort(2**15, 2**20))
    monkeypatch.setattr("followup.cli.service.signing_keys.locked", quick)
    followup = CommandLine(tmp_path, migrated_sqlite_url)
    furnish(document, followup)
    ran = 0

    for command in commands_of(document):
        if command not in NOT_RUN and not command.startswith(ON_POSTGRESQL):
            run_here(command, followup)
            ran += 1

    assert ran
    while switches := followup("switches", "--json").lines:
        followup("resume-sending", switches[0]["id"])


def furnish(document: str, followup: CommandLine) -> None:
    """Put there what the commands of a document work on."""
    (followup.folder / "config").mkdir()
    shutil.copy(ROOT / "config" / "example.env", followup.folder / "config")
    (followup.folder / "patients.csv").write_text(PATIENTS, encoding="utf-8")
    for name in ("cur", "new", "tmp"):
        (followup.folder / "bounces" / name).mkdir(parents=True)
    patient = next((block for block in blocks_of(document) if block.language == "json"), None)
    if patient is not None:
        (followup.folder / "patient.json").write_text(patient.text, encoding="utf-8")
    told = message("SIU^S12", time=ENROLLED_AT, msh={4: "EXH"})
    (followup.folder / "messages.hl7").write_text(told, encoding="utf-8")
    if document == HEAD:
        own = followup.folder / "clinic" / "protocols" / "nerve-root-block.toml"
        own.parent.mkdir(parents=True)
        own.write_text("\n".join(texts_of(HEAD, "toml")), encoding="utf-8")
    bundle = texts_of("docs/fhir.md", "json")[1]
    (followup.folder / "bundle.json").write_text(bundle, encoding="utf-8")
    if document == SIGNING:
        furnish_signers(followup)
    if document == "README.md":
        followup.now = DAY
    else:
        enrolled(followup)
    if document == "docs/operations.md":
        # Another record of the same person.
        with followup.app() as app:
            other = {
                "name": "Ann Other",
                "nhs_number": None,
                "reference": "REF-2",
                "date_of_birth": BORN,
            }
            enrol_one(app, 1, procedure_at=PROCEDURE_AT - timedelta(days=3), **other)


def furnish_signers(followup: CommandLine) -> None:
    """Make a configuration of the clinic's own, whose people have passphrases and no keys yet."""
    folder = live_folder(followup.folder)
    shutil.rmtree(folder / "signers")
    followup.more["FOLLOWUP_CONFIG_DIR"] = str(folder)
    for name in ("ann.txt", "bob.txt"):
        (followup.folder / name).write_text("four words are enough\n", encoding="utf-8")


@SLOW
def test_the_commands_for_postgresql_run_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("followup.cli.service.restore._rest", lambda _: None)
    environment = {
        **os.environ,
        "PATH": f"{postgres_server._programs}:{os.defpath}",
        "PGHOST": HOST,
        "PGPORT": str(postgres_server.port),
        "PGUSER": "postgres",
    }
    theirs = [
        command
        for document in NAMES
        for command in commands_of(document)
        if command.startswith(ON_POSTGRESQL)
    ]
    assert [command.split()[0] for command in theirs[:-1]] == [*ON_POSTGRESQL[:-1]]
    subprocess.run(["createdb", "followup"], env=environment, check=True)
    make_app(postgres_server.url("followup")).close()
    followup = CommandLine(tmp_path, postgres_server.url("followup_restored"))
    try:
        for command in theirs:
            program, *arguments = shlex.split(command)
            if program == "followup":
                answer = followup(*arguments)
                assert answer.code == 0, answer.err
            else:
                subprocess.run([program, *arguments], env=environment, check=True)
        assert followup("switches", "--json").lines[0]["scope"] == "all"
    finally:
        for database in ("followup", "followup_restored"):
            postgres_server.drop_database(database)


def test_what_is_not_run_stands_in_some_document_and_has_a_reason():
    named = {command for document in NAMES for command in commands_of(document)}

    assert NOT_RUN.keys() | ENDS_WITH_1.keys() <= named
    assert all((NOT_RUN | ENDS_WITH_1).values())


# ----------------------------------------------------------------- what commands print

TERMINAL = {"COLUMNS": "110", "LINES": "60", "TERM": "xterm", "LANG": "C.UTF-8", "PATH": os.defpath}


def plain(printed: str) -> str:
    """Return lines of words: without colours, frames and the width of columns."""
    moved = re.sub(r"\x1b\[[0-9;?]*[A-KS-Z]|\r", "\n", printed)
    words = re.sub(r"\x1b\[[0-9;?]*[a-z]", "", moved)
    lines = [" ".join(re.sub(r"[─-╿]", " ", line).split()) for line in words.splitlines()]
    return "\n".join(line for line in lines if line)


def shows(sample: str, printed: str) -> bool:
    """Say whether a sample is what was printed; `…` stands for the rest of a line, or for lines."""
    parts = []
    for line in plain(sample).splitlines():
        whole = re.escape(line).replace("…", "[^\n]*") + "\n"
        parts.append("(?:[^\n]*\n)*?" if line == "…" else whole)
    return re.search("".join(parts), plain(printed) + "\n") is not None


def demonstration(folder: Path) -> str:
    """Return what the demonstration shows on a terminal, played as fast as it goes."""
    terminal, end = pty.openpty()
    with subprocess.Popen(
        [str(FOLLOWUP), "demo", "--speed", "1000"],
        stdin=subprocess.DEVNULL,
        stdout=end,
        stderr=end,
        cwd=folder,
        env=TERMINAL,
    ) as process:
        os.close(end)
        shown = b""
        while part := _more(terminal):
            shown += part
        os.close(terminal)
        assert process.wait() == 0, shown[-2000:]
    return shown.decode()


def _more(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:
        # How a terminal says that nobody is at its other end any more.
        return b""


@SLOW
@pytest.mark.timeout(300)
def test_the_demonstration_shows_what_the_readme_does(tmp_path: Path):
    while_it_plays, at_its_end, _ = texts_of("README.md", "text")

    shown = demonstration(tmp_path)

    assert shows(while_it_plays, shown), plain(shown)[:6000]
    assert shows(at_its_end, shown), plain(shown)[-6000:]


@SLOW
def test_the_preview_shows_what_the_readme_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_sqlite_url: str
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    [command] = [each for each in commands_of("README.md") if " preview " in each]
    *_, sample = texts_of("README.md", "text")

    followup = CommandLine(tmp_path, migrated_sqlite_url)
    followup.now = DAY
    answer = followup(*shlex.split(command)[1:])

    assert shows(sample, answer.out), answer.out


def test_the_folder_of_a_message_is_as_the_guide_draws_it():
    [tree] = texts_of("docs/writing-messages.md", "text")
    folder = ROOT / "templates" / "messages"
    path: list[str] = []
    drawn = set()
    for line in tree.splitlines():
        name, depth = line.split()[0], (len(line) - len(line.lstrip())) // 2
        path = [*path[:depth], name]
        drawn.add("".join(path))

    there = {
        each.relative_to(folder).as_posix()
        for each in (folder / "dressing").rglob("*")
        if each.is_file() and each.parent.name in {"dressing", "en"}
    }
    assert {each for each in drawn if not each.endswith("/")} == there


def test_every_sample_of_output_is_compared():
    # The tree in docs/architecture.md is compared by tests/documents/test_engineers_guides.py.
    # The address in docs/operations.md is an example of a setting at Twilio, and no output.
    others = {"docs/architecture.md", "docs/operations.md"}
    samples = {block.document for block in all_blocks("text")} - others

    assert samples == {"README.md", "docs/writing-messages.md"}
    assert len(texts_of("README.md", "text")) == 3


# ---------------------------------------------------------------------------------- diagrams


# Those in docs/architecture.md show modules: tests/documents/test_engineers_guides.py has them.
DIAGRAMS_OF_STATES = [
    block for block in all_blocks("mermaid") if block.document != "docs/architecture.md"
]


@pytest.mark.parametrize("block", DIAGRAMS_OF_STATES, ids=str)
def test_a_diagram_of_states_shows_moves_that_there_are(block: Block):
    arrows = re.findall(r"^ *(\w+) (?:--.*--|--)> (\w+)", block.text, flags=re.MULTILINE)
    states = set(State)
    moves = {(State(one), State(other)) for one, other in arrows if {one, other} <= states}

    assert len(moves) > 5
    assert [(one, other) for one, other in moves if other not in LEGAL_MOVES[one]] == []
