"""`followup keys`: making a master key, and sealing everything anew under it."""

from __future__ import annotations

import base64
import secrets

from config.settings import load_settings
from followup.cli.boundary import Command, Group
from followup.cli.opening import actor, opened
from followup.cli.options import AsJson
from followup.cli.registry import new_app
from followup.cli.screen import say, say_json
from followup.store.audit_log import Entry, record
from followup.store.keys import rotate as wrap_anew
from followup.store.sealing import MasterKeys

KEY_BYTES = 32

HELP = """Make a master key; rotate the master keys.

To rotate: add a new key behind the old one in FOLLOWUP_MASTER_KEYS (or in the data folder's
master-keys) and restart every process, so that all know it. Then put it first, restart them again
and run `followup keys rotate`. The old key can go then, when no process holds it any more.
Backups from before still need it.
"""

group = new_app(cls=Group, no_args_is_help=True, help=HELP)


@group.command(cls=Command)
def new() -> None:
    """Print a fresh master key: 32 random bytes in base64."""
    say(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())


@group.command(cls=Command)
def rotate(*, as_json: AsJson = False) -> None:
    """Wrap every data key anew under the first of the master keys.

    Safe to interrupt and to run again. Sealed data itself is not touched, so it is quick.
    """
    masters = MasterKeys(load_settings().load_master_keys())
    with opened() as kit:
        done = wrap_anew(kit.store, masters)
        if done:
            detail = {"keys": done, "master": masters.current_id}
            deed = kit.deed(actor())
            kit.store.transact(
                lambda session: record(session, deed, Entry(action="keys.rotated", detail=detail))
            )
    if as_json:
        say_json({"rotated": done, "master_key": masters.current_id})
    elif done:
        say(f"{done} keys are wrapped under master key {masters.current_id} now.")
    else:
        say(f"Every key was under master key {masters.current_id} already.")
