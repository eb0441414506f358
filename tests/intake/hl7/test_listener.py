"""Messages over a real socket: kept before they are acknowledged, refused with code and place."""

from __future__ import annotations

import base64
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from followup.intake.feed.inbox import content_of
from followup.intake.hl7.framing import LONGEST_MESSAGE, framed
from followup.intake.hl7.listener import ListenerLimits
from followup.store.models.feeds import FeedMessage
from tests.support.apps import MASTER_KEY, make_app, rows
from tests.support.certificates import self_signed
from tests.support.hl7 import Hl7Sender, catalogue_with, listening, message, site
from tests.support.servers import free_port
from tests.support.stacks import Stack, StackError, listens


def states(app) -> Counter[str]:
    return Counter(row.state for row in rows(app, FeedMessage))


def test_a_message_is_kept_sealed_and_then_acknowledged(app, sender):
    text = message(id_="A1", msh={11: "P"})

    answer = sender.ask(text)

    (row,) = rows(app, FeedMessage)
    assert answer["MSA"] == ["MSA", "AA", "A1"]
    assert (row.state, row.site, row.source, row.event) == (
        "waiting", "made-up", "MUH^PAS", "SIU^S12",
    )  # fmt: skip
    assert content_of(app, row) == text.encode()
    assert b"Patient-00001" not in row.content_sealed


def test_the_answer_goes_back_to_who_asked(sender):
    msh = sender.ask(message(msh={11: "P", 12: "2.5.1"}))["MSH"]

    assert msh[2:6] == ["FOLLOWUP", "CLINIC", "PAS", "MUH"]
    assert msh[8:12:2] == ["ACK^S12", "P"]
    assert msh[11] == "2.5.1"


def test_the_same_message_again_is_acknowledged_and_kept_once(app, sender):
    first, again = sender.ask(message()), sender.ask(message())

    (row,) = rows(app, FeedMessage)
    assert first["MSA"][1] == again["MSA"][1] == "AA"
    assert row.repeats == 1


def test_the_same_id_with_other_content_is_refused_and_kept_for_a_person(app, sender):
    sender.ask(message(id_="A1", serial=1))

    answer = sender.ask(message(id_="A1", serial=2))

    assert answer["MSA"][1:3] == ["AR", "A1"]
    assert answer["ERR"][2:4] == ["MSH^1^10", "205^Duplicate key identifier^HL70357"]
    assert states(app) == {"waiting": 1, "refused": 1}


REFUSED = {
    "an event that the site file does not name": (
        message("ADT^A17"), "AR", "MSH^1^9", "201",
    ),
    "a version that is not taken": (message(msh={12: "2.7"}), "AR", "MSH^1^12", "203"),
    "a message for training": (message(msh={11: "T"}), "AR", "MSH^1^11", "202"),
    "a sender that no site names": (message(msh={4: "OTHER"}), "AR", "MSH^1^4", "204"),
    "no id": (message(id_=""), "AR", "MSH^1^10", "101"),
    "no person": (message(pid="NTE|1"), "AR", "PID^1^1", "100"),
    "nobody who could be told apart": (message(pid="PID|1||||Smith"), "AR", "PID^1^3", "101"),
    "a birth date that is none": (
        message(pid="PID|1||1^^^M^MR||A^B||19561332"), "AR", "PID^1^7", "102",
    ),
    "a time that is none": (message(more=("PR1|2||A52.1||2026-10-19",)), "AR", "PR1^1^5", "102"),
    "a visit without a number": (message(appointment=""), "AR", "PV1^1^19^1^1", "101"),
    "a merge of nobody": (message("ADT^A40", more=("MRG|",)), "AR", "MRG^1^1", "101"),
    "another character set than is named": (
        message(more=("ZZZ|ï",), msh={18: "ASCII"}), "AE", "MSH^1^1", "102",
    ),
    "a character set that nobody knows": (message(msh={18: "KLINGON"}), "AE", "MSH^1^1", "102"),
    "no header": ("PID|1||1", "AE", "MSH^1^1", "102"),
    "nothing at all": ("", "AE", "MSH^1^1", "102"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "code", "place", "error"), REFUSED.values(), ids=REFUSED)
def test_what_can_not_be_taken_is_answered_with_code_and_place(
    app, sender, *, text, code, place, error
):
    answer = sender.ask(text)

    assert (answer["MSA"][1], answer["ERR"][2]) == (code, place)
    assert answer["ERR"][3].startswith(f"{error}^")
    assert answer["ERR"][8] == answer["MSA"][3]
    assert states(app)["waiting"] == 0
    assert sender.ask(message(id_="next"))["MSA"][1] == "AA"


def test_an_error_names_its_place_where_older_versions_look_for_it(sender):
    error = sender.ask(message("ADT^A17", msh={12: "2.3"}))["ERR"]

    assert error[1] == "MSH^1^9^201&Unsupported event code&HL70357"


def test_what_is_refused_is_kept_once_and_taken_when_the_site_file_knows_it(app, migrated_url):
    text = message("ADT^A17", id_="A1", visit="V1")
    with listening(app) as port, Hl7Sender(port) as sender:
        answers = [sender.ask(text)["MSA"][1] for _ in range(2)]
    assert (answers, states(app)) == (["AR", "AR"], {"refused": 1})

    events = {"ADT^A17": "arrived"}
    knowing = make_app(migrated_url, catalogue=catalogue_with(site(events=events)))
    with listening(knowing) as port, Hl7Sender(port) as sender:
        taken = sender.ask(text)["MSA"][1]
    knowing.close()

    assert (taken, states(app)) == ("AA", {"waiting": 1})


def test_latin_1_is_read_where_the_message_or_the_site_says_so(app, sender):
    named = message(id_="1", pid="PID|1||7^^^M^MR||Müller^Zoë||19560512", msh={18: "8859/1"})

    assert sender.ask(named.encode("latin-1"))["MSA"][1] == "AA"
    assert rows(app, FeedMessage)[0].encoding == "iso8859-1"


def test_a_default_of_the_connection_counts_where_msh_18_says_nothing(migrated_sqlite_url):
    connection = {
        "addresses": ["127.0.0.1"],
        "senders": [{"facility": "MUH"}],
        "encoding": "latin-1",
    }
    app = make_app(migrated_sqlite_url, catalogue=catalogue_with(site(connection=connection)))
    text = message(pid="PID|1||7^^^M^MR||Müller^Zoë||19560512")

    with listening(app) as port, Hl7Sender(port) as sender:
        assert sender.ask(text.encode("latin-1"))["MSA"][1] == "AA"
    app.close()


def test_line_feeds_and_segments_of_the_site_s_own_are_taken(app, sender):
    text = message(more=("ZU1|anything|^~\\&|",)).replace("\r", "\n")

    assert sender.ask(text)["MSA"][1] == "AA"


def test_messages_that_come_in_one_piece_are_answered_one_by_one(app, sender):
    sender.send(b"".join(framed(message(id_=f"{number}").encode()) for number in range(20)))

    answers = [sender.answer()["MSA"][1:3] for _ in range(20)]

    assert answers == [["AA", f"{number}"] for number in range(20)]


def test_a_message_that_comes_byte_by_byte_is_taken(app, sender):
    for byte in framed(message().encode()):
        sender.send(bytes([byte]))

    assert sender.answer()["MSA"][1] == "AA"


TINY = 500
QUICK = ListenerLimits(message=0.3, drain=0.2, connections=6, per_address=4)
WHOLE = message().encode()
BROKEN = {
    "no start byte": WHOLE + b"\x1c\r",
    "a web browser": b"GET / HTTP/1.1\r\n\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00",
    "two megabytes": b"\x0b" + b"M" * (2 * LONGEST_MESSAGE),
    "two megabytes with an end": framed(b"M" * (2 * LONGEST_MESSAGE)),
    "a NUL byte": framed(WHOLE[:40] + b"\x00" + WHOLE[40:]),
    "UTF-16": framed(message().encode("utf-16")),
    "UTF-32": framed(message().encode("utf-32-le")),
    "half a frame and silence": b"\x0b" + WHOLE[:80],
    "a start byte and silence": b"\x0b",
    "a whole message without an end": b"\x0b" + WHOLE,
    "a start byte in the middle": b"\x0b" + WHOLE[:80] + framed(WHOLE),
    "an end alone": b"\x1c\r",
    "two start bytes": b"\x0b" + framed(WHOLE),
    "a frame in a frame": b"\x0bMSH|^~\\&|" + framed(WHOLE) + b"\x1c\r",
    "a mark of the byte order before the frame": b"\xef\xbb\xbf" + framed(WHOLE),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_frame_is_answered_and_closed_and_holds_up_no_other(sqlite_app, content):
    object.__setattr__(sqlite_app, "catalogue", catalogue_with())
    with (
        listening(sqlite_app, limits=QUICK) as port,
        Hl7Sender(port) as broken,
        Hl7Sender(port) as other,
    ):
        with suppress(ConnectionResetError, BrokenPipeError):
            broken.send(content)
        assert other.ask(message())["MSA"][1] == "AA"
        assert broken.answer().get("MSA", ["", "AE"])[1] == "AE"
        assert broken.is_closed()
        assert other.ask(message(id_="2"))["MSA"][1] == "AA"
    assert states(sqlite_app) == {"waiting": 2}


NAMED = "PID|1||7^^^M^MR||Müller^Zoë||19560512"
UNREADABLE = {
    "UTF-8 is named, Latin-1 is sent": message(pid=NAMED, msh={18: "UTF-8"}).encode("latin-1"),
    "Latin-1 is named, UTF-8 is sent": message(pid=NAMED, msh={18: "8859/1"}).encode(),
    "nothing is named, Latin-1 is sent": message(pid=NAMED).encode("latin-1"),
    "a mark of the byte order": b"\xef\xbb\xbf" + WHOLE,
    "an empty frame": b"",
    "white space alone": b" \r\n\t ",
    "line ends alone": b"\r\r\n",
    "no MSH": WHOLE.partition(b"\r")[2],
    "MSH alone": b"MSH",
    "MSH and its separators": b"MSH|^~\\&|\r",
    "MSH with too few fields": b"MSH|^~\\&|PAS|MUH|FOLLOWUP|CLINIC\r" + WHOLE.partition(b"\r")[2],
    "a letter as the separator": WHOLE.replace(b"|", b"A"),
    "a space as the separator": WHOLE.replace(b"|", b" "),
    "one sign for everything": WHOLE.replace(b"^", b"|"),
    "a batch": b"FHS|^~\\&|PAS|MUH\rBHS|^~\\&|PAS|MUH\r" + WHOLE,
    "version 3": b"<?xml version='1.0'?><PRPA_IN201305UV02 xmlns='urn:hl7-org:v3'/>",
    "a version to come": message(msh={12: "2.9"}).encode(),
    "results of a laboratory": message("ORU^R01").encode(),
    "an acknowledgement": b"MSH|^~\\&|PAS|MUH|||20261019||ACK|77|P|2.4\rMSA|AA|1\r",
    "more segments than anybody writes": WHOLE + b"NTE|1\r" * 3000,
}


def test_of_frames_that_hold_no_message_each_is_refused_and_the_connection_goes_on(app):
    object.__setattr__(app, "catalogue", catalogue_with())
    with listening(app) as port, Hl7Sender(port) as sender, Hl7Sender(port) as other:
        told = {}
        for number, (name, content) in enumerate(UNREADABLE.items()):
            told[name] = sender.ask(content)["MSA"][1]
            assert other.ask(message(id_=f"other-{number}"))["MSA"][1] == "AA"

    assert {name: code for name, code in told.items() if code not in {"AE", "AR"}} == {}
    assert states(app)["waiting"] == len(UNREADABLE)


def test_what_senders_leave_out_and_what_they_write_otherwise_is_taken(app, sender):
    spelt = {
        "without the last byte": b"\x0b" + message(id_="a").encode() + b"\x1c",
        "line feeds alone": framed(message(id_="b").replace("\r", "\n").encode()),
        "line ends between frames": b"\r\n" + framed(message(id_="c").encode()) + b"\r\n",
        "other separators": framed(message(id_="d").replace("|", "#").replace("^", "*").encode()),
    }
    for name, content in spelt.items():
        sender.send(content)
        assert sender.answer()["MSA"][1] == "AA", name


def test_a_sender_that_never_comes_to_an_end_is_cut_off_and_holds_up_no_other(sqlite_app):
    object.__setattr__(sqlite_app, "catalogue", catalogue_with())
    with (
        listening(sqlite_app, limits=QUICK) as port,
        Hl7Sender(port) as slow,
        Hl7Sender(port) as other,
    ):
        slow.send(b"\x0bMSH|")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            take_turns(slow, other)


def take_turns(slow: Hl7Sender, other: Hl7Sender) -> None:
    """Send a byte and a whole message by turns, until the connection of the bytes ends."""
    for number in count():
        slow.send(b"a")
        assert other.ask(message(id_=f"{number}"))["MSA"][1] == "AA"


def test_a_crowd_of_tiny_connections_leaves_nothing_behind(sqlite_app):
    object.__setattr__(sqlite_app, "catalogue", catalogue_with())
    pieces = (b"", b"\x0b", b"\x0bMSH|", b"\r\n")
    with listening(sqlite_app, limits=QUICK) as port, Hl7Sender(port) as other:
        assert other.ask(message())["MSA"][1] == "AA"
        for number in range(TINY):
            with Hl7Sender(port) as tiny:
                tiny.send(pieces[number % len(pieces)])
        assert other.ask(message(id_="2"))["MSA"][1] == "AA"
        # Room for as many as before, once it is noticed that the last of them have gone.
        let_in = [once_let_in(port, message(id_="3")) for _ in range(QUICK.per_address - 1)]
        for one in let_in:
            one.__exit__()
    assert states(sqlite_app) == {"waiting": 3}


def once_let_in(port: int, text: str) -> Hl7Sender:
    """Connect as often as it takes to be answered."""
    for _ in range(1000):
        sender = Hl7Sender(port)
        with suppress(ConnectionError):
            if sender.ask(text):
                return sender
        sender.__exit__()
    raise AssertionError("nobody is let in")


def test_a_silent_connection_between_two_messages_stays(sqlite_app):
    object.__setattr__(sqlite_app, "catalogue", catalogue_with())
    with listening(sqlite_app, limits=QUICK) as port, Hl7Sender(port) as silent:
        assert silent.ask(message())["MSA"][1] == "AA"
        with Hl7Sender(port) as half:
            half.send(b"\x0b")
            assert half.is_closed()

        assert silent.ask(message(id_="2"))["MSA"][1] == "AA"


def test_more_connections_than_may_be_are_closed_at_once(sqlite_app):
    object.__setattr__(sqlite_app, "catalogue", catalogue_with())
    with listening(sqlite_app, limits=QUICK) as port:
        open_ones = [Hl7Sender(port) for _ in range(QUICK.per_address)]
        assert [one.ask(message())["MSA"][1] for one in open_ones] == ["AA"] * len(open_ones)
        with Hl7Sender(port) as surplus:
            assert surplus.is_closed()
        for one in open_ones:
            one.__exit__()


def test_an_address_that_no_site_names_is_closed_at_once(sqlite_app):
    connection = {"addresses": ["10.0.0.0/8"], "senders": [{"facility": "MUH"}]}
    object.__setattr__(sqlite_app, "catalogue", catalogue_with(site(connection=connection)))

    with listening(sqlite_app) as port, Hl7Sender(port) as stranger:
        assert stranger.is_closed()


def test_a_database_that_can_not_be_written_is_not_able_now(sqlite_app):
    object.__setattr__(sqlite_app, "catalogue", catalogue_with())
    with listening(sqlite_app) as port, Hl7Sender(port) as sender:
        with sqlite_app.store.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE feed_messages RENAME TO away")
        answer = sender.ask(message())
        with sqlite_app.store.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE away RENAME TO feed_messages")

        assert answer["MSA"][1] == "AE"
        assert sender.ask(message())["MSA"][1] == "AA"


def test_nothing_of_a_message_is_written_to_the_log(sqlite_app, caplog):
    object.__setattr__(sqlite_app, "catalogue", catalogue_with())
    with (
        capture_logs() as written,
        listening(sqlite_app, limits=QUICK) as port,
        Hl7Sender(port) as sender,
    ):
        sender.ask(message())
        sender.ask(message(pid="PID|1||1^^^M^MR||Secret^Name||19561332"))
        # The library that takes messages apart would log what it can't unescape.
        sender.ask(message(pid="PID|1||1^^^M^MR||Secret\\^Na\\Qme\\||19561332"))
        assert sender.ask(message(pid="PID|1||1" + "^" * 60_000))["MSA"][1] == "AE"
        sender.send(b"Secret")
        assert sender.is_closed()

    assert not any(word in caplog.text for word in ("Secret", "Qme"))
    assert "hl7.received" in {line["event"] for line in written}
    assert not any(word in str(written) for word in ("Secret", "Patient-", "0512"))


# --------------------------------------------------------------------------- real processes

SHIPPED = {4: "EXH"}
"""The sender of the site file that is shipped as an example."""


@pytest.fixture
def stack(migrated_url) -> Iterator[Stack]:
    """The product as real processes, on each database."""
    environment = {
        "FOLLOWUP_DATABASE_URL": migrated_url,
        "FOLLOWUP_MASTER_KEYS": base64.b64encode(MASTER_KEY).decode(),
    }
    with Stack(environment) as made:
        yield made


def kept(url: str) -> int:
    with closing(make_app(url)) as app:
        return len(rows(app, FeedMessage))


def test_killed_before_it_is_kept_a_message_is_not_acknowledged_and_kept_when_it_comes_again(
    stack, migrated_url
):
    port, text = free_port(), message(msh=SHIPPED)
    running = stack.hl7(port=port)
    with closing(make_app(migrated_url)) as app:
        with app.store.engine.begin() as connection:
            # Nobody else can write now, so that it is killed on the way to its commit.
            if app.store.engine.dialect.name == "postgresql":
                connection.exec_driver_sql("LOCK TABLE feed_messages IN EXCLUSIVE MODE")
            with Hl7Sender(port) as sender:
                sender.send(framed(text.encode()))
                half = Hl7Sender(port)
                half.send(b"no frame")
                # By its answer the listener has read what was sent before.
                assert half.answer()["MSA"][1] == "AE"
                running.kill()
                assert sender.is_closed()
                half.__exit__()
        assert rows(app, FeedMessage) == []

    stack.hl7(port=port)
    with Hl7Sender(port) as sender:
        assert sender.ask(text)["MSA"][1] == "AA"
    assert kept(migrated_url) == 1


def test_killed_after_it_is_kept_a_message_is_kept_once_when_it_comes_again(stack, migrated_url):
    port, text = free_port(), message(msh=SHIPPED)
    running = stack.hl7(port=port)
    with Hl7Sender(port) as sender:
        sender.send(framed(text.encode()))
        stack.wait_for(lambda: kept(migrated_url) == 1, what="the commit", of=running)
        running.kill()

    stack.hl7(port=port)
    with Hl7Sender(port) as sender:
        assert sender.ask(text)["MSA"][1] == "AA"
    assert kept(migrated_url) == 1


def test_stopped_in_good_order_it_answers_what_it_has_kept(stack):
    port = free_port()
    running = stack.hl7(port=port)
    with Hl7Sender(port) as sender:
        assert sender.ask(message(msh=SHIPPED))["MSA"][1] == "AA"

        assert running.stop() == 0


def test_a_listener_without_a_port_says_what_to_set(stack):
    with pytest.raises(StackError, match="FOLLOWUP_HL7_PORT is unset: set it to the port"):
        stack.command("listen", "hl7")


def test_the_embedded_stack_listens_where_a_port_is_set(migrated_sqlite_url):
    port = free_port()
    environment = {
        "FOLLOWUP_DATABASE_URL": migrated_sqlite_url,
        "FOLLOWUP_MASTER_KEYS": base64.b64encode(MASTER_KEY).decode(),
        "FOLLOWUP_HL7_PORT": str(port),
        "FOLLOWUP_PORT": str(free_port()),
    }
    with Stack(environment) as stack:
        running = stack.embedded()
        stack.wait_for(lambda: listens(port), what="the listener", of=running)
        with Hl7Sender(port) as sender:
            assert sender.ask(message(msh=SHIPPED))["MSA"][1] == "AA"
        assert running.stop() == 0


def made(folder: Path, name: str) -> tuple[Path, Path]:
    (folder / name).mkdir()
    return self_signed(folder / name)


def test_only_a_sender_whose_certificate_is_vouched_for_is_heard(
    stack, migrated_url, tmp_path: Path
):
    certificate, key = made(tmp_path, "server")
    client_certificate, client_key = made(tmp_path, "client")
    port = free_port()
    stack.hl7(
        port=port,
        FOLLOWUP_HL7_TLS_CERTIFICATE=str(certificate),
        FOLLOWUP_HL7_TLS_KEY=str(key),
        FOLLOWUP_HL7_TLS_CLIENT_CA=str(client_certificate),
    )
    trusting = ssl.create_default_context(cafile=str(certificate))

    with suppress(OSError), Hl7Sender(port, tls=trusting) as nobody:
        assert nobody.ask(message(msh=SHIPPED)) == {}
    with Hl7Sender(port) as plain:
        plain.send(b"\x0bMSH|")
        assert plain.is_closed()
    assert kept(migrated_url) == 0

    trusting.load_cert_chain(client_certificate, client_key)
    with Hl7Sender(port, tls=trusting) as known:
        assert known.ask(message(msh=SHIPPED))["MSA"][1] == "AA"
    with closing(make_app(migrated_url)) as app:
        assert len(rows(app, FeedMessage)) == 1


def test_a_key_of_another_certificate_is_told_of_before_anything_listens(stack, tmp_path: Path):
    certificate, _ = made(tmp_path, "one")
    _, key = made(tmp_path, "other")

    with pytest.raises(StackError, match="must belong to the certificate"):
        stack.hl7(
            port=free_port(),
            FOLLOWUP_HL7_TLS_CERTIFICATE=str(certificate),
            FOLLOWUP_HL7_TLS_KEY=str(key),
        )
