"""Page that the demonstration answers with while its weeks are played: how far it is."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

LOOK_AGAIN = 2
"""Seconds after which the browser asks again."""
PAGE = """<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="{again}">
<title>Getting the demonstration ready – Follow-up</title>
</head>
<body>
<main>
<h1>Getting the demonstration ready</h1>
<p>The last weeks of two made-up clinics are being played: {percent} % done.</p>
<p>This page opens the console once they are. The terminal then shows the link to sign in by.</p>
</main>
</body>
</html>
"""


class _Waiting(ThreadingHTTPServer):
    daemon_threads = True
    share = 0.0


class _Answer(BaseHTTPRequestHandler):
    server: _Waiting
    server_version, sys_version = "followup", ""
    timeout = 5

    def do_GET(self) -> None:
        page = PAGE.format(again=LOOK_AGAIN, percent=int(self.server.share * 100)).encode()
        self.send_response(HTTPStatus.SERVICE_UNAVAILABLE)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(page))),
            ("Content-Security-Policy", "default-src 'none'"),
            ("Cache-Control", "no-store"),
            ("Retry-After", str(LOOK_AGAIN)),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
        """Write nothing: the terminal is for those who started it."""


@contextmanager
def waiting_page(listener: socket.socket) -> Iterator[Callable[[float], None]]:
    """Answer on a socket that listens, until the block ends; what is yielded takes how far it is.

    The socket stays open, for the web process.
    """
    listener.listen()
    host, port = listener.getsockname()[:2]
    server = _Waiting((host, port), _Answer, bind_and_activate=False)
    server.socket.close()
    server.socket = listener

    def tell(share: float) -> None:
        server.share = share

    thread = Thread(target=server.serve_forever, args=(0.1,), name="demo-waiting", daemon=True)
    thread.start()
    try:
        yield tell
    finally:
        server.shutdown()
        thread.join()
