"""Answers are read whole, in whatever pieces they come, or not at all."""

from __future__ import annotations

import pytest

from followup.providers.http.response_reader import (
    MAX_BODY,
    MAX_HEAD,
    Answer,
    BrokenAnswer,
    read_answer,
)

LENGTH = b"HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nhel\r\n2;note=x\r\nlo\r\n0\r\nTrailer: ignored\r\n\r\n"
)
TO_THE_END = b"HTTP/1.1 200 OK\r\n\r\nhello"


def read(content: bytes, *, piece: int = 1 << 20) -> Answer:
    pieces = [content[start : start + piece] for start in range(0, len(content), piece)]
    return read_answer(lambda: pieces.pop(0) if pieces else b"")


@pytest.mark.parametrize("piece", [1, 7, 1 << 20], ids=["bytes", "pieces", "at-once"])
@pytest.mark.parametrize(
    ("content", "keeps"),
    [
        pytest.param(LENGTH, True, id="with-a-length"),
        pytest.param(CHUNKED, True, id="in-chunks"),
        pytest.param(TO_THE_END, False, id="to-the-end"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + LENGTH, True, id="after-an-interim-answer"),
    ],
)
def test_an_answer_is_read_whole_however_its_end_is_told(content, keeps, piece):
    answer = read(content, piece=piece)

    assert answer.text == "hello"
    assert answer.keeps is keeps


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(LENGTH.replace(b"HTTP/1.1", b"HTTP/1.0"), id="old-version"),
        pytest.param(LENGTH.replace(b"text/plain", b"x\r\nConnection: Close"), id="asked-to-close"),
        pytest.param(LENGTH + b"more", id="something-left-over"),
    ],
)
def test_a_connection_is_not_kept_after(content):
    assert read(content).keeps is False


def test_an_answer_may_have_no_body():
    answer = read(b"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n")

    assert (answer.status, answer.text, answer.keeps) == (204, "", True)


def test_headers_are_found_in_any_case_and_lists_are_joined():
    answer = read(
        b"HTTP/1.1 429\r\nRetry-After: 3\r\nVIA: a\r\nvia: b\r\nContent-Length: 0\r\n\r\n"
    )

    assert answer.headers.get("retry-after") == answer.headers["RETRY-AFTER"] == "3"
    assert answer.headers["Via"] == "a, b"
    assert answer.headers.get("Date") is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(LENGTH[:-1], id="cut-off-in-the-body"),
        pytest.param(LENGTH[:30], id="cut-off-in-the-headers"),
        pytest.param(CHUNKED[:-2], id="cut-off-after-the-last-chunk"),
        pytest.param(CHUNKED.replace(b"3\r\nhel", b"3\r\nhell"), id="chunk-too-long"),
        pytest.param(CHUNKED.replace(b"3\r\nhel", b"+3\r\nhel"), id="chunk-size-no-number"),
        pytest.param(CHUNKED.replace(b"chunked", b"gzip, chunked"), id="unknown-coding"),
        pytest.param(LENGTH.replace(b": 5", b": 5\r\nContent-Length: 6"), id="two-lengths"),
        pytest.param(LENGTH.replace(b": 5", b": -5"), id="negative-length"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", id="another-protocol"),
        pytest.param(b"HTTP/1.1 101 Switching\r\n\r\n", id="change-of-protocol"),
        pytest.param(LENGTH.replace(b"Content-Type:", b" folded:"), id="folded-header"),
        pytest.param(LENGTH.replace(b"Type: ", b"Type "), id="header-without-colon"),
        pytest.param(LENGTH.replace(b": 5", b": " + b"9" * 5000), id="length-of-5000-digits"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2 * MAX_HEAD, id="endless-header"),
    ],
)
def test_what_is_no_whole_answer_is_refused(content):
    with pytest.raises(BrokenAnswer):
        read(content, piece=1000)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        pytest.param(b"Content-Length: %d" % (MAX_BODY + 1), b"x" * 65_536, id="with-a-length"),
        pytest.param(
            b"Transfer-Encoding: chunked", b"%x\r\n%b\r\n" % (65_536, b"x" * 65_536), id="in-chunks"
        ),
        pytest.param(b"Transfer-Encoding: chunked", b"7FFFFFFF\r\n", id="in-one-chunk"),
        pytest.param(b"X: y", b"x" * 65_536, id="to-the-end"),
    ],
)
def test_an_answer_without_end_is_not_read_for_ever(head, piece):
    taken = 0

    def receive() -> bytes:
        nonlocal taken
        taken += 1
        assert taken * len(piece) < 2 * MAX_BODY, "it reads on and on"
        return b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % head if taken == 1 else piece

    with pytest.raises(BrokenAnswer, match="too long"):
        read_answer(receive)


def test_what_breaks_the_connection_is_passed_on():
    def receive() -> bytes:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        read_answer(receive)
