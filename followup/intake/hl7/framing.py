"""MLLP framing: bytes of a connection become messages, or the reason why they can't.

A frame is 0x0B, the message, 0x1C and 0x0D (HL7 v2 Transport Specification, MLLP release 1). The
last byte is not waited for: some senders leave it out, and nothing else follows a 0x1C.
"""

from __future__ import annotations

from enum import StrEnum

START, END, NUL = b"\x0b", b"\x1c", b"\x00"
BETWEEN = b"\r\n"
"""What may stand between two frames: the rest of an end, and line ends of careless senders."""
LONGEST_MESSAGE = 1024 * 1024


class BrokenFrame(StrEnum):
    """Why bytes are no frame. The connection ends then: nobody knows where the next begins."""

    NO_START = "no-start"
    START_AGAIN = "start-again"
    TOO_LONG = "too-long"
    NUL_BYTE = "nul"
    UNFINISHED = "unfinished"


class FramingError(Exception):
    """Bytes that are no frame."""

    def __init__(self, reason: BrokenFrame) -> None:
        self.reason = reason
        super().__init__(reason.value)


class FrameReader:
    """Takes bytes as they come, and gives messages as soon as each is whole."""

    def __init__(self, *, longest: int = LONGEST_MESSAGE) -> None:
        self._longest = longest
        self._waiting = b""
        self._message: bytearray | None = None

    @property
    def is_inside(self) -> bool:
        """Say whether a message has begun and has not ended."""
        return self._message is not None

    def feed(self, data: bytes) -> None:
        """Take bytes; what becomes of them, `next_message` says."""
        self._waiting += data

    def next_message(self) -> bytes | None:
        """Return the next whole message, or None where more bytes are needed.

        Raises `FramingError` for bytes that are none.
        """
        if self._message is None:
            rest = self._waiting.lstrip(BETWEEN)
            self._waiting = b""
            if not rest:
                return None
            if not rest.startswith(START):
                raise FramingError(BrokenFrame.NO_START)
            self._message, self._waiting = bytearray(), rest[1:]
        part, end, rest = self._waiting.partition(END)
        self._waiting = rest
        for sign, reason in ((NUL, BrokenFrame.NUL_BYTE), (START, BrokenFrame.START_AGAIN)):
            if sign in part:
                raise FramingError(reason)
        self._message += part
        if len(self._message) > self._longest:
            raise FramingError(BrokenFrame.TOO_LONG)
        if not end:
            return None
        message, self._message = bytes(self._message), None
        return message


def framed(message: bytes) -> bytes:
    """Return a message as it travels."""
    return START + message + END + b"\r"
