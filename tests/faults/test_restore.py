"""A backup is restored under real processes: nothing goes twice, and every STOP holds."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from followup.catalogue.load import load_catalogue
from followup.clock import SystemClock
from followup.enrolment.enrol import enrol
from followup.monitoring.message_balance import balance
from followup.providers.twilio.webhooks import INBOUND_PATH
from tests.faults.scenes.clinics import Rules, request_due_at
from tests.faults.scenes.scene import QUICK, SENDER, Scene
from tests.stand_ins.twilio import TwilioStandIn
from tests.support.apps import make_app
from tests.support.servers import HOST, free_port
from tests.support.stacks import Running, Stack

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

PATIENTS, OVER = 60, 30.0
AT_BACKUP, AT_RESTORE = 12, 30
"""How many texts the provider has taken by then."""
STOPS = PATIENTS - 1
"""The patient who is due last, and says STOP after the backup."""
MOBILE = f"+447700900{STOPS:03d}"


def resume_sending(stack: Stack, standing: str) -> None:
    told = json.loads(standing)
    assert told["settled"], told
    assert told["texts_in"] == 1, told
    stack.followup("resume-sending", told["switch"])


def assert_made_good(twilio: TwilioStandIn) -> None:
    """Each patient was advised once, but for the one who said STOP: they had their answer, once."""
    taken = twilio.messages()
    [(advice, _)] = Counter(one["body"] for one in taken).most_common(1)
    advised = Counter(one["to"] for one in taken if one["body"] == advice)

    assert [number for number, count in advised.items() if count > 1] == []
    assert len(advised) == PATIENTS - 1
    assert [one["to"] for one in taken if one["body"] != advice] == [MOBILE]


@pytest.mark.long
def test_postgresql_by_its_own_tools(tmp_path: Path):
    with Scene(seed=31, rules=Rules(steps=1, windows=(240,))) as scene:
        processes = [*scene.start(workers=1, concurrency=2), scene.web()]
        scene.wait_until_running()
        scene.enrol(PATIENTS, over=OVER)
        _wait_for(scene.stack, scene.twilio, AT_BACKUP)
        taken_at = datetime.now(UTC)
        _tool(scene, "pg_dump", "--format=custom", f"--file={tmp_path / 'dump'}", _database(scene))
        hook = f"http://127.0.0.1:{scene.web_port}{INBOUND_PATH}"
        assert scene.twilio.text_us(hook, from_=MOBILE, to=SENDER, body="STOP") == 200
        _wait_for(scene.stack, scene.twilio, AT_RESTORE)
        for one in (*processes, *scene.stack.running):
            one.kill()

        new = scene.postgres.create_database()
        _tool(scene, "pg_restore", "--exit-on-error", f"--dbname={new}", str(tmp_path / "dump"))
        scene.stack.environment["FOLLOWUP_DATABASE_URL"] = scene.postgres.url(new)
        standing = scene.stack.followup(
            "after-restore", "--json", "--backup-taken-at", taken_at.isoformat()
        )
        before = scene.app
        scene.app = make_app(
            scene.postgres.url(new),
            clock=before.clock,
            catalogue=before.catalogue,
            master_keys=(_key(scene.stack),),
        )
        with closing(scene.app):
            resume_sending(scene.stack, standing)
            scene.web()
            scene.start(workers=1, concurrency=2)
            scene.settle()
            sheet = balance(scene.app)
        scene.app = before

        assert_made_good(scene.twilio)
        assert sheet.remainder == 0


def test_the_embedded_stack_by_ours(tmp_path: Path):
    with TwilioStandIn(list_delay=1.5, latency=0.02) as twilio, _embedded(twilio) as stack:
        rules = Rules(steps=1, windows=(240,))
        stack.environment["FOLLOWUP_CONFIG_DIR"] = str(rules.write(stack.folder / "config"))
        running = _start(stack)
        _enrol(stack)
        _wait_for(stack, twilio, AT_BACKUP)
        stack.followup("backup", str(tmp_path / "backup"))
        hook = stack.environment["FOLLOWUP_PUBLIC_URL"] + INBOUND_PATH
        assert twilio.text_us(hook, from_=MOBILE, to=SENDER, body="STOP") == 200
        _wait_for(stack, twilio, AT_RESTORE)
        running.kill()

        stack.followup("restore", str(tmp_path / "backup"))
        standing = stack.followup("after-restore", "--json")
        resume_sending(stack, standing)
        _start(stack)
        stack.wait_for(
            lambda: stack.balance()["in_progress"] == 0 and twilio.count() >= PATIENTS,
            what="all to be sent",
            seconds=90,
        )

        assert_made_good(twilio)
        assert stack.balance()["remainder"] == 0


def _wait_for(stack: Stack, twilio: TwilioStandIn, count: int) -> None:
    stack.wait_for(lambda: twilio.count() >= count, what=f"{count} texts", seconds=60)


def _tool(scene: Scene, program: str, *arguments: str) -> None:
    command = [str(scene.postgres._programs / program), "--host", HOST, "--username", "postgres"]
    subprocess.run(
        [*command, "--port", str(scene.postgres.port), *arguments], check=True, timeout=60
    )


def _database(scene: Scene) -> str:
    name = scene.app.store.engine.url.database
    assert name is not None
    return name


def _key(stack: Stack) -> bytes:
    return b64decode(stack.environment["FOLLOWUP_MASTER_KEYS"])


def _embedded(twilio: TwilioStandIn) -> Stack:
    port = free_port()
    return Stack(
        {
            "FOLLOWUP_MODE": "practice",
            "FOLLOWUP_SMS_CHANNEL": "twilio",
            "FOLLOWUP_TWILIO_ACCOUNT_SID": twilio.account_sid,
            "FOLLOWUP_TWILIO_AUTH_TOKEN": twilio.auth_token,
            "FOLLOWUP_TWILIO_API_URL": twilio.url,
            "FOLLOWUP_TWILIO_FROM": SENDER,
            "FOLLOWUP_PORT": str(port),
            "FOLLOWUP_PUBLIC_URL": f"http://127.0.0.1:{port}",
            **QUICK,
        }
    )


def _start(stack: Stack) -> Running:
    running = stack.embedded()
    stack.wait_for(
        lambda: "runs at" in running.end_of_log(), what="the stack to start", of=running, seconds=60
    )
    return running


def _enrol(stack: Stack) -> None:
    app = make_app(
        f"sqlite:///{stack.folder / 'data' / 'followup.db'}",
        clock=SystemClock(),
        catalogue=load_catalogue(Path(stack.environment["FOLLOWUP_CONFIG_DIR"])),
        master_keys=(_key(stack),),
    )
    with closing(app):
        first = app.clock.now() + timedelta(seconds=3)
        for serial in range(PATIENTS):
            due_at = first + timedelta(seconds=OVER * serial / PATIENTS)
            enrol(app, request_due_at(serial, due_at), actor="cli:test")
