"""The installed program as a shell runs it: environments, pipes, signals, exit codes.

A fresh Python starts where that is what counts; all else is forked, which spares its imports.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import FOLLOWUP, SECONDS, document, enrolled
from tests.support.apps import enrol_many

PREVIEW = ("preview", "--procedure-at", "2026-10-19T14:30", "--diabetic", "--steroid")


def plain(drawn):
    return re.sub(r"\x1b\[[0-9;]*m", "", drawn)


def test_it_works_from_any_folder_with_nothing_in_the_environment(followup):
    answer = followup.installed("enrol", "--json", "-", stdin=json.dumps(document()).encode())
    shown = followup.process("timeline", "REF-1")

    assert (answer.code, shown.code) == (0, 0)
    assert answer.json["created"] is True
    assert "Derriford Pain Clinic: do not drive yourself home." in shown.out
    assert "\x1b" not in shown.out + shown.err


def test_a_fresh_installation_makes_its_database_and_keys(unset):
    unset.more = {"FOLLOWUP_MASTER_KEYS": ""}

    answer = unset.process("balance", "--json")

    assert answer.code == 0
    keys = unset.folder / "data" / "master-keys"
    assert keys.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, id="ascii"),
        pytest.param({"PYTHONIOENCODING": "latin-1"}, id="latin-1"),
    ],
)
def test_an_encoding_that_lacks_letters_ends_nothing(followup, environment):
    enrolled(followup)

    program = (
        "import sys\n"
        "from followup.cli import main\n"
        "for more in ([], ['--json']):\n"
        "    sys.argv = ['followup', 'audit', 'REF-1', *more]\n"
        "    try:\n        main()\n"
        "    except SystemExit as end:\n        print(end=f'\\f{end.code}\\f')\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**followup.environment, **environment},
        capture_output=True,
        timeout=SECONDS,
        check=True,
    )

    _, told, printed, answered, _ = done.stdout.split(b"\f")
    assert (told, answered) == (b"0", b"0")
    assert json.loads(printed)["patient"]["name"] == "T… P…"


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal_nothing_is_cut_off(followup, columns):
    answer, drawn = followup.on_terminal(*PREVIEW, COLUMNS=str(columns))
    drawn = plain(drawn)

    assert answer.code == 0
    assert max(len(line) for line in drawn.splitlines()) <= columns
    for message in followup(*PREVIEW, "--json").json["messages"]:
        last_words = message["text"].split()[-3:]
        assert re.search(r"\s+".join(map(re.escape, last_words)), drawn)
    assert "Mon 19 Oct 2026 19:00" in drawn


def test_no_colour_where_none_is_wanted(followup):
    assert "\x1b[" in followup.on_terminal(*PREVIEW)[1]
    assert "\x1b[" not in followup.on_terminal(*PREVIEW, TERM="dumb")[1]


def test_in_a_pipe_ids_are_whole_and_on_a_terminal_still_taken_for_the_whole(followup):
    identifier = enrolled(followup)["enrolment_id"]

    piped = followup.process("messages", "--limit", "1").out
    drawn = plain(followup.on_terminal("messages", "--limit", "1")[1])

    assert identifier in piped
    (short,) = re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}(?![0-9a-f-])", drawn)
    assert identifier.startswith(short)
    assert followup("timeline", short).code == 0


def test_a_reader_that_goes_away_causes_no_complaint(followup):
    with followup.app() as app:
        enrol_many(app, 29)

    with subprocess.Popen(
        [str(FOLLOWUP), "messages", "--json"],
        env={**followup.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
        code = process.wait(SECONDS)

    assert complaint == b""
    assert code == 141


def test_a_full_disk_is_told_in_a_sentence(followup):
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [str(FOLLOWUP), "version"],
            env={**followup.environment},
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
            check=False,
        )

    assert ended.returncode == 1
    assert b"can't be written: No space left on device" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_with_nowhere_to_print_to_it_does_its_work(followup):
    command = f"{FOLLOWUP} enrol --json - >&- 2>&-"

    ended = subprocess.run(
        ["/bin/sh", "-c", command],
        input=json.dumps(document()).encode(),
        env={**followup.environment},
        timeout=SECONDS,
        check=False,
    )

    assert ended.returncode == 0
    assert followup("timeline", "REF-1").code == 0


def test_ctrl_c_ends_with_130_and_no_traceback(followup):
    with subprocess.Popen(
        [str(FOLLOWUP), "import", "-"],
        env={**followup.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        # It has read this and waits for more: the program has surely begun.
        process.stdin.write(b"procedure_at\n" * 100_000)
        process.stdin.flush()
        for _ in range(SECONDS):
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
                break
        code, complaint = process.returncode, process.stderr.read()

    assert code == 130
    assert b"Traceback" not in complaint


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param(
            {"FOLLOWUP_SMS_CHANNEL": "pigeon"},
            "set it to sandbox (no text leaves this machine) or twilio",
            id="setting",
        ),
        pytest.param(
            {"FOLLOWUP_DATABASE_URL": "postgresql://nobody:secret-word@127.0.0.1:9/none"},
            "the database can't be reached",
            id="database",
        ),
        pytest.param(
            {"FOLLOWUP_MASTER_KEYS": base64.b64encode(bytes(range(1, 33))).decode()},
            "put that key back",
            id="master-key",
        ),
        pytest.param({"FOLLOWUP_CONFIG_DIR": "/usr"}, "/usr: holds none of", id="protocols"),
        pytest.param(
            {"FOLLOWUP_DATA_DIR": "/proc/none", "FOLLOWUP_DATABASE_URL": ""},
            "can't be made",
            id="data-folder",
        ),
    ],
)
def test_a_wrong_installation_is_refused_in_a_sentence(followup, more, told):
    answer = followup.process("messages", **more)

    assert answer.code == 1
    assert told in answer.err
    assert "Traceback" not in answer.err
    assert "secret-word" not in answer.err
    assert answer.out == ""


def test_a_mistake_of_the_product_shows_no_data_and_no_traceback_unless_wanted(followup):
    program = (
        "import followup.cli.framework.registry as registry\n"
        "def version():\n    raise KeyError('Ada Lovelace')\n"
        "registry.ENTRIES['version'] = registry.Entry('service.version:version', '')\n"
        "import followup.cli.service.version as module\n"
        "module.version = version\n"
        "from followup.cli import main\nmain()\n"
    )

    def run(**more):
        return subprocess.run(
            [sys.executable, "-c", program, "version"],
            env={**followup.environment, **more},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    quiet, loud = run(), run(FOLLOWUP_LOG_LEVEL="debug")

    assert (quiet.returncode, loud.returncode) == (1, 1)
    assert "KeyError at <string>:3" in quiet.stderr
    assert "Ada" not in quiet.stderr
    assert "Traceback" not in quiet.stderr
    assert "Traceback" in loud.stderr


def test_help_and_a_listing_import_no_more_than_they_need():
    listed = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "followup.cli", "--help"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )

    imported = {line.rpartition("|")[2].strip() for line in listed.stderr.splitlines()}
    assert imported.isdisjoint({"sqlalchemy", "rich", "celery", "fastapi", "alembic", "pydantic"})


def test_a_current_database_is_opened_without_alembic_celery_or_the_web(followup):
    enrolled(followup)

    listed = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "followup.cli", "messages", "--json"],
        env=followup.environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )

    imported = {line.rpartition("|")[2].strip() for line in listed.stderr.splitlines()}
    assert imported.isdisjoint({"alembic", "celery", "fastapi", "twilio", "uvicorn"})


def test_input_without_end_or_none_at_all_and_a_key_that_nobody_sees_are_refused(followup):
    endless = followup("import", "/dev/zero", "--clinic", "derriford-pain")
    closed = subprocess.run(
        ["/bin/sh", "-c", f"exec {FOLLOWUP} enrol --json - <&-"],
        env={**followup.environment},
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    lost = followup.process("api-key", "add", "unseen", streams={"stdout": "/dev/full"})

    assert (endless.code, "is a device" in endless.err) == (2, True)
    assert (closed.returncode, b"this is not JSON" in closed.stderr) == (1, True)
    assert (lost.code, "could not be shown, so it opens" in lost.err) == (1, True)
    [key] = followup("api-key", "list", "--json").lines
    assert key["revoked_at"] is not None
