"""Real processes are killed, and the alarm arrives by e-mail and webhook, whatever is dead."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pytest

from tests.stand_ins.mail import MailServer
from tests.support.servers import PostgresServer, RedisServer
from tests.support.stacks import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SECONDS = 60.0
EMAIL = "on-call@example.com"


class Webhook(BaseHTTPRequestHandler):
    """Takes alarms as a chat would."""

    taken: list[dict[str, object]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append(json.loads(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Scene:
    """A stack whose trouble is told to a mail server and a webhook."""

    stack: Stack
    mail: MailServer
    posts: list[dict[str, object]]
    database: PostgresServer
    broker: RedisServer

    def mailed(self) -> list[str]:
        return [str(letter.message["Subject"]) for letter in self.mail.letters]

    def posted(self) -> str:
        return "\n".join(str(post["text"]) for post in self.posts)

    def wait_for_alarm(self, code: str, *, over: bool = False) -> None:
        """Wait until the e-mail and the post with an alarm have come."""
        said = f"followup: {'over: ' if over else ''}{code}"

        def come() -> bool:
            posts = [(one["code"], one["over"]) for post in self.posts for one in post["alarms"]]
            text = "\n".join(letter.message.get_content() for letter in self.mail.letters)
            return (code, over) in posts and ("Over:" if over else "ALARM:") in text

        self.stack.wait_for(come, what=said, seconds=SECONDS)


@pytest.fixture
def scene(tmp_path) -> Iterator[Scene]:
    handler = type("Taking", (Webhook,), {"taken": []})
    listener = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    # Servers of its own: they are stopped.
    with PostgresServer() as database, RedisServer() as broker, MailServer() as mail:
        environment = {
            "FOLLOWUP_DATABASE_URL": database.url(database.create_database()),
            "FOLLOWUP_BROKER_URL": broker.url(),
            "FOLLOWUP_ALERT_EMAIL": EMAIL,
            "FOLLOWUP_ALERT_SMTP_URL": mail.url,
            "FOLLOWUP_ALERT_WEBHOOK": f"http://127.0.0.1:{listener.server_port}/alarms",
            "FOLLOWUP_ALERT_EVERY": "0.5",
            "FOLLOWUP_ALERT_SILENT": "3",
        }
        with Stack(environment) as stack:
            stack.migrate()
            yield Scene(stack, mail, handler.taken, database, broker)
    listener.shutdown()
    listener.server_close()


def components(scene: Scene) -> set[str]:
    """Return whose heartbeats there are."""
    url = scene.stack.environment["FOLLOWUP_DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT component FROM heartbeats")}


def beating(scene: Scene, *wanted: str) -> None:
    """Wait until these have sent a heartbeat."""
    said = f"heartbeats of {wanted}"
    scene.stack.wait_for(lambda: components(scene) >= set(wanted), what=said, seconds=SECONDS)


def test_killed_processes_and_dead_servers_are_told_of_and_so_is_their_return(scene):
    stack = scene.stack
    web = stack.web()
    worker, beat = stack.worker(), stack.beat()
    beating(scene, "web", "worker", "beat")

    worker.kill()
    scene.wait_for_alarm("worker-silent")
    beat.kill()
    scene.wait_for_alarm("beat-silent")
    scene.broker.stop()
    scene.wait_for_alarm("broker-away")
    scene.database.stop()
    scene.wait_for_alarm("database-away")
    scene.database.start()
    scene.wait_for_alarm("database-away", over=True)
    assert web.is_running

    first = scene.mail.letters[0]
    assert first.recipients == (EMAIL,)
    assert first.message["Auto-Submitted"] == "auto-generated"
    subjects = scene.mailed()
    assert len(subjects) == len(set(subjects)), "each alarm is told once"


def test_the_watch_tells_of_a_web_process_that_was_killed(scene):
    stack = scene.stack
    watching = stack.watch()
    web = stack.web()
    beating(scene, "web", "watch")

    web.kill()

    scene.wait_for_alarm("web-silent")
    stack.web()
    scene.wait_for_alarm("web-silent", over=True)
    assert watching.stop() == 0


def test_a_process_that_is_stopped_in_good_order_is_not_missed(scene):
    stack = scene.stack
    stack.web()
    worker, beat = stack.worker(), stack.beat()
    beating(scene, "web", "worker", "beat")

    assert worker.stop() == 0
    assert beat.stop() == 0

    assert components(scene) == {"web"}


def test_the_operator_can_try_whether_alarms_arrive(scene):
    said = scene.stack.command("watch", "--test")

    assert "e-mail: taken" in said
    assert "webhook: taken" in said
    assert "this is a test" in scene.posted()
    assert scene.mailed() == ["followup: over: test"]
