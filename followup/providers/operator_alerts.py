"""Operator notifiers by e-mail or webhook: short calls, apart from all sending."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from followup.providers.email.relay import MailRelay, RelayConnection
from followup.providers.http import deadlines as bounded
from followup.providers.http.connection_pool import AnswerLost, Connections, NotReached
from followup.providers.http.response_reader import Answer

ALERT_SECONDS = 15.0
"""How long telling somebody may take, all in all."""
_OK = range(200, 300)
_IN_TARGETS = "/?:@!$&'()*+,;=%-._~"
"""What an address may hold as it is; all else, spaces for instance, is quoted (RFC 3986)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAlert:
    """What an operator is told: sentences without any patient in them.

    `files` go with it by e-mail, as they are.
    """

    title: str
    lines: Sequence[str]
    details: Sequence[dict[str, Any]] = field(default_factory=tuple)
    files: Mapping[str, bytes] = field(default_factory=dict)
    at: datetime


class Messenger(Protocol):
    """A way to reach the operator. `OSError` is raised where it does not."""

    kind: str

    def tell(self, alert: OperatorAlert) -> None:
        """Tell the operator; return when they were reached as far as can be known."""


class EmailMessenger:
    """Tells by e-mail, through the mail server of the settings."""

    kind = "e-mail"

    def __init__(self, url: str, *, sender: str, to: Sequence[str]) -> None:
        self._relay = MailRelay.parse(url)
        self._sender, self._to = sender, tuple(to)

    def tell(self, alert: OperatorAlert) -> None:
        message = EmailMessage()
        message["From"], message["To"] = self._sender, ", ".join(self._to)
        message["Subject"] = alert.title
        message["Date"] = format_datetime(alert.at)
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content("\n\n".join(alert.lines) + "\n")
        for name, content in alert.files.items():
            message.add_attachment(
                content, maintype="application", subtype="octet-stream", filename=name
            )
        left = bounded.after(ALERT_SECONDS)
        # Its errors of every kind are OSErrors.
        with RelayConnection(self._relay, left, tls=ssl.create_default_context()) as session:
            session.send_message(message, self._sender, list(self._to))


class WebhookMessenger:
    """Tells by a POST of JSON: `text` for a chat, and the alarms one by one for programs."""

    kind = "webhook"

    def __init__(self, url: str) -> None:
        self._url = url

    def tell(self, alert: OperatorAlert) -> None:
        text = "\n".join([alert.title, *alert.lines])
        body = json.dumps({"text": text, "alarms": list(alert.details)}).encode()
        try:
            answer = self._post(body)
        except (NotReached, AnswerLost) as error:
            raise OSError(str(error)) from None
        except ValueError:
            # What it says quotes the address, which is a secret.
            raise OSError("the address of the webhook can't be read") from None
        if answer.status not in _OK:
            raise OSError(f"the webhook answered {answer.status}")

    def _post(self, body: bytes) -> Answer:
        parts = urlsplit(self._url)
        target = quote(f"{parts.path or '/'}{parts.query and '?'}{parts.query}", safe=_IN_TARGETS)
        connections = Connections(
            self._url, connect_timeout=ALERT_SECONDS / 3, read_timeout=ALERT_SECONDS * 2 / 3, keep=0
        )
        headers = {"Content-Type": "application/json"}
        return connections.request("POST", target, body=body, headers=headers)
