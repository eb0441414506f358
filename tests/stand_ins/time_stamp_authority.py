"""A time-stamping authority on loopback (RFC 3161): `openssl ts` signs, under a root of its own."""

from __future__ import annotations

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[root]
basicConstraints = critical, CA:TRUE
[signer]
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = sha256
"""
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class TimeStampAuthority:
    """Stamps what it is asked to, or answers with `always` instead. `roots` is what to believe."""

    def __init__(self, folder: Path, *, name: str = "Test authority") -> None:
        folder.mkdir()
        self._folder = folder
        self.roots = folder / "root.pem"
        self.always: bytes | None = None
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder, name=name))
        self._certify()
        self._server = HTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/tsa"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, query: bytes) -> bytes:
        """Return the answer to a request."""
        if self.always is not None:
            return self.always
        asked, stamped = self._folder / "query.tsq", self._folder / "answer.tsr"
        asked.write_bytes(query)
        self._openssl("ts", "-reply", "-queryfile", asked, "-out", stamped)
        return stamped.read_bytes()

    def verify(self, stamp: Path, content: Path) -> str:
        """Return what `openssl ts -verify` says of a stamp over a file."""
        files = ["-in", stamp, "-data", content, "-CAfile", self.roots]
        command = ["openssl", "ts", "-verify", *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def _certify(self) -> None:
        root, key = self.roots, self._folder / "root.key"
        self._openssl("req", "-x509", *KEY, "-keyout", key, "-out", root, "-extensions", "root")
        self._openssl(
            "req", "-x509", *KEY, "-keyout", self._folder / "signer.key", "-extensions", "signer",
            "-out", self._folder / "signer.pem", "-CA", root, "-CAkey", key,
            "-subj", "/CN=Test signer",
        )  # fmt: skip

    def _openssl(self, tool: str, *given: object) -> None:
        command = ["openssl", tool, *map(str, given), "-config", str(self._folder / "tsa.cnf")]
        subprocess.run(command, capture_output=True, check=True)


def _handler(authority: TimeStampAuthority) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            is_query = self.headers["Content-Type"] == "application/timestamp-query"
            answer = authority.answer(query) if is_query else b""
            self.send_response(200 if is_query else 415)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *given: object) -> None:
            """Say nothing."""

    return Handler
