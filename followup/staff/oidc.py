"""OpenID Connect sign-in: authorization code with PKCE.

It says who somebody is and nothing more: it finds a member of the team, and never makes one.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import httpx2
import structlog
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from followup.clock import Clock
from followup.domain.errors import FollowupError

SCOPE = "openid email profile"
ALGORITHMS = ["RS256", "ES256", "PS256", "EdDSA"]
ANSWER_SECONDS = 5.0
DISCOVERY_LIFETIME = timedelta(hours=1)
"""How long what the provider says about itself is believed before it is asked again."""
CLOCK_SLACK = 120
"""Seconds by which the clocks of the provider and of this machine may differ."""
SECOND_FACTORS = frozenset({"mfa", "otp", "hwk", "swk", "sc", "fpt", "face"})
"""How a token says (RFC 8176) that more than a password was asked for."""

log = structlog.get_logger()


class IdentityRefused(FollowupError):
    """The provider did not say, in a way that can be believed, who this is."""


class IdentityUnavailable(FollowupError):
    """The provider can't be reached, or is not set up as it should be: try later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """What the browser takes along to the provider and back: secrets of this one sign-in."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def begin(cls) -> Journey:
        """Return fresh secrets."""
        return cls(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who somebody is. `subject` is a digest of the provider and its own name for them.

    `email` is None unless the provider has verified it.
    """

    subject: str
    email: str | None
    has_second_factor: bool


class IdentityProvider:
    """The organisation's sign-in. Safe to share between threads."""

    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        client_secret: str,
        name: str,
        redirect_uri: str,
        clock: Clock,
    ) -> None:
        self.name = name
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._secret = client_secret
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._lock = threading.Lock()
        self._said: tuple[datetime, dict[str, Any]] | None = None

    def address(self, journey: Journey) -> str:
        """Return where to send the browser; raise `IdentityUnavailable`."""
        endpoint = self._told("authorization_endpoint")
        with self._client() as client:
            address, _ = client.create_authorization_url(
                endpoint, state=journey.state, nonce=journey.nonce, code_verifier=journey.verifier
            )
        return str(address)

    def identify(self, journey: Journey, code: str) -> Identity:
        """Return who a code stands for; raise `IdentityRefused` or `IdentityUnavailable`."""
        endpoint = self._told("token_endpoint")
        try:
            with self._client() as client:
                answer = client.fetch_token(endpoint, code=code, code_verifier=journey.verifier)
        except OAuthError as error:
            raise IdentityRefused(f"the provider refused the code: {error.error}") from None
        except (httpx2.HTTPError, ValueError) as error:
            raise _unavailable(error) from None
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise IdentityRefused("the provider gave no token that says who this is")
        return self._read(self._claims(token), journey)

    def _claims(self, token: str) -> dict[str, Any]:
        keys = cast("KeySetSerialization", self._get(self._told("jwks_uri")))
        try:
            read = jwt.decode(token, KeySet.import_key_set(keys), algorithms=ALGORITHMS)
            rules = jwt.JWTClaimsRegistry(
                now=int(self._clock.real_now().timestamp()),
                leeway=CLOCK_SLACK,
                iss={"essential": True, "value": self._issuer_as_told()},
                aud={"essential": True, "value": self._client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True},
            )
            rules.validate(read.claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            told = type(error).__name__
            raise IdentityRefused(f"the provider's token can't be believed ({told})") from None
        return dict(read.claims)

    def _read(self, claims: dict[str, Any], journey: Journey) -> Identity:
        if not secrets.compare_digest(str(claims["nonce"]).encode(), journey.nonce.encode()):
            raise IdentityRefused("the token is of another sign-in")
        audience = claims["aud"]
        many = isinstance(audience, list) and len(audience) > 1
        if (many or "azp" in claims) and claims.get("azp") != self._client_id:
            raise IdentityRefused("the token was made for somebody else")
        email, verified = claims.get("email"), claims.get("email_verified") is True
        methods = claims.get("amr")
        return Identity(
            subject=hashlib.sha256(f"{self._issuer}\n{claims['sub']}".encode()).hexdigest(),
            email=email if verified and isinstance(email, str) else None,
            has_second_factor=isinstance(methods, list)
            and not SECOND_FACTORS.isdisjoint(map(str, methods)),
        )

    def _issuer_as_told(self) -> str:
        return self._told("issuer")

    def _told(self, name: str) -> str:
        """Return what the provider says about itself, asked for once an hour."""
        now = self._clock.real_now()
        with self._lock:
            if self._said is None or now - self._said[0] > DISCOVERY_LIFETIME:
                found = self._get(f"{self._issuer}/.well-known/openid-configuration")
                if str(found.get("issuer", "")).rstrip("/") != self._issuer:
                    raise IdentityUnavailable("the provider calls itself by another name")
                self._said = (now, found)
            value = self._said[1].get(name)
        if not isinstance(value, str):
            raise IdentityUnavailable(f"the provider does not say its {name}")
        return value

    def _get(self, address: str) -> dict[str, Any]:
        try:
            answer = httpx2.get(
                address, timeout=ANSWER_SECONDS, follow_redirects=False, trust_env=False
            )
            answer.raise_for_status()
            found = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise _unavailable(error) from None
        if not isinstance(found, dict):
            raise IdentityUnavailable("the provider's answer can't be read")
        return found

    def _client(self) -> OAuth2Client:
        return OAuth2Client(
            self._client_id,
            self._secret,
            redirect_uri=self._redirect_uri,
            scope=SCOPE,
            code_challenge_method="S256",
            timeout=ANSWER_SECONDS,
            trust_env=False,
        )


def _unavailable(error: Exception) -> IdentityUnavailable:
    log.warning("staff.identity_away", cause=type(error).__name__)
    return IdentityUnavailable("the organisation's sign-in can't be reached")
