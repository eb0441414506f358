"""`followup bounces`: e-mails that came back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from followup.cli.framework.opening import opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.screen import say, say_json
from followup.delivery.bounces import read_bounce_mailbox, receive_bounce


def bounces(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A maildir, the file of one mail, or - for stdin.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Take in reports on e-mails that came back.

    Those are the DSNs of RFC 3464. What is new in a maildir is read and marked as seen.
    """
    with opened() as app:
        if path == "-":
            read, bounced = 1, int(receive_bounce(app, sys.stdin.buffer.read()))
        else:
            read, bounced = read_bounce_mailbox(app, Path(path))
    if as_json:
        say_json({"read": read, "bounced": bounced})
    else:
        say(f"Mails read: {read}; e-mails of ours that came back: {bounced}.")
