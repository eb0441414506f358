"""Signatures as they arrive in the console: made in the browser, or here under a passphrase."""

from __future__ import annotations

import base64

from followup.domain.releases.signer import SigningRole, read_public_key
from followup.releases.kept_keys import open_kept_key
from followup.releases.sign import MadeSignature, make_signature
from followup.web.console.framework.request import Here


def made_here(here: Here, statement: str, role: SigningRole) -> MadeSignature:
    """Return the signature that a form brings, or make it with the key that is kept here.

    Raises `InvalidInput` for a passphrase or a key that is not right. Whether a signature counts is
    for `sign` and `approve` to check.
    """
    made, public = here.form.raw("signature"), here.form.text("public_key")
    if made and public:
        # A browser sends line breaks as two characters.
        return MadeSignature(text=made.replace("\r\n", "\n"), key=read_public_key(public))
    key = open_kept_key(here.app, here.member.id, here.form.raw("passphrase"))
    return make_signature(here.app, statement, key, role, kept=True)


def signing_facts(here: Here, statement: str, role: SigningRole) -> dict[str, str]:
    """Return what the browser signs with its own key, for the script that does."""
    return {
        "statement": base64.b64encode(statement.encode()).decode(),
        "role": role.value,
        "name": here.member.name,
        "now": f"{int(here.app.clock.now().timestamp())}",
        "owner": f"{here.member.id}",
    }
