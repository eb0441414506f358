"""Bounce intake: e-mails that came back, read from a file, a maildir or a hook."""

from __future__ import annotations

import mailbox
from pathlib import Path

from sqlalchemy import select

from followup.context import AppContext
from followup.delivery.receipts import take_receipt
from followup.domain.channel import ChannelKind
from followup.domain.errors import InvalidInput
from followup.providers.email.dsn import read_dsn
from followup.providers.interface import ProviderReport, ReportedStatus
from followup.store.models.messages import Attempt


def receive_bounce(app: AppContext, content: bytes) -> bool:
    """Take in one mail; return whether it says that an e-mail of ours will not arrive.

    Anything else that lies in the mailbox is left alone: holiday notices, delays, forgeries that
    name no e-mail of ours. The same report twice changes nothing the second time.
    """
    bounce = read_dsn(content)
    if bounce is None or not bounce.is_final:
        return False
    provider = app.channels[ChannelKind.EMAIL].provider
    with app.store.read() as session:
        known = session.scalar(
            select(Attempt.id).where(
                Attempt.provider == provider, Attempt.provider_id == bounce.message_id
            )
        )
    if known is None:
        return False
    report = ProviderReport(
        provider_id=bounce.message_id,
        status=ReportedStatus.FAILED,
        code=bounce.status,
        # What a server writes may hold the address: the code says enough.
        reason="the mail server reported that it was not delivered",
        recipient=bounce.recipient,
    )
    take_receipt(app, report, provider=provider)
    return True


def read_bounce_mailbox(app: AppContext, path: Path) -> tuple[int, int]:
    """Take in what is new in a maildir, or all of one mail's file; return (read, bounces).

    A mail of a maildir is marked as seen once it is taken in: after a crash it is read again.
    """
    if path.is_file():
        return 1, int(receive_bounce(app, path.read_bytes()))
    if not (path / "new").is_dir():
        raise InvalidInput.of("path", f"{path} is neither a mail nor a maildir (a folder with new)")
    read = bounced = 0
    folder = mailbox.Maildir(path, create=False)
    for key, mail in folder.items():
        if mail.get_subdir() != "new":
            continue
        bounced += receive_bounce(app, mail.as_bytes())
        read += 1
        mail.set_subdir("cur")
        mail.add_flag("S")
        folder[key] = mail
    return read, bounced
