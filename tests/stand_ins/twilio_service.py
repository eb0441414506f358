"""The stand-in's REST API: it takes messages, answers or fails, lists them and reports on them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.stand_ins.callers import kill_caller
from tests.stand_ins.http_server import Exchange
from tests.stand_ins.twilio_callbacks import Callbacks
from tests.stand_ins.twilio_faults import ANSWERS, Fault, Faults, Planned
from tests.stand_ins.twilio_life import Behaviour, Drawn, advance, live, status_form, steps_of
from tests.stand_ins.twilio_messages import VERSION, Message, Messages, as_json, new_sid
from tests.stand_ins.twilio_refusals import answer_headers, complaint, refuse

_POOL = re.compile(r"/v1/Services/(?P<service>MG\w+)/(?P<name>\w+)")
POOL = {
    "PhoneNumbers": ("phone_numbers", "phone_number"),
    "ShortCodes": ("short_codes", "short_code"),
    "ChannelSenders": ("senders", "sender"),
}
"""Lists of a Messaging Service's senders: the key of the list, and the field with the sender.

By Twilio's published description (github.com/twilio/twilio-oai, twilio_messaging_v1).
"""
_PATH = re.compile(rf"/{VERSION}/Accounts/(?P<account>\w+)/Messages(?:/(?P<sid>\w+))?\.json")


@dataclass(kw_only=True)
class Service:
    """One account of the stand-in, and everything that happened to it."""

    account_sid: str
    auth_token: str
    behaviour: Behaviour = field(default_factory=Behaviour)
    faults: Faults = field(default_factory=Faults)
    messages: Messages = field(default_factory=Messages)
    requests: int = 0
    listed: list[str] = field(default_factory=list)
    pool: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.callbacks = Callbacks(self.auth_token)
        credentials = f"{self.account_sid}:{self.auth_token}".encode()
        self._authorization = "Basic " + base64.b64encode(credentials).decode()

    def handle(self, exchange: Exchange) -> None:
        """Answer one request of the REST API, after the latency."""
        self.requests += 1
        if self.behaviour.latency:
            loop = asyncio.get_running_loop()
            loop.call_later(self.behaviour.latency, self._route, exchange)
        else:
            self._route(exchange)

    def _route(self, exchange: Exchange) -> None:
        parts = urlsplit(exchange.target)
        match = _PATH.fullmatch(parts.path)
        if exchange.headers.get("authorization") != self._authorization:
            refuse(exchange, 20003)
        elif self.behaviour.suspended:
            refuse(exchange, 20005)
        elif pool := _POOL.fullmatch(parts.path):
            self._list_pool(exchange, pool["name"], dict(parse_qsl(parts.query)))
        elif match is None or match["account"] != self.account_sid:
            refuse(exchange, 20404, unquote(parts.path))
        elif exchange.method == "POST" and match["sid"] is None:
            self._create(exchange)
        elif exchange.method == "GET" and match["sid"] is None:
            self._list(exchange, dict(parse_qsl(parts.query)))
        elif exchange.method == "GET" and match["sid"] in self.messages.by_sid:
            self._fetch(exchange, self.messages.by_sid[match["sid"]])
        else:
            refuse(exchange, 20404, unquote(parts.path))

    def _create(self, exchange: Exchange) -> None:
        form = dict(parse_qsl(exchange.body.decode(), keep_blank_values=True))
        drawn = self.faults.draw("create", form.get("To"))
        fault = next((one for name, one in drawn.items() if name in ANSWERS), None)
        if fault is not None and not fault.fault.accepts:
            self._fail(exchange, fault)
            return
        if (code := complaint(form)) is not None:
            refuse(exchange, code, form.get("To", ""))
            return
        message = self._accept(form)
        if Fault.CALLBACK_BEFORE_ANSWER in drawn:
            later = self._answer_after_reports(exchange, message, drawn, fault=fault)
            asyncio.get_running_loop().create_task(later).add_done_callback(_raise)
        else:
            live(message, self.behaviour, drawn, self.callbacks)
            self._answer(exchange, message, fault)

    def _accept(self, form: Mapping[str, str]) -> Message:
        now = time.time()
        service = form.get("MessagingServiceSid")
        message = Message(
            sid=new_sid(),
            account_sid=self.account_sid,
            to=form["To"],
            from_=form.get("From"),
            service=service,
            body=form["Body"],
            created=now,
            # Without a sender chosen yet, a message is only accepted.
            status="accepted" if service and "From" not in form else "queued",
            status_callback=form.get("StatusCallback"),
            validity_period=int(form["ValidityPeriod"]) if "ValidityPeriod" in form else None,
            listable=now + self.behaviour.list_delay,
        )
        self.messages.add(message)
        return message

    def _answer(self, exchange: Exchange, message: Message, fault: Planned | None) -> None:
        content = as_json(message.resource())
        actions: dict[Fault | None, Callable[[], object]] = {
            None: lambda: exchange.answer(201, content, answer_headers()),
            Fault.ACCEPT_NEVER_ANSWER: exchange.never_answer,
            Fault.ACCEPT_RESET: exchange.reset,
            Fault.ACCEPT_CLOSE: exchange.close,
            Fault.ACCEPT_500: lambda: refuse(exchange, 20500),
            Fault.ACCEPT_TRUNCATE: lambda: exchange.truncate(201, content),
            Fault.ACCEPT_GARBAGE: lambda: exchange.answer(201, b"<html>Created</html>"),
            Fault.ACCEPT_KILL_CALLER: lambda: self._kill(exchange),
        }
        if fault is None or fault.fault in actions:
            actions[fault.fault if fault else None]()
        elif fault.fault is Fault.ACCEPT_TRICKLE:
            exchange.trickle(201, content, seconds=fault.seconds)
        elif fault.fault is Fault.ACCEPT_STOP_CALLER:
            self._freeze(exchange, seconds=fault.seconds)
            exchange.answer(201, content, answer_headers())
        else:
            loop = asyncio.get_running_loop()
            loop.call_later(fault.seconds, exchange.answer, 201, content, answer_headers())

    def _fail(self, exchange: Exchange, fault: Planned) -> None:
        actions: dict[Fault, Callable[[], object]] = {
            Fault.REFUSE_NEVER_ANSWER: exchange.never_answer,
            Fault.REFUSE_RESET: exchange.reset,
            Fault.REFUSE_CLOSE: exchange.close,
            Fault.REFUSE_500: lambda: refuse(exchange, 20500),
            Fault.REFUSE_503: lambda: refuse(exchange, 20503),
            Fault.REFUSE_429: lambda: refuse(
                exchange, 20429, headers={"Retry-After": f"{fault.seconds:.0f}"}
            ),
            Fault.REFUSE_CODE: lambda: refuse(exchange, fault.code),
            Fault.REFUSE_KILL_CALLER: lambda: self._kill(exchange),
        }
        actions[fault.fault]()

    def _kill(self, exchange: Exchange) -> None:
        self.faults.killed.extend(kill_caller(exchange.peer, exchange.here))
        exchange.close()

    def _freeze(self, exchange: Exchange, *, seconds: float) -> None:
        stopped = kill_caller(exchange.peer, exchange.here, number=signal.SIGSTOP)
        asyncio.get_running_loop().call_later(seconds, _go_on, stopped)

    def _list(self, exchange: Exchange, query: dict[str, str]) -> None:
        self.listed.append(urlsplit(exchange.target).query)
        if fault := next(iter(self.faults.draw("list", query.get("To")).values()), None):
            self._fail(exchange, fault)
            return
        try:
            page = self.messages.page(self.account_sid, query, now=time.time())
        except ValueError as error:
            refuse(exchange, 20001, str(error))
            return
        exchange.answer(200, page, answer_headers())

    def _list_pool(self, exchange: Exchange, name: str, query: dict[str, str]) -> None:
        if name not in POOL:
            refuse(exchange, 20404, name)
            return
        key, sender = POOL[name]
        size, page = int(query.get("PageSize", 50)), int(query.get("Page", 0))
        found = self.pool.get(name, [])
        path = urlsplit(exchange.target).path
        more = (page + 1) * size < len(found)
        following = f"https://messaging.twilio.com{path}?PageSize={size}&Page={page + 1}"
        meta = {
            "key": key,
            "page": page,
            "page_size": size,
            "next_page_url": following if more else None,
        }
        rows = [{sender: one} for one in found[page * size : (page + 1) * size]]
        exchange.answer(200, as_json({"meta": meta, key: rows}), answer_headers())

    def _fetch(self, exchange: Exchange, message: Message) -> None:
        if fault := next(iter(self.faults.draw("fetch", message.to).values()), None):
            self._fail(exchange, fault)
            return
        exchange.answer(200, as_json(message.resource()), answer_headers())

    async def _answer_after_reports(
        self, exchange: Exchange, message: Message, drawn: Drawn, *, fault: Planned | None
    ) -> None:
        for _, status, code in steps_of(message, self.behaviour, drawn):
            advance(message, status, code)
            if message.status_callback:
                form = status_form(message, status, code)
                await self.callbacks.post(message.status_callback, form)
        self._answer(exchange, message, fault)


def _raise(task: asyncio.Task[None]) -> None:
    task.result()


def _go_on(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
