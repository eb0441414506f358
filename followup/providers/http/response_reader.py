"""HTTP/1.1 response reader: the whole answer, or nothing.

The standard library's reader spends more time on one answer's headers, which hardly anybody asks
for, than all the rest of a call takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

MAX_HEAD = 65_536
MAX_BODY = 16 * 1024 * 1024
"""Bytes; the longest page of a list that Twilio gives has about 2 MB."""

_STATUS = re.compile(rb"HTTP/1\.(?P<minor>[01]) (?P<status>[1-5]\d\d)(?: [^\r\n]*)?")
_LENGTH = re.compile(r"\d{1,10}", re.ASCII)
_CHUNK_SIZE = re.compile(rb"(?P<size>[0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?")
_END = b"\r\n"
_SWITCHING = 101
_FINAL = 200
_BODILESS = frozenset({204, 304})

Receive = Callable[[], bytes]
"""Returns some bytes, and none at the end of the connection."""


class BrokenAnswer(Exception):
    """What came back is no HTTP answer, or not the whole of one."""


class Headers(dict[str, str]):
    """Headers by name, in lower case; asked for in any."""

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        return super().get(name.lower(), default)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, whatever its status; `keeps` says whether its connection serves again."""

    status: int
    headers: Headers
    body: bytes
    keeps: bool

    @property
    def text(self) -> str:
        """Return the body as text, with a mark for what is none."""
        return self.body.decode(errors="replace")


def read_answer(receive: Receive) -> Answer:
    """Return the answer that comes; raise `BrokenAnswer`, and whatever `receive` raises."""
    incoming = _Incoming(receive)
    minor, status, headers = _head(incoming)
    while status < _FINAL:
        if status == _SWITCHING:
            raise BrokenAnswer("the server changes to another protocol")
        minor, status, headers = _head(incoming)
    body, delimited = _body(incoming, status, headers)
    asked_to_close = "close" in (headers.get("Connection") or "").lower()
    return Answer(
        status,
        headers,
        body,
        keeps=delimited and minor == 1 and not asked_to_close and not incoming.left_over,
    )


class _Incoming:
    """The bytes that come, taken piece by piece."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = bytearray()

    @property
    def left_over(self) -> bool:
        return bool(self._bytes)

    def until(self, mark: bytes, *, limit: int = MAX_HEAD) -> bytes:
        """Return what comes before the mark, and step over it."""
        while (end := self._bytes.find(mark)) < 0:
            if len(self._bytes) > limit:
                raise BrokenAnswer("a line or the headers are too long")
            self._more()
        return self._taken(end, skip=len(mark))

    def exactly(self, count: int) -> bytes:
        if count > MAX_BODY:
            raise BrokenAnswer("it is too long")
        while len(self._bytes) < count:
            self._more()
        return self._taken(count)

    def to_end(self) -> bytes:
        while more := self._receive():
            self._bytes += more
            if len(self._bytes) > MAX_BODY:
                raise BrokenAnswer("it is too long")
        return self._taken(len(self._bytes))

    def _more(self) -> None:
        more = self._receive()
        if not more:
            raise BrokenAnswer("the connection ended in the middle")
        self._bytes += more

    def _taken(self, count: int, *, skip: int = 0) -> bytes:
        taken = bytes(self._bytes[:count])
        del self._bytes[: count + skip]
        return taken


def _head(incoming: _Incoming) -> tuple[int, int, Headers]:
    first, _, rest = incoming.until(_END + _END).partition(_END)
    match = _STATUS.fullmatch(first)
    if match is None:
        raise BrokenAnswer(f"this is no HTTP answer: {first[:40]!r}")
    headers = Headers()
    for line in rest.decode("latin-1").split("\r\n") if rest else ():
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BrokenAnswer("a header is out of form")
        name, value = name.lower(), value.strip()
        # Repeated ones make a list; a length given twice is then no number and refused below.
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return int(match["minor"]), int(match["status"]), headers


def _body(incoming: _Incoming, status: int, headers: Headers) -> tuple[bytes, bool]:
    """Return the body, and whether it had an end of its own."""
    if status in _BODILESS:
        return b"", True
    if (coding := headers.get("Transfer-Encoding")) is not None:
        if coding.lower() != "chunked":
            raise BrokenAnswer(f"the answer is encoded as {coding}")
        return _chunks(incoming), True
    if (length := headers.get("Content-Length")) is not None:
        if not _LENGTH.fullmatch(length):
            raise BrokenAnswer(f"its length is given as {length}")
        return incoming.exactly(int(length)), True
    return incoming.to_end(), False


def _chunks(incoming: _Incoming) -> bytes:
    # One buffer: a list of millions of small ones would take many times what was sent.
    whole = bytearray()
    while True:
        match = _CHUNK_SIZE.fullmatch(incoming.until(_END))
        if match is None:
            raise BrokenAnswer("a chunk has no size")
        size = int(match["size"], 16)
        if size == 0:
            break
        if len(whole) + size > MAX_BODY:
            raise BrokenAnswer("it is too long")
        whole += incoming.exactly(size)
        if incoming.exactly(len(_END)) != _END:
            raise BrokenAnswer("a chunk is longer than it says")
    while incoming.until(_END):
        pass  # Trailing headers, which nobody asks for.
    return bytes(whole)
