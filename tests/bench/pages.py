"""How long the console's pages take on a large store: `make bench-pages`.

For each page: the server's time as its p50 and p95 in milliseconds over many calls, the processor
time of one call (this process and PostgreSQL: it says more than the clock on a machine with other
work), how many statements it asks of the database and whether that is more than on a store of a
hundred patients, and the kilobytes of its HTML. Then how long `followup export-patient` takes for
one of them. Exits with 1 where something is beyond its limits.

    make bench-pages                                  # fills a store, measures, and forgets it
    make bench-pages ARGS="--keep /var/tmp/large"     # keeps it there, and uses it the next time
    make bench-pages ARGS="--only home --calls 200"
    make bench-pages ARGS="--staff 20"                # so many at once, from a second process
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from statistics import quantiles
from uuid import UUID

import psutil
import structlog
from sqlalchemy import event, select, text
from starlette.testclient import TestClient

from followup.context import AppContext
from followup.domain.roles import Role
from followup.staff import sessions
from followup.staff.members import MemberDetails, insert_member
from followup.staff.sessions import Stage
from followup.store.engine.session import Store, make_engine
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.subject_access.export import export_person
from followup.web.app import create_app, leave_uncollected
from tests.bench.large_store import counted, enrol_originals, filled_until, multiply
from tests.bench.staff import visit
from tests.support.apps import HandClock, make_app
from tests.support.people import nhs_number
from tests.support.servers import PostgresServer
from tests.web.conftest import served, settings_for
from tests.web.console.visitors import HOME, SAME_ORIGIN, Visitor

SMALL, LARGE = "small", "large"
SEARCHES = {"found by NHS number": nhs_number(7), "found by surname": "Patient-00007"}
PATIENTS, CALLS = 100_000, 60
LIMIT_MS, LIMIT_BYTES = 150, 150_000
EXPORT, EXPORTS, LIMIT_EXPORT_SECONDS = "export-patient", 3, 60
SERVER = {
    # What a server for a store of this size is given.
    "shared_buffers": "1GB", "effective_cache_size": "4GB", "max_wal_size": "16GB",
    "maintenance_work_mem": "512MB", "checkpoint_timeout": "1h", "random_page_cost": "1.1",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """What a page took: milliseconds by the clock, of the processor, statements and bytes."""

    name: str
    p50: float
    p95: float
    python_ms: float
    postgres_ms: float
    statements: int
    size: int

    def complaints(self, before: int | None) -> list[str]:
        """Return what is beyond its limit; `before` is how many statements a small store took."""
        found = [f"over {LIMIT_MS} ms"] if self.p95 > LIMIT_MS else []
        found += [f"over {LIMIT_BYTES // 1000} kB"] if self.size > LIMIT_BYTES else []
        grown = before is not None and self.statements > before
        return [*found, f"{before} statements on a small store"] if grown else found


def measure(
    app: AppContext, visitor: Visitor, name: str, path: str, *, calls: int, pid: int
) -> Timed:
    """Ask for a page many times, after two that are not counted."""
    _get(visitor.client, path)
    with _statements(app) as asked:
        size = len(_get(visitor.client, path))
    took = []
    python, postgres = time.process_time(), _processor(pid)
    for _ in range(calls):
        began = time.perf_counter()
        _get(visitor.client, path)
        took.append((time.perf_counter() - began) * 1000)
    cuts = quantiles(took, n=20)
    return Timed(
        name=name,
        p50=cuts[9],
        p95=cuts[18],
        python_ms=(time.process_time() - python) / calls * 1000,
        postgres_ms=(_processor(pid) - postgres) / calls * 1000,
        statements=len(asked),
        size=size,
    )


def _processor(pid: int) -> float:
    """Return the seconds of processor that a server and its children have taken."""
    server = psutil.Process(pid)
    times = [one.cpu_times() for one in (server, *server.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def _get(client: TestClient, path: str) -> bytes:
    answer = client.get(path)
    if answer.status_code != 200:
        raise SystemExit(f"{path} answered {answer.status_code}")
    return answer.content


@contextmanager
def _statements(app: AppContext) -> Iterator[list[str]]:
    asked: list[str] = []

    def note(_c: object, _k: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(app.store.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(app.store.engine, "before_cursor_execute", note)


def _paths(app: AppContext, visitor: Visitor) -> dict[str, str]:
    patient, message = _latest(app)
    since = f"{app.clock.now():%Y-%m-%d}"
    return {
        "home": "/",
        "patients": "/patients",
        "patients, active": "/patients?state=active",
        "enrol": "/enrol",
        "enrol, quick form": "/enrol/quick",
        "patient": f"/patients/{patient}",
        "message": f"/messages/{message}",
        "messages": "/messages",
        "messages, failed": "/messages?state=failed",
        "messages of a step": "/messages?step=flare&channel=sms",
        "needs attention": "/attention",
        "closed items": "/attention/closed",
        "figures": "/figures",
        "figures of two years": "/figures?weeks=104",
        "figures of a step": "/figures?weeks=52&step=flare&channel=sms",
        "response times": "/figures/times?weeks=52",
        "balance": "/figures/balance",
        "balance of 30 days": "/figures/balance?span=month",
        "content": "/content",
        "protocol": "/protocols/nerve-root-block",
        "audit": "/audit",
        "patients of two years": "/patients?before=20250101T000000000000_" + str(UUID(int=0)),
        "messages of 30 days": "/messages?when=month",
        "messages to come": "/messages?when=ahead",
        "audit of a day": f"/audit?day={since}",
        "patient report": f"/audit/patients/{patient}",
        "team": "/team",
        "system": "/system",
        **{name: _sought(visitor, wanted) for name, wanted in SEARCHES.items()},
    }


def _sought(visitor: Visitor, wanted: str) -> str:
    """Return the address of what an exact search found."""
    answer = visitor.client.post("/patients", data={"wanted": wanted}, follow_redirects=False)
    return str(answer.headers["location"])


def _latest(app: AppContext) -> tuple[UUID, UUID]:
    """Return one of the originals who is under way, and one of the messages that they got."""
    with app.store.read() as session:
        row = session.execute(
            select(Message.patient_id, Message.id)
            .join(Enrolment, Enrolment.id == Message.enrolment_id)
            .where(
                Message.state == "delivered",
                Enrolment.state == "active",
                Message.patient_id.in_(text("SELECT id FROM sample_running")),
            )
            .order_by(Message.due_at.desc(), Message.id.desc())
            .limit(1)
        ).one()
    return row.patient_id or UUID(int=0), row.id


@contextmanager
def _filled(server: PostgresServer, patients: int) -> Iterator[tuple[AppContext, AppContext]]:
    """Yield apps on the hundred originals and on the large store; fill both if they are not there.

    The clock of both stands where that of the filling stood.
    """
    at = None
    if server.has_database(LARGE):
        with closing(Store(make_engine(server.url(LARGE)))) as store:
            at = filled_until(store, patients)
    if at is None:
        at = _fill(server, patients)
    with (
        closing(make_app(server.url(SMALL), clock=HandClock(at), sandbox=True)) as small,
        closing(make_app(server.url(LARGE), clock=HandClock(at), sandbox=True)) as large,
    ):
        yield small, large


def _fill(server: PostgresServer, patients: int) -> datetime:
    began = time.monotonic()

    def tell(told: str) -> None:
        _say(f"  {time.monotonic() - began:4.0f} s  {told}")

    for name in (SMALL, LARGE):
        server.drop_database(name)
    server.create_database(name=SMALL)
    with closing(make_app(server.url(SMALL), sandbox=True)) as app:
        enrol_originals(app)
        clock = app.clock
    tell("followed up the originals")
    server.create_database(name=LARGE, template=SMALL)
    with closing(make_app(server.url(LARGE), clock=clock, sandbox=True)) as app:
        multiply(app, patients, say=tell)
    return clock.now()


def _asked_for(app: AppContext) -> dict[str, int]:
    """Return how many statements each page asks of a store."""
    visitor = _join(app)
    found = {}
    for name, path in _paths(app, visitor).items():
        _get(visitor.client, path)
        with _statements(app) as asked:
            _get(visitor.client, path)
        found[name] = len(asked)
    return found


def _join(app: AppContext) -> Visitor:
    """Return somebody new who has signed in and may see every page."""
    who = MemberDetails(
        email=f"bench-{token_hex(4)}@example.com", name="Sam Staff", roles=tuple(Role), clinics=None
    )
    visitor = Visitor(create_app(app, settings_for(public_url=HOME, twilio_auth_token=None)))
    with app.store.write() as session:
        staff = insert_member(session, app.by("cli:bench"), who, password_hash=None)
        visitor.hold(
            sessions.begin_session(session, app, staff, stage=Stage.FULL, browser="Chrome")
        )
    return visitor


def _say(told: str) -> None:
    print(told, flush=True)  # noqa: T201


def _report(small: AppContext, large: AppContext, *, only: str, calls: int, pid: int) -> int:
    """Print a line for each page; return how many are beyond their limits."""
    before, visitor = _asked_for(small), _join(large)
    # As the process that serves does.
    leave_uncollected()
    _say(f"{'page':24}{'p50 ms':>8}{'p95 ms':>8}{'cpu ms':>8}{'db ms':>8}{'asked':>7}{'kB':>7}")
    bad = 0
    for name, path in _paths(large, visitor).items():
        if only not in name:
            continue
        one = measure(large, visitor, name, path, calls=calls, pid=pid)
        wrong = one.complaints(before[name])
        bad += bool(wrong)
        _say(
            f"{name:24}{one.p50:8.1f}{one.p95:8.1f}{one.python_ms:8.1f}{one.postgres_ms:8.1f}"
            f"{one.statements:7}{one.size / 1000:7.1f}  {', '.join(wrong) or 'ok'}"
        )
    return bad + (only in EXPORT and _report_export(large))


def _report_export(large: AppContext) -> bool:
    """Print how long it takes to gather all that is held on one person; say if that is too long."""
    patient, _ = _latest(large)
    took = []
    for _ in range(EXPORTS):
        began = time.perf_counter()
        made = export_person(large, patient, actor="cli:bench")
        took.append(time.perf_counter() - began)
    slow = max(took) > LIMIT_EXPORT_SECONDS
    _say(
        f"{EXPORT:24}{min(took):8.1f} to {max(took):.1f} s, {made.rows} records, "
        f"{len(made.content) / 1000:.0f} kB  {'over the limit' if slow else 'ok'}"
    )
    return slow


def _report_staff(large: AppContext, *, staff: int, seconds: float) -> int:
    """Print what staff wait for who are there at once; return whether that is beyond the limit."""
    visitor = _join(large)
    paths = _paths(large, visitor)
    tokens = [_join(large).client.cookies["followup"] for _ in range(staff)]
    # What was found by one is kept for one: the others do not see it.
    paths = {name: path for name, path in paths.items() if name not in SEARCHES}
    leave_uncollected()
    host = HOME.removeprefix("http://")
    with served(large, public_url=HOME, twilio_auth_token=None) as client:
        # As where one page is measured after the other, two times are not counted.
        headers = {**SAME_ORIGIN, "Host": host, "Cookie": f"followup={tokens[0]}"}
        for path in [*paths.values()] * 2:
            client.get(path, headers=headers).raise_for_status()
        took = visit(client.base_url.port or 80, tokens, paths, host=host, seconds=seconds)
    _say(f"{'page':24}{'asked':>7}{'p50 ms':>8}{'most ms':>8}")
    for name, found in sorted(took.items(), key=lambda each: -max(each[1])):
        _say(f"{name:24}{len(found):7}{sorted(found)[len(found) // 2]:8.1f}{max(found):8.1f}")
    everything = [each for found in took.values() for each in found]
    cuts = quantiles(everything, n=20)
    _say(f"{'all':24}{len(everything):7}{cuts[9]:8.1f}   p95 {cuts[18]:.1f} ms, {staff} staff")
    return cuts[18] > LIMIT_MS


def main(arguments: Sequence[str]) -> int:
    """Measure every page on a large store; return 1 where one is beyond its limits."""
    parser = argparse.ArgumentParser(prog="make bench-pages", description=__doc__)
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--calls", type=int, default=CALLS, help="of each page")
    parser.add_argument("--only", default="", help="pages whose name has this in it")
    parser.add_argument("--staff", type=int, help="so many at once, instead of one page at a time")
    parser.add_argument("--seconds", type=float, default=60, help="that they are there")
    parser.add_argument("--keep", type=Path, help="a folder that everybody can reach")
    chosen = parser.parse_args(arguments)
    quiet = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=quiet)
    with PostgresServer(SERVER, on_disk=True, data=chosen.keep) as server:
        try:
            with _filled(server, chosen.patients) as (small, large):
                for name, rows in counted(large.store).items():
                    _say(f"  {name:16}{rows:>12,}")
                if chosen.staff:
                    bad = _report_staff(large, staff=chosen.staff, seconds=chosen.seconds)
                else:
                    bad = _report(
                        small, large, only=chosen.only, calls=chosen.calls, pid=server.pid
                    )
        finally:
            # In good order: what is kept is to be there at once the next time.
            server.stop()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
