"""What becomes of a message that the stand-in took, and what it tells us of that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime

from tests.stand_ins.twilio_callbacks import Callbacks
from tests.stand_ins.twilio_faults import Fault, Planned
from tests.stand_ins.twilio_messages import VERSION, Message, new_sid

Drawn = Mapping[Fault, Planned]
Step = tuple[float, str, int | None]
"""So many seconds after it was taken, a message has this status, with this error code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the stand-in behaves when nothing goes wrong; times in seconds.

    `list_delay` is how long a message is not in lists yet; `sent_after` and `delivered_after` when
    it is sent and delivered, counted from when it was taken; `idle_limit` when an unused connection
    is closed, 0 for never; `suspended` turns every request of the account away. With `sorts_signed`
    the query of a callback's address is put in order before it is signed, with `sorts_sent` before
    it is called.
    """

    latency: float = 0.0
    list_delay: float = 0.0
    sent_after: float = 0.05
    delivered_after: float = 0.15
    callbacks: bool = True
    idle_limit: float = 0.0
    suspended: bool = False
    sorts_signed: bool = False
    sorts_sent: bool = False

    def changed(self, changes: Mapping[str, object]) -> Behaviour:
        known = {one.name for one in fields(self)}
        if unknown := set(changes) - known:
            raise ValueError(f"there is no {', '.join(sorted(unknown))} to configure")
        return replace(self, **changes)  # type: ignore[arg-type]


def live(message: Message, behaviour: Behaviour, drawn: Drawn, callbacks: Callbacks) -> None:
    """Let a message be sent and delivered in time, and report on it as the faults have it."""
    loop = asyncio.get_running_loop()
    steps = steps_of(message, behaviour, drawn)
    for after, status, code in steps:
        loop.call_later(after, advance, message, status, code)
    if behaviour.callbacks and Fault.CALLBACK_NONE not in drawn:
        for after, status, code in _reports(steps, drawn):
            loop.call_later(after, report, message, status, code, callbacks)


def steps_of(message: Message, behaviour: Behaviour, drawn: Drawn) -> list[Step]:
    """Return what becomes of a message after its first state, of which Twilio tells nothing."""
    steps: list[Step] = []
    if message.status == "accepted":
        steps.append((behaviour.sent_after / 2, "queued", None))
    if Fault.FAILED in drawn:
        return [*steps, (behaviour.sent_after, "failed", drawn[Fault.FAILED].code)]
    steps.append((behaviour.sent_after, "sent", None))
    end = max(behaviour.sent_after, behaviour.delivered_after)
    if Fault.UNDELIVERED in drawn:
        return [*steps, (end, "undelivered", drawn[Fault.UNDELIVERED].code)]
    return [*steps, (end, "delivered", None)]


def _reports(steps: list[Step], drawn: Drawn) -> list[Step]:
    late = drawn[Fault.CALLBACK_LATE].seconds if Fault.CALLBACK_LATE in drawn else 0.0
    moments = [after + late for after, _, _ in steps]
    told = reversed(steps) if Fault.CALLBACK_OUT_OF_ORDER in drawn else iter(steps)
    reports = [
        (moment, status, code) for moment, (_, status, code) in zip(moments, told, strict=True)
    ]
    return reports * 2 if Fault.CALLBACK_TWICE in drawn else reports


def advance(message: Message, status: str, code: int | None) -> None:
    message.status = status
    message.error_code = code
    message.updated = time.time()
    if status == "sent":
        message.sent = message.updated


def report(message: Message, status: str, code: int | None, callbacks: Callbacks) -> None:
    """Call back about a status, whether the message has it or not."""
    if message.status_callback:
        callbacks.post_soon(message.status_callback, status_form(message, status, code))


def status_form(message: Message, status: str, code: int | None) -> dict[str, str]:
    """Return the form of a status callback."""
    form = {
        "AccountSid": message.account_sid,
        "ApiVersion": VERSION,
        "From": message.from_ or "+447700900000",
        "MessageSid": message.sid,
        "MessageStatus": status,
        "SmsSid": message.sid,
        "SmsStatus": status,
        "To": message.to,
    }
    if message.service:
        form["MessagingServiceSid"] = message.service
    if code:
        form["ErrorCode"] = str(code)
    return form


def inbound_form(account_sid: str, data: Mapping[str, str]) -> dict[str, str]:
    """Return the form of an inbound text: `from`, `to`, `body`, perhaps `opt_out_type`, `media`."""
    sid = new_sid()
    form = {
        "AccountSid": account_sid,
        "ApiVersion": VERSION,
        "Body": data["body"],
        "From": data["from"],
        "FromCountry": "GB",
        "MessageSid": sid,
        "NumMedia": data.get("media", "0"),
        "NumSegments": "1",
        "SmsMessageSid": sid,
        "SmsSid": sid,
        "SmsStatus": "received",
        "To": data["to"],
        "ToCountry": "GB",
    }
    if "opt_out_type" in data:
        form["OptOutType"] = data["opt_out_type"]
    return form


def came_in(form: Mapping[str, str], *, at: str | None = None, ago: float = 0.0) -> Message:
    """Return an inbound text of that time, or so many seconds ago, as the lists show it.

    Of one that came in, the sending date is when its webhook was called.
    """
    now = time.time() - ago if at is None else datetime.fromisoformat(at).timestamp()
    return Message(
        sid=form["MessageSid"],
        account_sid=form["AccountSid"],
        to=form["To"],
        from_=form["From"],
        service=None,
        body=form["Body"],
        created=now,
        sent=now,
        status="received",
        direction="inbound",
        media=int(form["NumMedia"]),
    )
