"""Bounce mailboxes: a maildir or the file of one mail on this machine, or a folder behind IMAP."""

from __future__ import annotations

import mailbox
from collections import Counter
from datetime import timedelta
from pathlib import Path

import structlog

from followup.context import AppContext
from followup.delivery.bounce_intake import receive_bounce
from followup.delivery.returned_mail_ledger import MailSource, TakenMail, places_taken
from followup.domain.errors import ChannelDown, InvalidInput

LOOKS_BACK = timedelta(days=7)
"""How far back mails are looked for that somebody has read already; unread ones for ever."""
AT_ONCE = 50
"""Mails that one look takes in: the others wait for the next, a moment later."""

log = structlog.get_logger()


def read_bounce_mailbox(app: AppContext, path: Path) -> Counter[TakenMail]:
    """Take in what is new in a maildir, or all of one mail's file; return how many became what.

    A mail of a maildir is no longer new once it is taken in; after a crash it is read again. One
    that waits for a person is not marked as seen.
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
        outcome = receive_bounce(app, folder.get_bytes(key), source=MailSource.MAILDIR)
        taken[outcome] += 1
        mail.set_subdir("cur")
        if outcome is not TakenMail.UNMATCHED:
            mail.add_flag("S")
        folder[key] = mail
    return taken


def fetch_bounces(app: AppContext) -> Counter[TakenMail]:
    """Take in what came into the mailbox behind IMAP, as far as one look goes; raise `ChannelDown`.

    A mail that waits for a person stays unread there. Where no mailbox is set up, nothing is done.
    """
    taken: Counter[TakenMail] = Counter()
    if app.bounce_mailbox is None:
        return taken
    since = (app.clock.real_now() - LOOKS_BACK).date()
    with app.bounce_mailbox.session() as folder:
        uids = folder.recent(since)
        with app.store.read() as session:
            known = places_taken(session, uids)
        for place, uid in [(one, uid) for one, uid in uids.items() if one not in known][:AT_ONCE]:
            content = folder.fetch(uid)
            if content is None:
                continue
            outcome = receive_bounce(app, content, source=MailSource.IMAP, place=place)
            taken[outcome] += 1
            if outcome is not TakenMail.UNMATCHED:
                folder.mark_read(uid)
    return taken


def fetch_new_bounces(app: AppContext) -> int:
    """Do `fetch_bounces` as a periodic job does; return how many mails were taken in."""
    try:
        return fetch_bounces(app).total()
    except ChannelDown as error:
        log.warning("bounces.mailbox_away", cause=error.reason)
        raise
