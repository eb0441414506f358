"""Signed links that a patient may open: they carry an identifier and never a name."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit
from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer

from followup.domain.errors import NotFound


class SignedLinks:
    """Makes and reads the addresses by which a patient stops e-mails.

    The signature is keyed with a service key of the database, so that it survives restarts and a
    rotation of the master key.
    """

    def __init__(self, public_url: str, key: bytes) -> None:
        self._public_url = public_url.rstrip("/")
        self._key = key
        self.mail_domain = urlsplit(public_url).hostname or "localhost"
        self._stop = URLSafeSerializer(key, salt="stop")

    def page_url(self, token: str) -> str:
        """Return the address of a patient's own page."""
        return f"{self._public_url}/p/{token}"

    def item_url(self, item_id: UUID) -> str:
        """Return the address at which staff deal with an item of the worklist."""
        return f"{self._public_url}/attention/{item_id}"

    def join_url(self, token: str) -> str:
        """Return the address at which staff use a one-time link."""
        return f"{self._public_url}/join/{token}"

    def form_key(self, page_index: bytes) -> str:
        """Return what every form of one patient's page holds: other sites can't know it."""
        return hmac.new(self._key, b"page form" + page_index, "sha256").hexdigest()[:32]

    def stop_url(self, patient_id: UUID) -> str:
        """Return the address at which this patient stops e-mails (RFC 8058 one-click)."""
        return f"{self._public_url}/u/{self._stop.dumps(patient_id.hex)}"

    def patient_of_stop_token(self, token: str) -> UUID:
        """Return whose e-mails a token stops; raise `NotFound` for one that we never made."""
        try:
            return UUID(hex=self._stop.loads(token))
        except (BadSignature, ValueError, TypeError, AttributeError):
            message = "this address is not one of ours; ring the clinic to stop its messages"
            raise NotFound(message) from None
