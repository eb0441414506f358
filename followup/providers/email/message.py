"""E-mail message: text and HTML, and the headers that a careful sender sets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from followup.domain.errors import ChannelRefused
from followup.providers.interface import Outgoing

# Seven bits, so that no relay has to change a byte that a signature covers. Lines as long as they
# may be, because the folding of this library would encode an address for unsubscribing.
_POLICY = SMTP.clone(cte_type="7bit", max_line_length=998)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedEmail:
    """An e-mail in its envelope."""

    sender: str
    recipient: str
    message_id: str
    envelope_id: str
    content: bytes


def compose(outgoing: Outgoing, *, sender: str, date: datetime) -> ComposedEmail:
    """Return the e-mail; nothing in its headers tells more of the patient than the address.

    Raises `ChannelRefused` for an address that is none, and for a line break in a header.
    """
    recipient = _recipient(outgoing.to)
    message = EmailMessage(policy=_POLICY)
    try:
        for name, value in _headers(outgoing, sender=sender, date=date).items():
            message[name] = value
        from_ = message["From"].addresses[0]
    except (ValueError, IndexError) as error:
        reason = "a header holds a line break, or the sender is no address"
        raise ChannelRefused("header", reason) from error
    if not from_.domain:
        raise ChannelRefused("header", "the sender is not an address")
    message["To"] = recipient
    message.set_content(outgoing.text)
    if outgoing.html is not None:
        message.add_alternative(outgoing.html, subtype="html")
    return ComposedEmail(
        sender=outgoing.return_path or from_.addr_spec,
        recipient=recipient.addr_spec,
        message_id=str(message["Message-ID"]),
        envelope_id=str(outgoing.message_id),
        content=message.as_bytes(),
    )


def _headers(outgoing: Outgoing, *, sender: str, date: datetime) -> dict[str, str]:
    message_id = outgoing.rfc_message_id or f"<{outgoing.message_id}@localhost>"
    headers = {
        "Date": format_datetime(date),
        "From": sender,
        "Subject": outgoing.subject or "",
        "Message-ID": message_id,
        # Some relays write an id of their own over ours (Amazon SES): a bounce quotes this one.
        "X-Original-Message-ID": message_id,
        # RFC 3834: nobody's holiday notice need answer this.
        "Auto-Submitted": "auto-generated",
    }
    if outgoing.reply_to:
        headers["Reply-To"] = outgoing.reply_to
    if outgoing.unsubscribe_url:
        headers["List-Unsubscribe"] = f"<{outgoing.unsubscribe_url}>"
        # RFC 8058: a POST to that address unsubscribes, with no further question.
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def _recipient(to: str) -> Address:
    try:
        local, _, domain = to.rpartition("@")
        address = Address(addr_spec=f"{local}@{domain.encode('idna').decode()}")
    except (ValueError, IndexError, MessageError) as error:
        raise ChannelRefused("address", "this is not an address", recipient=True) from error
    if not (address.username and address.domain):
        raise ChannelRefused("address", "this is not an address", recipient=True)
    return address
