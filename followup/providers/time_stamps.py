"""Time stamps by RFC 3161: a third party signs that it saw exact bytes, and when.

The library asks and verifies; what crosses the network is ours. Nothing about a patient does: the
request holds a hash and a random number.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from followup.providers.http.connection_pool import AnswerLost, Connections, NotReached

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 15.0
_OK = 200


class TimeStamper:
    """Asks one time-stamping authority, and believes it by these root certificates (PEM)."""

    def __init__(self, url: str, *, roots: Path) -> None:
        self._url = url
        self._roots = roots

    def stamp(self, content: bytes) -> bytes:
        """Return the authority's answer over these bytes: a TimeStampResp, in DER.

        Raises `OSError` where there is none, or it is not over these bytes, does not answer this
        request, or was not signed by an authority under these roots.
        """
        # Slow to import, and off until it is configured.
        from rfc3161_client import (  # noqa: PLC0415
            HashAlgorithm,
            TimestampRequestBuilder,
            VerificationError,
            VerifierBuilder,
            decode_timestamp_response,
        )

        builder = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256)
        request = builder.build()
        answer = self._post(request.as_bytes())
        verifier = VerifierBuilder.from_request(request)
        for root in self._read_roots():
            verifier = verifier.add_root_certificate(root)
        try:
            verifier.build().verify_message(decode_timestamp_response(answer), content)
        except (VerificationError, ValueError) as error:
            raise OSError(f"the time stamp does not hold: {error}") from None
        return answer

    def _read_roots(self) -> list[x509.Certificate]:
        try:
            return x509.load_pem_x509_certificates(self._roots.read_bytes())
        except ValueError:
            raise OSError(f"{self._roots}: holds no certificates in PEM") from None

    def _post(self, body: bytes) -> bytes:
        parts = urlsplit(self._url)
        target = f"{parts.path or '/'}{parts.query and '?'}{parts.query}"
        connections = Connections(
            self._url, connect_timeout=CONNECT_SECONDS, read_timeout=ANSWER_SECONDS, keep=0
        )
        headers = {"Content-Type": "application/timestamp-query"}
        try:
            answer = connections.request("POST", target, body=body, headers=headers)
        except (NotReached, AnswerLost) as error:
            raise OSError(f"the time-stamping authority was not reached: {error}") from None
        if answer.status != _OK:
            raise OSError(f"the time-stamping authority answered {answer.status}")
        return answer.body
