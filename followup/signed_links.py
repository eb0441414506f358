"""Signed links that a patient may open: they carry an identifier and never a name."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from urllib.parse import urlsplit
from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer

from followup.domain.errors import NotFound

MAC_BYTES = 8
RETURN_TOKEN = 39
"""Characters of a token in a return path: 16 bytes of an id and `MAC_BYTES`, in base 32."""


class SignedLinks:
    """Makes and reads the addresses by which a patient stops e-mails, or an e-mail comes back.

    The signature is keyed with a service key of the database, so that it survives restarts and a
    rotation of the master key.
    """

    def __init__(self, public_url: str, key: bytes, *, return_path: str | None = None) -> None:
        """`return_path` is where e-mails come back to, each to its own where that holds {id}."""
        self.public_url = public_url.rstrip("/")
        self._key = key
        self.mail_domain = urlsplit(public_url).hostname or "localhost"
        self._stop = URLSafeSerializer(key, salt="stop")
        self._return_path = return_path
        before, _, after = (return_path or "").partition("{id}")
        # Some servers write addresses in small letters, some in capitals.
        self._token = re.compile(
            f"{re.escape(before)}([a-z2-7]{{{RETURN_TOKEN}}}){re.escape(after)}", re.IGNORECASE
        )

    def page_url(self, token: str) -> str:
        """Return the address of a patient's own page."""
        return f"{self.public_url}/p/{token}"

    def item_url(self, item_id: UUID) -> str:
        """Return the address at which staff deal with an item of the worklist."""
        return f"{self.public_url}/attention/{item_id}"

    def join_url(self, token: str) -> str:
        """Return the address at which staff use a one-time link."""
        return f"{self.public_url}/join/{token}"

    def form_key(self, page_index: bytes) -> str:
        """Return what every form of one patient's page holds: other sites can't know it."""
        return hmac.new(self._key, b"page form" + page_index, "sha256").hexdigest()[:32]

    def stop_url(self, patient_id: UUID) -> str:
        """Return the address at which this patient stops e-mails (RFC 8058 one-click)."""
        return f"{self.public_url}/u/{self._stop.dumps(patient_id.hex)}"

    def patient_of_stop_token(self, token: str) -> UUID:
        """Return whose e-mails a token stops; raise `NotFound` for one that we never made."""
        try:
            return UUID(hex=self._stop.loads(token))
        except (BadSignature, ValueError, TypeError, AttributeError):
            message = "this address is not one of ours; ring the clinic to stop its messages"
            raise NotFound(message) from None

    def rfc_message_id(self, message_id: UUID) -> str:
        """Return the Message-ID of an e-mail, the same for each of its attempts."""
        return f"<{message_id}@{self.mail_domain}>"

    def return_path(self, message_id: UUID) -> str | None:
        """Return where an e-mail comes back to; None where that is its sender."""
        if self._return_path is None:
            return None
        token = base64.b32encode(message_id.bytes + self._mac(message_id)).decode()
        return self._return_path.replace("{id}", token.rstrip("=").lower())

    def message_of_return_path(self, address: str) -> UUID | None:
        """Return which e-mail came back to an address; None for one that we never made."""
        found = self._token.fullmatch(address)
        if found is None:
            return None
        try:
            content = base64.b32decode(found[1].upper() + "=")
        except binascii.Error:
            return None
        message_id = UUID(bytes=content[:16])
        return message_id if hmac.compare_digest(content[16:], self._mac(message_id)) else None

    def _mac(self, message_id: UUID) -> bytes:
        return hmac.new(self._key, b"return path" + message_id.bytes, "sha256").digest()[:MAC_BYTES]
