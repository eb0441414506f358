"""How long the console's pages take on a large store: `make bench-pages`.

Prints the server's time for each page, as its p50 and p95 in milliseconds over many calls in one
process, how many statements it asks of the database, and how many bytes of HTML it is.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from statistics import quantiles
from uuid import UUID

from sqlalchemy import event, select
from starlette.testclient import TestClient

from followup.kit import Kit
from followup.store.models import Enrolment, Message
from followup.web.app import create_app
from tests.bench.large_store import counted, fill
from tests.kits import make_kit
from tests.people import nhs_number
from tests.servers import PostgresServer
from tests.web.conftest import settings_for
from tests.web.console.visitors import HOME, Visitor, join

PATIENTS, CALLS = 100_000, 40
LIMIT_MS, LIMIT_BYTES = 150, 150_000


@dataclass(frozen=True, slots=True)
class Timed:
    """What a page took, in milliseconds, statements and bytes."""

    path: str
    p50: float
    p95: float
    statements: int
    size: int


def measure(kit: Kit, visitor: Visitor, paths: dict[str, str]) -> Iterator[Timed]:
    """Ask for each page many times, after one that is not counted."""
    for name, path in paths.items():
        with _statements(kit) as asked:
            first = _get(visitor.client, path)
        took = []
        for _ in range(CALLS):
            began = time.perf_counter()
            _get(visitor.client, path)
            took.append((time.perf_counter() - began) * 1000)
        cuts = quantiles(took, n=20)
        yield Timed(name, cuts[9], cuts[18], len(asked), len(first))


def _get(client: TestClient, path: str) -> bytes:
    answer = client.get(path)
    if answer.status_code != 200:
        raise SystemExit(f"{path} answered {answer.status_code}")
    return answer.content


@contextmanager
def _statements(kit: Kit) -> Iterator[list[str]]:
    asked: list[str] = []

    def note(_c: object, _k: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(kit.store.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(kit.store.engine, "before_cursor_execute", note)


def _paths(kit: Kit) -> dict[str, str]:
    patient, message = _latest(kit)
    since = f"{kit.clock.now():%Y-%m-%d}"
    return {
        "home": "/",
        "patients": "/patients",
        "patients, active": "/patients?state=active",
        "enrol": "/enrol/quick",
        "patient": f"/patients/{patient}",
        "message": f"/messages/{message}",
        "messages": "/messages",
        "messages, failed": "/messages?state=failed",
        "messages of a step": "/messages?step=flare&channel=sms",
        "needs attention": "/attention",
        "content": "/content",
        "protocol": "/protocols/nerve-root-block",
        "audit": "/audit",
        "audit of a day": f"/audit?day={since}",
        "patient report": f"/audit/patients/{patient}",
        "team": "/team",
        "system": "/system",
    }


def _latest(kit: Kit) -> tuple[UUID, UUID]:
    """Return a patient who is under way, and one of the messages that they got."""
    with kit.store.read() as session:
        patient = session.scalars(
            select(Enrolment.patient_id).order_by(Enrolment.created_at.desc()).limit(1)
        ).one()
        message = session.scalars(
            select(Message.id).where(Message.patient_id == patient, Message.state == "delivered")
        ).first()
    return patient, message or UUID(int=0)


def _search(visitor: Visitor) -> float:
    """Return the milliseconds that an exact search takes, the answer's page included."""
    began = time.perf_counter()
    visitor.client.post("/patients", data={"q": nhs_number(7)})
    return (time.perf_counter() - began) * 1000


def main(patients: int) -> int:
    """Fill a store, measure every page, and say which is too slow or too heavy."""
    with PostgresServer() as server:
        url = server.url(server.create_database())
        with closing(make_kit(url, sandbox=True)) as kit:
            print(f"filling a store with {patients:,} patients", flush=True)  # noqa: T201
            fill(kit, patients)
            for name, rows in counted(kit.store).items():
                print(f"  {name:16}{rows:>12,}")  # noqa: T201
            app = create_app(kit, settings_for(public_url=HOME, twilio_auth_token=None))
            return _report(kit, join(kit, app))


def _report(kit: Kit, visitor: Visitor) -> int:
    print(f"\n{'page':22}{'p50 ms':>8}{'p95 ms':>8}{'statements':>12}{'bytes':>10}")  # noqa: T201
    bad = 0
    for one in measure(kit, visitor, _paths(kit)):
        over = one.p95 > LIMIT_MS or one.size > LIMIT_BYTES
        bad += over
        print(  # noqa: T201
            f"{one.path:22}{one.p50:8.1f}{one.p95:8.1f}{one.statements:12}{one.size:10,}"
            f"{'  over' if over else ''}",
            flush=True,
        )
    found = sorted(_search(visitor) for _ in range(CALLS))
    print(f"{'search':22}{found[CALLS // 2]:8.1f}{found[-2]:8.1f}")  # noqa: T201
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else PATIENTS))
