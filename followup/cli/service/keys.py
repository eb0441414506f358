"""`followup keys`: making a master key, and sealing everything anew under it; signing keys."""

from __future__ import annotations

import base64
import secrets

from followup.cli.framework.boundary import Command, Group
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.registry import new_app
from followup.cli.framework.screen import say, say_json
from followup.cli.service import signing_keys
from followup.settings.settings import load_settings
from followup.store.audit_log import AuditEntry, record_event
from followup.store.encryption.keyring import rotate_master_key as wrap_anew
from followup.store.encryption.sealing import MasterKeys

KEY_BYTES = 32

HELP = """Make and rotate master keys; make signing keys.

To rotate: add a new key behind the old one in FOLLOWUP_MASTER_KEYS (or in the data folder's
master-keys) and restart every process, so that all know it. Then put it first, restart them again
and run `followup keys rotate`. The old key can go then, when no process holds it any more.
Backups from before still need it.
"""

group = new_app(cls=Group, no_args_is_help=True, help=HELP)
group.add_typer(signing_keys.group, name="sign")


@group.command(cls=Command)
def new() -> None:
    """Print a fresh master key: 32 random bytes in base64."""
    say(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())


@group.command(cls=Command)
def rotate(*, as_json: AsJson = False) -> None:
    """Wrap every data key again under the first of the master keys.

    Safe to interrupt and to run again. Sealed data itself is not touched, so it is quick.
    """
    masters = MasterKeys(load_settings().load_master_keys())
    with opened() as app:
        done = wrap_anew(app.store, masters)
        if done:
            detail = {"keys": done, "master": masters.current_id}
            by = app.by(actor())
            app.store.transact(
                lambda session: record_event(
                    session, by, AuditEntry(action="keys.rotated", detail=detail)
                )
            )
    if as_json:
        say_json({"rotated": done, "master_key": masters.current_id})
    elif done:
        say(f"{done} keys are wrapped under master key {masters.current_id} now.")
    else:
        say(f"Every key was under master key {masters.current_id} already.")
