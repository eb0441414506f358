"""A console to visit: the web server over a database that a test's app context filled.

Let things happen by the app first (`enrol_one(site.app)`, `run_until(site.app, …)`), then `serve`:
from a thread, on the app's own clock. Or `open` a process, which takes seconds to start and goes on
in real time from where the app's clock stands.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Self

from followup.context import AppContext
from followup.domain.roles import Role
from followup.signed_links import SignedLinks
from followup.staff import sessions
from followup.staff.members import MemberDetails, insert_member
from followup.staff.sessions import Stage
from tests.support.apps import MASTER_KEY, HandClock, make_app
from tests.support.people import ENROLLED_AT
from tests.support.servers import free_port
from tests.support.stacks import Stack
from tests.web.conftest import served

_serials = count(1)


class Site:
    """The web process at `address`, and the app context that shares its database and its keys."""

    def __init__(
        self, database_url: str, *, start: datetime = ENROLLED_AT, sandbox: bool = True
    ) -> None:
        self.database_url = database_url
        self.port = free_port()
        made = make_app(
            database_url, clock=HandClock(start, real=datetime.now(UTC)), sandbox=sandbox
        )
        links = SignedLinks(self.address, made.keyring.links_key)
        self.app: AppContext = replace(made, links=links)
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
        self.app.close()

    def open(self, **environment: str) -> Self:
        """Start the web process. Its clock goes on from the app's, at the pace of real time."""
        clock = HandClock(self.app.clock.now(), real=datetime.now(UTC))
        self.app = replace(self.app, clock=clock)
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
        """Serve the site from a thread, on the app's own clock: a test may break it."""
        self._served.enter_context(
            served(self.app, port=self.port, public_url=self.address, **settings)
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
        who = MemberDetails(
            email=f"browser{next(_serials)}@example.com",
            name=name,
            roles=roles or tuple(Role),
            clinics=None if clinics is None else tuple(clinics),
        )
        with self.app.store.write() as session:
            staff = insert_member(session, self.app.by("cli:test"), who, password_hash=None)
            return sessions.begin_session(
                session, self.app, staff, stage=stage, browser="Chrome on Linux"
            )


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
