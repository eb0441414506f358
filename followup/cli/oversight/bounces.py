"""`followup bounces`: e-mails that came back."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from followup.cli.framework.opening import opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.screen import say, say_json
from followup.context import AppContext
from followup.delivery.bounce_intake import receive_bounce
from followup.delivery.bounce_mailbox import fetch_bounces, read_bounce_mailbox
from followup.delivery.returned_mail_ledger import MailSource, TakenMail
from followup.domain.errors import InvalidInput


def bounces(
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH]",
            help="A maildir, the file of one mail, or - for stdin; without it, the mailbox of "
            "FOLLOWUP_BOUNCE_IMAP_URL.",
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Take in e-mails that came back, and complaints about them.

    What is new in a maildir is read and marked as seen.
    """
    with opened() as app:
        if path is None:
            taken = _fetched(app)
        elif path == "-":
            taken = Counter([receive_bounce(app, sys.stdin.buffer.read(), source=MailSource.PIPE)])
        else:
            taken = read_bounce_mailbox(app, Path(path))
    if as_json:
        say_json({"read": taken.total()} | {one.value: taken[one] for one in TakenMail})
    else:
        say(
            f"Mails read: {taken.total()}; e-mails of ours that came back: "
            f"{taken[TakenMail.BOUNCED]}; objections: {taken[TakenMail.OBJECTED]}; "
            f"not matched: {taken[TakenMail.UNMATCHED]}."
        )


def _fetched(app: AppContext) -> Counter[TakenMail]:
    """Return what all that lies in the mailbox behind IMAP became."""
    if app.bounce_mailbox is None:
        raise InvalidInput.of(
            "path", "name a maildir, a mail or -, or set FOLLOWUP_BOUNCE_IMAP_URL"
        )
    taken: Counter[TakenMail] = Counter()
    while some := fetch_bounces(app):
        taken += some
    return taken
