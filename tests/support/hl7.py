"""Made-up HL7 v2 messages, a site that understands them, and a sender that speaks MLLP."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from threading import Thread
from types import MappingProxyType
from typing import Any, Self
from zoneinfo import ZoneInfo

from followup.catalogue.load import Catalogue
from followup.context import AppContext
from followup.domain.sites.site import Site
from followup.domain.sites.site_file import parse_site
from followup.intake.hl7.framing import END, framed
from followup.intake.hl7.listener import Hl7Listener, ListenerLimits
from followup.intake.hl7.receive import receive_message
from followup.store.models.feeds import FeedMessage
from followup.web.listening import listen
from tests.support.apps import rows, shipped_catalogue, sweep
from tests.support.people import PROCEDURE_AT, nhs_number
from tests.support.servers import free_port

ZONE = ZoneInfo("Europe/London")
SECONDS = 30.0
"""How long a test waits for an answer before it gives up."""

SITE: Mapping[str, Any] = {
    "key": "made-up",
    "name": "Made-up Hospital",
    "zone": "Europe/London",
    "connection": {
        "addresses": ["127.0.0.0/8", "::1"],
        "senders": [{"facility": "MUH", "application": "PAS"}, {"facility": "MUH2"}],
        "encoding": "utf-8",
    },
    "events": {
        "SIU^S12": "booked",
        "SIU^S13": "moved",
        "SIU^S14": "moved",
        "SIU^S15": "cancelled",
        "SIU^S17": "cancelled",
        "SIU^S26": "cancelled",
        "ADT^A05": "booked",
        "ADT^A01": "arrived",
        "ADT^A04": "arrived",
        "ADT^A13": "arrived",
        "ADT^A03": "done",
        "ADT^A11": "cancelled",
        "ADT^A08": "person",
        "ADT^A28": "person",
        "ADT^A31": "person",
        "ADT^A40": "merged",
        "ADT^A60": "ignored",
    },
    "identifiers": {"local": ["MR"], "nhs": ["NHS", "NH", "NI"]},
    "mobiles": [{"use": "PRN", "equipment": "CP"}],
    "death_codes": ["4"],
    "languages": {"AR": "ar", "CY": "cy"},
    "follow_ups": [
        {
            "procedure": ["A52.1"],
            "clinic": "derriford-pain",
            "protocol": "nerve-root-block",
        },
        {
            "procedure": ["A52.2"],
            "clinic": "derriford-pain",
            "protocol": "nerve-root-block",
            "answers": {"diabetic": False, "steroid_given": True},
        },
        {
            "procedure": ["V54.4"],
            "service": ["PAIN"],
            "clinic": "derriford-pain",
            "protocol": "facet-joint-injection",
            "answers": {"sugar_may_rise": False},
        },
    ],
}
COMPLETE = "A52.2"
"""A procedure whose code answers every question of its protocol."""
INCOMPLETE = "A52.1"


def site(**changes: object) -> Site:
    """Return the made-up hospital, with parts of its file changed."""
    return parse_site({**SITE, **changes}, file="made-up.toml")


def catalogue_with(*sites: Site) -> Catalogue:
    """Return what is shipped, with these sites in place of the shipped one."""
    found = sites or (site(),)
    return replace(shipped_catalogue(), sites=MappingProxyType({it.key: it for it in found}))


def hl7_time(at: datetime) -> str:
    """Return a time as a system of that hospital writes it: by the clock on its wall."""
    return at.astimezone(ZONE).strftime("%Y%m%d%H%M%S")


def message(
    event: str = "SIU^S12",
    *,
    id_: str = "1",
    at: str = "20261019143000",
    serial: int = 1,
    pid: str | None = None,
    nhs: str | None = None,
    name: str | None = None,
    phones: str | None = None,
    died: str = "",
    born: str = "",
    visit: str = "",
    appointment: str | None = None,
    procedure: str | None = COMPLETE,
    time: datetime | None = PROCEDURE_AT,
    mrg: str = "",
    more: tuple[str, ...] = (),
    msh: Mapping[int, str] = MappingProxyType({}),
) -> str:
    """Return a message about the person of that serial, right in every field.

    `at` is EVN-2 and MSH-7; `pid` stands in place of the whole segment, `more` behind the rest.
    """
    is_siu = event.startswith("SIU")
    header = ["MSH", "^~\\&", "PAS", "MUH", "FOLLOWUP", "CLINIC", at, "", event, id_, "P", "2.4"]
    header += [""] * 7
    for place, value in msh.items():
        header[place - 1] = value
    number = nhs_number(serial) if nhs is None else nhs
    # A number that is left out is left out, not deleted.
    ids = f"{serial:06d}^^^MUH^MR" + (f"~{number}^^^NHS^NH" if number else "")
    mobile = f"+447700900{serial % 1000:03d}^PRN^CP" if phones is None else phones
    called = name or f"Patient-{serial:05d}^Test"
    person = ["PID", "1", "", ids, "", f"{called}^^^^^L", ""]
    person += [born or f"195{serial % 10}0512", "", "", "", "", "", mobile]
    person += [""] * 16 + [died]
    segments = ["|".join(header).rstrip("|")]
    if not is_siu:
        segments.append(f"EVN||{at}")
    scheduled = "" if time is None else hl7_time(time)
    if is_siu:
        number = "AP1" if appointment is None else appointment
        segments.append("|".join(["SCH", "", number, *[""] * 8, f"^^^{scheduled}"]))
    segments.append("|".join(person).rstrip("|") if pid is None else pid)
    if mrg:
        segments.append(f"MRG|{mrg}")
    if visit or not is_siu:
        fields = ["PV1", "1", "O", "PAINCL", *[""] * 6, "PAIN", *[""] * 8, visit]
        segments.append("|".join(fields).rstrip("|"))
    if procedure is not None:
        when = scheduled if not is_siu else ""
        segments.append(f"PR1|1||{procedure}^A procedure^OPCS4||{when}")
    return "\r".join([*segments, *more]) + "\r"


class Hl7Sender:
    """Another system's side of a connection."""

    def __init__(
        self, port: int, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        plain = socket.create_connection((host, port), timeout=SECONDS)
        self.socket = tls.wrap_socket(plain, server_hostname="localhost") if tls else plain
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()

    def send(self, content: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(content)

    def answer(self) -> dict[str, list[str]]:
        """Return the next acknowledgement, its fields by segment; nothing where it was closed."""
        while END not in self._rest:
            data = self.socket.recv(65536)
            if not data:
                return {}
            self._rest += data
        one, _, self._rest = self._rest.partition(END)
        lines = one.strip(b"\x0b\r").decode("ascii").split("\r")
        return {line[:3]: line.split("|") for line in lines}

    def is_closed(self) -> bool:
        """Wait until the other side closes; anything that it still says is read away."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True

    def ask(self, text: str | bytes) -> dict[str, list[str]]:
        """Send a message, framed, and return its acknowledgement."""
        self.send(framed(text.encode() if isinstance(text, str) else text))
        return self.answer()


@contextmanager
def listening(
    app: AppContext, *, tls: ssl.SSLContext | None = None, limits: ListenerLimits | None = None
) -> Iterator[int]:
    """Listen in a thread, and give the port."""
    port = free_port()
    listener = Hl7Listener(app, listen("127.0.0.1", port), tls=tls, limits=limits)
    thread = Thread(target=listener.run)
    thread.start()
    try:
        yield port
    finally:
        listener.stop()
        thread.join(SECONDS)


def feed(app: AppContext, *messages: str) -> list[tuple[str, str | None]]:
    """Take in messages and work them off, one after the other; return state and reason of each."""
    came: list[tuple[str, str | None]] = []
    for text in messages:
        answer = receive_message(app, text.encode(), sites=list(app.catalogue.sites.values()))
        assert b"|AA|" in answer, answer
        sweep(app, "work-off-feeds")
        id_ = text.split("|")[9]
        (row,) = [each for each in rows(app, FeedMessage) if each.control_id == id_]
        came.append((row.state, row.reason))
    return came
