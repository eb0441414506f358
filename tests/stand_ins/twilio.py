"""A stand-in for Twilio's REST API, in a process of its own, that can fail in every way there is.

    with TwilioStandIn(latency=0.05) as twilio:
        channel = TwilioChannel(twilio.account_sid, twilio.auth_token, api_url=twilio.url, ...)
        twilio.plan("accept-never-answer")              # takes the next message, and says nothing
        twilio.chances({"accept-reset": 0.02}, seed=7)
        twilio.messages()                               # all that it ever took, to count copies

It can also be run by itself, and prints where it listens as one line of JSON:

    python -m tests.stand_ins.twilio --port 0 --latency 0.05

What it can do wrong is in `twilio_faults`, how it behaves otherwise in `twilio_life.Behaviour`. It
listens on loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.stand_ins.http_server import Exchange, port_of, serve
from tests.stand_ins.twilio_faults import Faults, Planned
from tests.stand_ins.twilio_life import Behaviour, came_in, inbound_form, report
from tests.stand_ins.twilio_messages import Messages, as_json
from tests.stand_ins.twilio_service import Service

ACCOUNT_SID = "AC" + "0123456789abcdef" * 2
AUTH_TOKEN = "fedcba9876543210" * 2
ROOT = Path(__file__).parents[2]


class TwilioStandIn:
    """The stand-in in a process of its own, and what a test asks of it."""

    def __init__(
        self,
        *,
        port: int = 0,
        account_sid: str = ACCOUNT_SID,
        auth_token: str = AUTH_TOKEN,
        **behaviour: float | bool,
    ) -> None:
        self.port = port
        self.account_sid, self.auth_token = account_sid, auth_token
        self._behaviour = behaviour
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        where = ["--port", str(self.port)]
        account = ["--account-sid", self.account_sid, "--auth-token", self.auth_token]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stand_ins.twilio", "--owned", *where, *account],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the stand-in did not start: {self._process.wait(10)}")
        self.port = json.loads(line)["port"]
        if self._behaviour:
            self.configure(**self._behaviour)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()
            self._process.wait(10)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def configure(self, **changes: float | bool) -> None:
        """Change how it behaves when nothing goes wrong; see `Behaviour`."""
        self._control("configure", changes)

    def plan(self, fault: str, **details: object) -> None:
        """Let something go wrong with the next request that fits; see `Planned` for details."""
        self._control("plan", [{"fault": fault} | details])

    def chances(self, chances: Mapping[str, float], *, seed: int | None = None) -> None:
        """Let each fault happen to that share of the requests to create a message."""
        self._control("chances", {"chances": dict(chances), "seed": seed})

    def messages(self, *, to: str | None = None) -> list[dict[str, Any]]:
        """Return everything that was ever taken, in order."""
        taken: list[dict[str, Any]] = self._control("messages")["messages"]
        return [message for message in taken if to in {None, message["to"]}]

    def count(self) -> int:
        """Return how many messages were ever taken."""
        return int(self._control("faults")["taken"])

    def faults(self) -> dict[str, Any]:
        """Return `counts` of each fault, `killed` process ids, and other counts.

        Those are `requests`, messages `taken`, and callbacks `posted`, `failed` and `under_way`.
        """
        return self._control("faults")

    def report(self, sid: str, status: str, *, code: int | None = None) -> None:
        """Let it call back about a message, with whatever status."""
        self._control("report", {"sid": sid, "status": status, "code": code})

    def text_us(self, url: str, **data: str) -> int:
        """Let a phone text us, `from_`, `to` and `body`; return the status that our hook gave.

        0 where it gave none: the text is in the lists all the same, as of `at`, a time, or so many
        seconds `ago`.
        """
        sent = {name.rstrip("_"): value for name, value in data.items()} | {"url": url}
        return int(self._control("inbound", sent)["status"])

    def pool(self, **senders: list[str]) -> None:
        """Give the account's Messaging Services these senders, by `PhoneNumbers` and the like."""
        self._control("pool", senders)

    def listed(self) -> list[str]:
        """Return the queries of all lists of messages that were asked for, in order."""
        asked: list[str] = self._control("faults")["listed"]
        return asked

    def reset(self) -> None:
        """Forget all messages, plans, chances and counts, and behave as at the start."""
        self._control("reset", {})
        if self._behaviour:
            self.configure(**self._behaviour)

    def _control(self, what: str, data: object = None) -> dict[str, Any]:
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(f"{self.url}/control/{what}", data=body)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                result: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(error.read().decode()) from None
        return result


class _Control:
    """The control addresses, beside the REST API."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._tasks: set[asyncio.Task[None]] = set()

    def handle(self, exchange: Exchange) -> None:
        path = urlsplit(exchange.target).path
        if not path.startswith("/control/"):
            self.service.handle(exchange)
            return
        task = asyncio.get_running_loop().create_task(self._answer(exchange, path))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, exchange: Exchange, path: str) -> None:
        data = json.loads(exchange.body) if exchange.body else None
        try:
            result = await self._do(path.removeprefix("/control/"), data)
        except (KeyError, TypeError, ValueError) as error:
            exchange.answer(400, f"{type(error).__name__}: {error}".encode())
        else:
            exchange.answer(200, as_json(result))

    async def _do(self, what: str, data: Any) -> dict[str, Any]:
        service = self.service
        match what:
            case "messages":
                return {"messages": [one.logged() for one in service.messages.sent()]}
            case "faults":
                return self._counts()
            case "configure":
                service.behaviour = service.behaviour.changed(data)
                service.callbacks.sorts_signed = service.behaviour.sorts_signed
                service.callbacks.sorts_sent = service.behaviour.sorts_sent
            case "pool":
                service.pool = data
            case "plan":
                service.faults.plan([Planned.of(one) for one in data])
            case "chances":
                service.faults.set_chances(data["chances"], seed=data["seed"])
            case "report":
                message = service.messages.by_sid[data["sid"]]
                report(message, data["status"], data["code"], service.callbacks)
            case "inbound":
                form = inbound_form(service.account_sid, data)
                service.messages.add(
                    came_in(form, at=data.get("at"), ago=float(data.get("ago", 0)))
                )
                return {"status": await service.callbacks.post(data["url"], form)}
            case "reset":
                service.messages, service.faults = Messages(), Faults()
                service.behaviour, service.pool, service.listed = Behaviour(), {}, []
                service.callbacks.sorts_signed = service.callbacks.sorts_sent = False
            case _:
                raise ValueError(f"there is no {what} to control")
        return {}

    def _counts(self) -> dict[str, Any]:
        service = self.service
        return {
            "counts": dict(service.faults.counts),
            "killed": service.faults.killed,
            "requests": service.requests,
            "listed": service.listed,
            "taken": len(service.messages.sent()),
            "posted": service.callbacks.posted,
            "failed": service.callbacks.failed,
            "under_way": len(service.callbacks.under_way),
        }


async def _run(
    port: int, behaviour: Behaviour, *, account_sid: str, auth_token: str, owned: bool
) -> None:
    service = Service(account_sid=account_sid, auth_token=auth_token, behaviour=behaviour)
    control = _Control(service)
    server = await serve(control.handle, port=port, idle_limit=lambda: service.behaviour.idle_limit)
    where = {"port": port_of(server), "account_sid": account_sid, "auth_token": auth_token}
    sys.stdout.write(json.dumps(where | {"url": f"http://127.0.0.1:{where['port']}"}) + "\n")
    sys.stdout.flush()
    if owned:
        # The end of the standard input is the end of whoever started this.
        await asyncio.to_thread(sys.stdin.read)
    else:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for Twilio's REST API, on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--account-sid", default=ACCOUNT_SID)
    parser.add_argument("--auth-token", default=AUTH_TOKEN)
    parser.add_argument("--owned", action="store_true", help="end when the standard input does")
    for one in fields(Behaviour):
        if one.name not in {"callbacks", "suspended", "sorts_signed", "sorts_sent"}:
            parser.add_argument(f"--{one.name.replace('_', '-')}", type=float, default=one.default)
    parser.add_argument("--no-callbacks", dest="callbacks", action="store_false")
    given = vars(parser.parse_args())
    own = {name: given.pop(name) for name in ("port", "account_sid", "auth_token", "owned")}
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(behaviour=Behaviour(**given), **own))


if __name__ == "__main__":
    main()
