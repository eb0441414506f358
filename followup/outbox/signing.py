"""Webhook signatures, as the Standard Webhooks specification lays them down.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md:
HMAC-SHA256 over `id.timestamp.body`, keyed with a secret of 24 to 64 bytes that is written in
base64 behind `whsec_`. While a secret is replaced, both sign.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105 - what it begins with
SECRET_BYTES = 32


def new_secret() -> str:
    """Return a secret as it is handed to the receiver."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature_headers(
    body: bytes, *, id_: str, timestamp: int, keys: Sequence[str]
) -> dict[str, str]:
    """Return the headers of a webhook, signed with each of these secrets."""
    signed = f"{id_}.{timestamp}.".encode() + body
    opened = (base64.b64decode(key.removeprefix(SECRET_PREFIX)) for key in keys)
    signatures = (hmac.digest(key, signed, "sha256") for key in opened)
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            f"v1,{base64.b64encode(signature).decode()}" for signature in signatures
        ),
    }
