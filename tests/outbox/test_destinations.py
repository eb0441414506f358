"""Where events may be sent: the internet by https, networks that the operator named, no others."""

from __future__ import annotations

import socket
from contextlib import closing
from ipaddress import ip_network

import pytest

from followup.context import WebhookPolicy
from followup.domain.errors import InvalidInput
from followup.outbox.destinations import check_destination, is_allowed, target_of
from followup.providers.http.connection_pool import Connections, NotReached

STRICT = WebhookPolicy()
PRACTISING = WebhookPolicy(loopback=True)
ENGINE = WebhookPolicy(networks=(ip_network("10.20.0.0/16"), ip_network("fd00:20::/32")))


@pytest.mark.parametrize(
    "url",
    [
        "https://engine.example.nhs.uk/events",
        "https://engine.example.nhs.uk:8443/events?key=a%20b",
        "https://93.184.215.14/",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
    ],
)
def test_an_address_on_the_internet_is_taken(url):
    assert check_destination(url, STRICT).geturl() == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "engine.example",
        "https://",
        "https:///events",
        "ftp://engine.example/",
        "http://engine.example/",
        "https://user:secret@engine.example/",
        "https://engine.example/#part",
        "https://engine.example/a b",
        "https://engine.example/\nHost: other",
        "https://engine.exämple/",
        "https://engine.example:99999/",
        "https://[::1/",
        "https://engine.example/" + "x" * 2000,
        "http://localhost:8000/",
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:10.20.0.1]/",
        "https://[64:ff9b::a14:1]/",
        "https://[2002:a14:1::1]/",
        "https://0.0.0.0/",
        "https://10.20.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://224.0.0.1/",
        "https://[fe80::1]/",
        "https://[fd00:20::1]/",
        "https://[::10.20.0.1]/",
        "https://[::ffff:0:10.20.0.1]/",
        "https://[64:ff9b:1::a14:1]/",
        "https://[fec0::1]/",
        "https://192.0.0.8/",
        "https://192.88.99.1/",
        "https://[3fff::1]/",
        "https://engine..example/",
        "https://.engine.example/",
        f"https://{'x' * 64}.example/",
    ],
    ids=lambda url: url[:40] or "nothing",
)
def test_an_address_that_leads_elsewhere_is_refused(url):
    with pytest.raises(InvalidInput) as refused:
        check_destination(url, STRICT)

    assert [problem.field for problem in refused.value.problems] == ["url"]


def test_this_machine_may_be_named_in_practice_mode_alone():
    assert check_destination("http://localhost:8000/events", PRACTISING)
    assert check_destination("http://[::1]:8000/", PRACTISING)
    with pytest.raises(InvalidInput, match="use https"):
        check_destination("http://engine.example/", PRACTISING)


def test_a_network_that_the_operator_named_may_be_reached_by_https():
    assert check_destination("https://10.20.3.4/events", ENGINE)
    assert check_destination("https://[fd00:20::7]/events", ENGINE)
    for url in ("http://10.20.3.4/", "https://10.21.0.1/", "https://127.0.0.1/"):
        with pytest.raises(InvalidInput):
            check_destination(url, ENGINE)


@pytest.mark.parametrize(
    ("peer", "policy", "allowed"),
    [
        ("93.184.215.14", STRICT, True),
        ("10.20.0.1", STRICT, False),
        ("10.20.0.1", ENGINE, True),
        ("::ffff:10.20.0.1", ENGINE, True),
        ("127.0.0.1", PRACTISING, True),
        ("fe80::1%eth0", STRICT, False),
        ("not an address", PRACTISING, False),
    ],
    ids=str,
)
def test_the_address_that_a_name_leads_to_is_held_to_the_same(peer, policy, allowed):
    assert is_allowed(peer, policy) is allowed


def test_no_connection_is_made_to_where_a_name_may_not_lead():
    """As when a name server says another address than when the webhook was set up."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        connections = Connections(
            f"http://localhost:{port}",
            connect_timeout=3,
            read_timeout=3,
            keep=0,
            allow=lambda peer: is_allowed(peer, STRICT),
        )

        with pytest.raises(NotReached, match="not allowed"):
            connections.request("POST", "/", body=b"{}", headers={})

        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_name_that_can_not_be_looked_up_is_not_reached_and_stops_nobody():
    """As one that an earlier version took: it would end the job that tells all the others."""
    connections = Connections("https://engine..example", connect_timeout=3, read_timeout=3, keep=0)

    with pytest.raises(NotReached, match="no name of a host"):
        connections.request("POST", "/", body=b"{}", headers={})


def test_what_a_request_asks_for_is_quoted():
    parts = check_destination("https://engine.example", STRICT)
    asked = check_destination('https://engine.example/a"b?c=<d>', STRICT)

    assert target_of(parts) == "/"
    assert target_of(asked) == "/a%22b?c=%3Cd%3E"
