"""A real IMAP server in a process of its own, on loopback: a folder of files is its mailbox.

with ImapServer(folder) as server:
    server.add(b"Subject: ...")      # comes in as the next UID
    server.read                      # the UIDs that somebody has marked as read

It speaks what a mailbox needs that is fetched (RFC 9051: STARTTLS, LOGIN, SELECT, UID SEARCH, FETCH
and STORE), and refuses the rest. Run as a program, it serves until it is told to stop.
"""

from __future__ import annotations

import re
import shlex
import socket
import socketserver
import ssl
import sys
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any, ClassVar

from tests.support.servers import LoopbackServer

USER, PASSWORD = "bounces", "a p@ss/word"
DONE = "OK done"


class ImapServer(LoopbackServer):
    """The server, its mails, and what became of them."""

    name: ClassVar[str] = "imap"

    def __init__(self, *, tls_files: tuple[Path, Path] | None = None, implicit: bool = False):
        super().__init__()
        self._tls, self._implicit = tls_files, implicit
        self.mails = self.folder / "mails"
        self.mails.mkdir()
        self.renumber(1)

    def add(self, content: bytes, *, on: date = date(2026, 10, 24), is_read: bool = False) -> int:
        """Let a mail come in that day; return its UID."""
        uid = 1 + max((int(path.stem) for path in self.mails.glob("*.eml")), default=0)
        # The mail itself last: the server looks for it.
        (self.mails / f"{uid}.date").write_text(on.isoformat())
        if is_read:
            (self.mails / f"{uid}.seen").touch()
        (self.mails / f"{uid}.eml").write_bytes(content)
        return uid

    def renumber(self, validity: int) -> None:
        """Let the server say that its UIDs are not those of before."""
        (self.mails / "validity").write_text(str(validity))

    @property
    def read(self) -> set[int]:
        return {int(path.stem) for path in self.mails.glob("*.seen")}

    @property
    def fetched(self) -> list[int]:
        """The UIDs that were fetched, in order."""
        log = self.mails / "fetched"
        return [int(line) for line in log.read_text().split()] if log.exists() else []

    def url(self, password: str = "a%20p%40ss%2Fword", query: str = "") -> str:
        scheme = "imaps" if self._implicit else "imap"
        return f"{scheme}://{USER}:{password}@127.0.0.1:{self.port}/INBOX{query}"

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "tests.stand_ins.imap", str(self.port), str(self.mails)]
        if self._tls is not None:
            command += ["--tls", *map(str, self._tls)]
        return command + (["--implicit"] if self._implicit else [])

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, options: Namespace) -> None:
        self.options = options
        self.mails = Path(options.mails)
        self.tls: ssl.SSLContext | None = None
        if options.tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*options.tls)
        super().__init__(("127.0.0.1", options.port), _Session)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave those alone who hang up in the middle of a sentence."""


class _Session(socketserver.BaseRequestHandler):
    server: _Server

    def setup(self) -> None:
        self.sock: socket.socket = self.request
        if self.server.options.implicit:
            self._encrypt()
        self.lines = self.sock.makefile("rb")
        self.is_known = False

    def handle(self) -> None:
        self._say(f"* OK [CAPABILITY {self._abilities()}] ready")
        while line := self.lines.readline(10_000):
            tag, _, rest = line.decode("ascii", "replace").strip().partition(" ")
            verb, _, given = rest.partition(" ")
            if verb.upper() == "LOGOUT":
                self._say("* BYE", f"{tag} {DONE}")
                return
            self._say(f"{tag} {self._answer(verb.upper(), given)}")
            if verb.upper() == "STARTTLS" and self.server.tls is not None:
                self._encrypt()
                self.lines = self.sock.makefile("rb")

    def _answer(self, verb: str, given: str) -> str:
        if verb == "CAPABILITY":
            self._say(f"* CAPABILITY {self._abilities()}")
            return DONE
        if verb == "STARTTLS" and self.server.tls is not None:
            return DONE
        if verb == "LOGIN":
            self.is_known = shlex.split(given) == [USER, PASSWORD]
            return DONE if self.is_known else "NO [AUTHENTICATIONFAILED] wrong name or password"
        if self.is_known and verb in {"SELECT", "UID"}:
            return self._select(given) if verb == "SELECT" else self._uid(*given.split(" ", 1))
        return "BAD not spoken here, or not yet"

    def _select(self, folder: str) -> str:
        if folder.strip('"') != "INBOX":
            return "NO there is no such folder"
        validity = (self.server.mails / "validity").read_text()
        self._say(f"* {len(self._uids())} EXISTS", f"* OK [UIDVALIDITY {validity}] as ever")
        return "OK [READ-WRITE]"

    def _uid(self, verb: str, given: str) -> str:
        if verb.upper() == "SEARCH":
            found = re.fullmatch(r"OR UNSEEN SINCE (\d{1,2}-[A-Z][a-z]{2}-\d{4})", given)
            if found is None:
                return "BAD not searched for here"
            since = datetime.strptime(found[1], "%d-%b-%Y").date()  # noqa: DTZ007 - a day
            uids = [uid for uid in self._uids() if self._is_wanted(uid, since)]
            self._say(f"* SEARCH {' '.join(map(str, uids))}".rstrip())
            return DONE
        uid, _, rest = given.partition(" ")
        path = self.server.mails / f"{uid}.eml"
        if verb.upper() == "FETCH" and path.exists():
            return self._fetch(uid, rest, path.read_bytes())
        if verb.upper() == "STORE" and rest == r"+FLAGS.SILENT (\Seen)":
            path.with_suffix(".seen").touch()
            return DONE
        return DONE if verb.upper() == "FETCH" else "BAD not spoken here"

    def _fetch(self, uid: str, what: str, content: bytes) -> str:
        asked = re.fullmatch(r"\(BODY\.PEEK\[\]<0\.(\d+)>\)", what)
        if asked is None:
            return "BAD not fetched here"
        part = content[: int(asked[1])]
        with (self.server.mails / "fetched").open("a") as log:
            log.write(f"{uid}\n")
        self.sock.sendall(
            f"* {uid} FETCH (UID {uid} BODY[]<0> {{{len(part)}}}\r\n".encode() + part + b")\r\n"
        )
        return DONE

    def _uids(self) -> list[int]:
        return sorted(int(path.stem) for path in self.server.mails.glob("*.eml"))

    def _is_wanted(self, uid: int, since: date) -> bool:
        came = date.fromisoformat((self.server.mails / f"{uid}.date").read_text())
        return came >= since or not (self.server.mails / f"{uid}.seen").exists()

    def _abilities(self) -> str:
        offers = self.server.tls is not None and not isinstance(self.sock, ssl.SSLSocket)
        return "IMAP4rev1 STARTTLS" if offers else "IMAP4rev1"

    def _encrypt(self) -> None:
        assert self.server.tls is not None
        self.sock = self.server.tls.wrap_socket(self.sock, server_side=True)

    def _say(self, *lines: str) -> None:
        self.sock.sendall("".join(f"{line}\r\n" for line in lines).encode())


def main() -> None:
    """Serve until told to stop."""
    parser = ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("mails")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--implicit", action="store_true")
    with suppress(KeyboardInterrupt), _Server(parser.parse_args()) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
