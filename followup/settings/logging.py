"""Logging: a fixed event name and identifiers, in UTC, and never a patient.

Structlog and the standard library's loggers come out alike, as JSON lines or for people. A line of
ours that carries a field such as `mobile` or `body` is a mistake: tests raise on it, and production
blots the value out.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from followup.tracing.spans import current_span

PRIVATE_FIELDS = frozenset(
    {
        "address", "birth_date", "body", "contact", "date_of_birth", "dob", "email", "family_name",
        "first_name", "forename", "from_number", "given_name", "html", "last_name", "mobile",
        "name", "nhs_number", "patient", "patient_name", "phone", "postcode", "recipient",
        "subject", "surname", "telephone", "text", "to", "to_number",
        # Not a patient's, and as little for a log.
        "auth_token", "authorization", "broker_url", "cookie", "data_key", "database_url",
        "master_key", "master_keys", "password", "replica_url", "secret", "smtp_url", "token",
    }
)  # fmt: skip

BLOTTED = "[private]"
EVENT = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")

ADDRESS = re.compile(r"[^\s@<>\"'(,;=]+@[\w.-]+")
PHONE_OR_NHS_NUMBER = re.compile(r"(?<![\w.:-])\+?\d(?:[ ()-]{0,2}\d){9,14}(?![\w:-]|\.\d)")

# Their talkative levels show what is sent, and to whom: only their warnings are let through.
QUIET_LOGGERS = (
    "aiosmtpd", "httpcore2", "httpx2", "kombu", "sqlalchemy", "twilio", "urllib3",
    "alembic", "uvicorn",
    # A line for each tick, every second, says nothing.
    "celery.app.trace", "celery.beat", "celery.worker.consumer", "celery.worker.strategy",
)  # fmt: skip


def configure_logging(
    *,
    level: str = "info",
    log_format: str = "console",
    stream: TextIO | None = None,
    strict: bool = False,
) -> None:
    """Send every log line of this process to `stream` (standard error); may be called again.

    `log_format` is `console` or `json`. With `strict`, for tests, a line of ours raises
    `PrivateField` or `UnfixedEvent` where production blots out.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            raise_on_private if strict else blot_private,
            *_scrubbed(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = _Lines(stream)
    colours = (stream or sys.stderr).isatty()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_shared(), *_scrubbed()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(log_format, colours=colours),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


class _Lines(logging.Handler):
    """Writes to a stream, or to what is standard error at that moment: tests exchange it."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        try:
            stream = self._stream or sys.stderr
            stream.write(f"{self.format(record)}\n")
            stream.flush()
        except Exception:  # noqa: BLE001 - a line that can't be written must not stop a message
            self.handleError(record)


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        add_span,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def add_span(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Say to which span of which trace a line belongs, where one is kept."""
    if (at := current_span()) is not None:
        event.update(trace_id=at.trace.hex, span_id=f"{at.span:016x}")
    return event


def _scrubbed() -> list[Processor]:
    return [structlog.processors.format_exc_info, blot_numbers]


def _renderer(log_format: str, *, colours: bool) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer(sort_keys=True, default=str)
    # The plain traceback shows no local variables, which may hold a patient.
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain)


class PrivateField(AssertionError):
    """A log line carries a field that may tell of a patient: log an identifier instead."""


class UnfixedEvent(AssertionError):
    """The name of an event is made up as it goes: fix it, and give the variables as fields."""


def raise_on_private(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Raise where a line carries a private field or no fixed event name."""
    if found := sorted(_private_fields(event)):
        raise PrivateField(f"{event.get('event')} logs {', '.join(found)}")
    if not EVENT.fullmatch(str(event.get("event"))):
        raise UnfixedEvent(f"{event.get('event')!r} is no fixed event name, such as message.sent")
    return event


def blot_private(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blot out the value of every private field, however deep it lies."""
    return dict(_blotted(event))


def blot_numbers(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blot out addresses and numbers as long as a phone's in any words, a traceback's included."""
    for field, words in event.items():
        if isinstance(words, str) and field != "timestamp":
            event[field] = PHONE_OR_NHS_NUMBER.sub(BLOTTED, ADDRESS.sub(BLOTTED, words))
    return event


def _private_fields(value: object) -> set[str]:
    if isinstance(value, Mapping):
        own = {str(key) for key in value if str(key).lower() in PRIVATE_FIELDS}
        return own.union(*(_private_fields(inner) for inner in value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return set[str]().union(*(_private_fields(inner) for inner in value))
    return set()


def _blotted(value: Any) -> Any:  # noqa: ANN401 - whatever a caller logged.
    if isinstance(value, Mapping):
        return {
            key: BLOTTED if str(key).lower() in PRIVATE_FIELDS else _blotted(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_blotted(inner) for inner in value]
    return value
