"""Attacks on the port of hospital systems: greetings that never end, escapes that ask for much."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack, suppress
from pathlib import Path

from followup.intake.hl7.listener import ListenerLimits
from followup.intake.hl7.message import ParsedMessage
from tests.support.certificates import self_signed
from tests.support.hl7 import Hl7Sender, catalogue_with, listening, message, site

PATIENT = ListenerLimits(message=3600, per_address=3)
"""So much time for a greeting that a test can't wait for it."""


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    (folder / name).mkdir()
    return self_signed(folder / name)


def server_side(folder: Path) -> tuple[ssl.SSLContext, Path, Path]:
    """Return a server's side that wants the certificate of which the two files are."""
    (own, key), (client, client_key) = (certificate(folder, name) for name in ("server", "client"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own, key)
    context.load_verify_locations(client)
    context.verify_mode = ssl.CERT_REQUIRED
    return context, client, client_key


def test_what_an_escape_sequence_asks_for_is_not_done():
    asked = ("\\.sk3000000\\", "\\.skx\\", "\\.sk-1\\", "\\.sk" + "9" * 5000 + "\\")
    for sequence in asked:
        text = message(pid=f"PID|1||7^^^M^MR||Se{sequence}cret^Zoe||19560512")
        assert ParsedMessage(text).first("PID-5") == "Se cret"
    for dropped in ("\\C2842\\", "\\M244142\\", "\\\\", "\\.sp3000000\\", "\\Xzz\\", "\\Q\\"):
        text = message(pid=f"PID|1||7^^^M^MR||Se{dropped}cret^Zoe||19560512")
        assert ParsedMessage(text).first("PID-5") == "Secret"
    kept = message(pid="PID|1||7^^^M^MR||O\\X27\\Brien \\T\\.sk9 Co||19560512")
    assert ParsedMessage(kept).first("PID-5") == "O'Brien &.sk9 Co"


def test_a_stranger_is_turned_away_before_any_greeting(sqlite_app, tmp_path: Path):
    connection = {"addresses": ["10.0.0.0/8"], "senders": [{"facility": "MUH"}]}
    object.__setattr__(sqlite_app, "catalogue", catalogue_with(site(connection=connection)))
    tls, _, _ = server_side(tmp_path)

    with listening(sqlite_app, tls=tls, limits=PATIENT) as port, Hl7Sender(port) as stranger:
        assert stranger.is_closed()


def test_half_greetings_take_places_and_another_ca_is_not_heard(sqlite_app, tmp_path: Path):
    object.__setattr__(sqlite_app, "catalogue", catalogue_with())
    tls, client, client_key = server_side(tmp_path)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "server" / "certificate.pem"))
    foreign = ssl.create_default_context(cafile=str(tmp_path / "server" / "certificate.pem"))
    foreign.load_cert_chain(*certificate(tmp_path, "foreign"))

    with listening(sqlite_app, tls=tls, limits=PATIENT) as port:
        with ExitStack() as held:
            for _ in range(PATIENT.per_address):
                one = held.enter_context(socket.create_connection(("127.0.0.1", port)))
                one.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
            with Hl7Sender(port) as surplus:
                assert surplus.is_closed()
        with suppress(OSError), Hl7Sender(port, tls=foreign) as other:
            assert other.ask(message()) == {}
        trusting.load_cert_chain(client, client_key)
        answer: dict[str, list[str]] = {}
        while not answer:  # until it is noticed that the greetings have gone
            with suppress(OSError), Hl7Sender(port, tls=trusting) as known:
                answer = known.ask(message())
    assert answer["MSA"][1] == "AA"
