"""A console to visit: the real web process over a database that a test's kit filled.

Let things happen by the kit first (`enrol_one(site.kit)`, `run_until(site.kit, …)`), then `open`:
the web process goes on from where the kit's clock stands, in real time. Or `serve` from here.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Self

from followup.domain.roles import Role
from followup.kit import Kit
from followup.staff import sessions
from followup.staff.members import Particulars, insert_member
from followup.staff.sessions import Stage
from tests.kits import MASTER_KEY, HandClock, make_kit
from tests.people import ENROLLED_AT
from tests.servers import free_port
from tests.stacks import Stack
from tests.web.conftest import served

_serials = count(1)


class Site:
    """The web process at `address`, and the kit that shares its database and its keys."""

    def __init__(
        self, database_url: str, *, start: datetime = ENROLLED_AT, sandbox: bool = True
    ) -> None:
        self.database_url = database_url
        self.kit: Kit = make_kit(
            database_url, clock=HandClock(start, real=datetime.now(UTC)), sandbox=sandbox
        )
        self.port = free_port()
        self.stack: Stack | None = None
        self._served = ExitStack()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._served.close()
        if self.stack is not None:
            self.stack.__exit__(*exception)
        self.kit.close()

    def open(self, **environment: str) -> Self:
        """Start the web process. Its clock goes on from the kit's, at the pace of real time."""
        clock = HandClock(self.kit.clock.now(), real=datetime.now(UTC))
        self.kit = replace(self.kit, clock=clock)
        self.stack = Stack(
            {
                "FOLLOWUP_DATABASE_URL": self.database_url,
                "FOLLOWUP_BROKER_URL": "redis://127.0.0.1:1/0",
                "FOLLOWUP_MASTER_KEYS": base64.b64encode(MASTER_KEY).decode(),
                "FOLLOWUP_CLOCK": f"{_utc(clock.now())}={_utc(datetime.now(UTC))}@1",
                "FOLLOWUP_PUBLIC_URL": self.address,
                **environment,
            }
        )
        self.stack.web(port=self.port)
        return self

    def serve(self, **settings: Any) -> Self:
        """Serve the site from a thread instead, on the kit's own clock: a test may break it."""
        self._served.enter_context(
            served(self.kit, port=self.port, public_url=self.address, **settings)
        )
        return self

    def session(
        self,
        *roles: Role,
        clinics: Iterable[str] | None = None,
        stage: Stage = Stage.FULL,
        name: str = "Sam Staff",
    ) -> str:
        """Return the session of a new member of staff with these roles, or with all."""
        who = Particulars(
            email=f"browser{next(_serials)}@example.com",
            name=name,
            roles=roles or tuple(Role),
            clinics=None if clinics is None else tuple(clinics),
        )
        with self.kit.store.write() as session:
            staff = insert_member(session, self.kit.deed("cli:test"), who, password_hash=None)
            return sessions.begin(session, self.kit, staff, stage=stage, browser="Chrome on Linux")


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
