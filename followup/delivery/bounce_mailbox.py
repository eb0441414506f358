"""Bounce mailbox on this machine: a maildir, or the file of one mail."""

from __future__ import annotations

import mailbox
from collections import Counter
from pathlib import Path

from followup.context import AppContext
from followup.delivery.bounces import receive_bounce
from followup.delivery.returned_mails import MailSource, TakenMail
from followup.domain.errors import InvalidInput


def read_bounce_mailbox(app: AppContext, path: Path) -> Counter[TakenMail]:
    """Take in what is new in a maildir, or all of one mail's file; return how many became what.

    A mail of a maildir is marked as seen once it is taken in: after a crash it is read again.
    """
    if path.is_file():
        return Counter([receive_bounce(app, path.read_bytes(), source=MailSource.FILE)])
    if not (path / "new").is_dir():
        raise InvalidInput.of("path", f"{path} is neither a mail nor a maildir (a folder with new)")
    taken: Counter[TakenMail] = Counter()
    folder = mailbox.Maildir(path, create=False)
    for key, mail in folder.items():
        if mail.get_subdir() != "new":
            continue
        content = folder.get_bytes(key)
        taken[receive_bounce(app, content, source=MailSource.MAILDIR)] += 1
        mail.set_subdir("cur")
        mail.add_flag("S")
        folder[key] = mail
    return taken
