"""Time limits that hold for the whole of an answer."""

from __future__ import annotations

import socket

import pytest

from followup.providers.http import deadlines as bounded


@pytest.fixture
def ends():
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def test_an_answer_that_is_there_can_be_read(ends):
    here, there = ends
    there.sendall(b"hello\nworld")
    there.close()

    with bounded.reader(here, bounded.after(1.0)) as reader:
        assert reader.readline() == b"hello\n"
        assert reader.read() == b"world"


def test_nothing_more_is_read_once_the_time_is_over_though_it_is_there(ends):
    here, there = ends
    there.sendall(b"too late")

    with bounded.reader(here, lambda: 0.0) as reader, pytest.raises(TimeoutError):
        reader.read(1)


def test_silence_is_waited_out_for_no_longer_than_is_left(ends):
    here, _ = ends

    with bounded.reader(here, lambda: 0.05) as reader, pytest.raises(TimeoutError):
        reader.read(1)

    assert here.gettimeout() == 0.05


def test_every_address_of_a_name_is_tried_in_the_time_that_is_left():
    with socket.create_server(("127.0.0.1", 0)) as server:
        # On most machines the name stands for an IPv6 address too, where nobody listens.
        connection = bounded.connect(("localhost", server.getsockname()[1]), bounded.after(1.0))
        connection.close()
