"""The embedded stack under faults: killed again and again, and with a disk that is full."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path

from tests.faults.kills import ANSWERS, FEW_AT_ONCE, RECEIPTS, Plan
from tests.faults.scenes.report import Result
from tests.faults.scenes.scene import Scene
from tests.faults.scenes.small_disk import SmallDisk
from tests.support.stacks import Running, StackError

DISK_MIB = 64
"""More than a run needs, and quick to fill."""
FULL_SECONDS = 5.0
"""For as long as this after the first write was refused."""
FELT_WITHIN = 60.0
STARTS = 5
SAID = ("database or disk is full", "disk I/O error")
"""How SQLite says that there is no room: on a full disk, and at a limit on the size of files."""


class EmbeddedScene(Scene):
    """A scene of one process and one SQLite file, as `followup run` makes it."""

    def __init__(
        self, plan: Plan, chances: dict[str, float], *, folder: Path | None = None
    ) -> None:
        super().__init__(seed=plan.seed, rules=plan.rules, settings=FEW_AT_ONCE, chances=chances)
        self._folder = folder

    def _places(self) -> dict[str, str]:
        folder = self._folder or Path(tempfile.mkdtemp(prefix="followup-embedded-"))
        folder.mkdir(exist_ok=True)
        self._open.callback(shutil.rmtree, folder, ignore_errors=True)
        self.database = folder / "followup.db"
        return {
            "FOLLOWUP_DATA_DIR": str(folder),
            "FOLLOWUP_DATABASE_URL": f"sqlite:///{self.database}",
        }

    def run(self) -> Running:
        """Start the one process, with the database open nowhere else, as after a power cut."""
        self.app.store.close()
        for _ in range(STARTS):
            running = self.stack.embedded("--port", str(self.web_port))
            try:
                self.stack.wait_until_answers(self.web_port, of=running)
            except StackError:
                # It sends before it answers, so the provider may have killed it already.
                if running.is_running or not self.twilio.faults()["killed"]:
                    raise
            else:
                return running
        raise StackError("the embedded stack was killed again and again before it answered")

    def truncate_log(self) -> None:
        """Empty SQLite's write-ahead log: until it has grown again, no write needs room."""
        with closing(sqlite3.connect(self.database, timeout=30)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def damage(self) -> list[str]:
        """Return what SQLite finds wrong with its file."""
        with closing(sqlite3.connect(self.database)) as connection:
            rows = connection.execute("PRAGMA integrity_check").fetchall()
        return [f"the database: {row[0]}" for row in rows if row[0] != "ok"]


def embedded_kills(plan: Plan) -> Result:
    """SIGKILL `followup run` again and again, at any moment and as the provider takes a text."""
    began = time.monotonic()
    chances = ANSWERS | RECEIPTS | {"accept-kill-caller": 0.02}
    with EmbeddedScene(plan, chances) as scene:
        scene.enrol(plan.patients, over=plan.over)
        running = scene.run()
        for _ in range(plan.kills):
            time.sleep(scene.random.uniform(0.1, 2.0 * plan.over / plan.kills))
            if running.is_running:
                running.kill()
                scene.kills["SIGKILL of the embedded stack"] += 1
            running = scene.run()
        scene.twilio.chances(ANSWERS | RECEIPTS)

        def over() -> bool:
            nonlocal running
            running = running if running.is_running else scene.run()
            return not scene.unsent()

        scene.wait_until(over, seconds=plan.over + 240)
        return scene.result("embedded, killed", since=began).with_wrong(scene.damage())


def disk_full(plan: Plan) -> Result:
    """Fill the disk of the embedded stack up in mid-flight, `plan.servers` times."""
    began = time.monotonic()
    with (
        SmallDisk(mebibytes=DISK_MIB) as disk,
        EmbeddedScene(plan, RECEIPTS, folder=disk.folder / "data") as scene,
    ):
        scene.enrol(plan.patients, over=plan.over)
        running = scene.run()
        wrong = []
        for _ in range(plan.servers):
            time.sleep(scene.random.uniform(0.5, 1.5) * plan.over / plan.servers)
            felt = _refused(running)
            scene.truncate_log()
            with disk.full(running.pids):
                scene.kills["disk full" if disk.is_real else "no file may grow"] += 1
                scene.wait_until(partial(_refuses, running, felt), seconds=FELT_WITHIN)
                time.sleep(FULL_SECONDS)
                wrong += _unclear(scene) if disk.is_real else []
        felt = _refused(running)
        scene.kills["  writes refused by it"] += felt
        scene.wait_until(lambda: not scene.unsent(), seconds=plan.over + 240)
        if not running.is_running:
            wrong.append(f"the stack ended:\n{running.end_of_log()}")
        if not felt:
            wrong.append("no write was refused, so this run shows nothing")
        result = scene.result("embedded, disk full", since=began)
        return result.with_wrong([*wrong, *scene.damage()])


def _refused(running: Running) -> int:
    """Return how many writes the log tells were refused for want of room."""
    return sum(running.log.read_text(errors="replace").count(words) for words in SAID)


def _refuses(running: Running, before: int) -> bool:
    return _refused(running) > before


def _unclear(scene: EmbeddedScene) -> list[str]:
    """Return what a command that can't write says, unless it is a sentence for an operator."""
    try:
        scene.stack.followup("stop-sending", "--channel", "email", "--reason", "the disk is full")
    except StackError as refusal:
        said = str(refusal)
        scene.kills["  commands refused by it"] += 1
        clear = SAID[0] in said and "make room on the disk" in said and "Traceback" not in said
        return [] if clear else [said]
    return []  # There was room yet in what the database had reserved.
