"""One-time codes of an authenticator app (RFC 6238): set up, checked, each taken once."""

from __future__ import annotations

import re
from datetime import datetime

import pyotp
import segno

STEP_SECONDS = 30
SLACK_STEPS = 1
"""A phone's clock may be off by this many steps either way."""
KEY_COLUMN = "staff.code_key"


def new_key() -> str:
    """Return a fresh key, in base32 as apps take it."""
    return pyotp.random_base32()


def step_of(key: str, code: str, *, at: datetime, after: int | None) -> int | None:
    """Return the time step that this code is of, or None if it is wrong, too old, or used before.

    `after` is the step of the last code that was taken.
    """
    digits = re.sub(r"\s", "", code)
    if not re.fullmatch("[0-9]{6}", digits):
        return None
    maker, now = pyotp.TOTP(key), int(at.timestamp()) // STEP_SECONDS
    for step in range(now - SLACK_STEPS, now + SLACK_STEPS + 1):
        fresh = after is None or step > after
        if fresh and pyotp.utils.strings_equal(maker.at(step * STEP_SECONDS), digits):
            return step
    return None


def address_of(key: str, *, email: str, issuer: str) -> str:
    """Return the `otpauth:` address that an app reads from the picture."""
    return pyotp.TOTP(key).provisioning_uri(name=email, issuer_name=issuer)


def picture_of(address: str) -> str:
    """Return a QR code as SVG without any styles."""
    return str(
        segno.make(address, micro=False).svg_inline(
            scale=5, dark="black", light="white", border=4, svgclass=None, lineclass=None
        )
    )
