"""An OpenID Connect provider for tests: a process of its own, on loopback, that signs for real.

    with running_issuer() as issuer:
        issuer.be(sub="s-1", email="nia@example.com", email_verified=True)

Whoever comes to its sign-in page is the person it was told, and is sent back at once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.servers import free_port

CLIENT_ID, CLIENT_SECRET = "followup-test", "issuer-test-secret"


class Issuer:
    """A hold on the process: what it shall say next."""

    def __init__(self, address: str) -> None:
        self.address = address

    def be(self, **claims: Any) -> None:
        """Let the next who come be this person; `_` before a name bends the protocol."""
        httpx.post(f"{self.address}/be", json=claims, trust_env=False).raise_for_status()


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """Start the process, and end it afterwards."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.stand_ins.issuer", str(port)])
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                httpx.get(f"{address}/.well-known/openid-configuration", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield Issuer(address)
    finally:
        process.terminate()
        process.wait(timeout=10)


class _Handler(BaseHTTPRequestHandler):
    person: dict[str, Any] = {}  # noqa: RUF012 - the one person of the process
    codes: dict[str, dict[str, str]] = {}  # noqa: RUF012 - as above
    key = RSAKey.generate_key(2048, parameters={"kid": "k1"})
    stranger = RSAKey.generate_key(2048, parameters={"kid": "k1"})

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        address, path = self.address, urlsplit(self.path)
        if path.path == "/.well-known/openid-configuration":
            self.say(
                {
                    "issuer": address,
                    "authorization_endpoint": f"{address}/authorize",
                    "token_endpoint": f"{address}/token",
                    "jwks_uri": f"{address}/keys",
                }
            )
        elif path.path == "/keys":
            self.say({"keys": [self.key.as_dict(private=False)]})
        elif path.path == "/authorize":
            asked = {name: values[0] for name, values in parse_qs(path.query).items()}
            code = secrets.token_urlsafe(8)
            self.codes[code] = asked
            given = {"error": "access_denied"} if self.person.get("_denied") else {"code": code}
            back = urlencode({**given, "state": asked["state"]})
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri']}?{back}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.say({}, status=404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/be":
            type(self).person = json.loads(body)
            self.say({})
            return
        sent = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        asked = self.codes.pop(sent.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or self.headers.get("Authorization") != f"Basic {basic}"
            or asked.get("code_challenge") != proof
            or asked.get("code_challenge_method") != "S256"
            or sent.get("redirect_uri") != asked["redirect_uri"]
        ):
            self.say({"error": "invalid_grant"}, status=400)
            return
        self.say({"access_token": "a", "token_type": "Bearer", "id_token": self.token(asked)})

    def token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.address, "aud": CLIENT_ID, "nonce": asked.get("nonce"),
            "iat": now, "exp": now + 300,
            **{name: value for name, value in self.person.items() if not name.startswith("_")},
        }  # fmt: skip
        key = self.stranger if self.person.get("_forged") else self.key
        return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, key)

    def say(self, content: dict[str, Any], *, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Handler).serve_forever()
