"""Log lines: what they look like, and that none of them tells of a patient."""

from __future__ import annotations

import io
import json
import logging
import warnings

import pytest
import structlog

from followup.settings.logging import (
    BLOTTED,
    PRIVATE_FIELDS,
    PrivateField,
    UnfixedEvent,
    configure_logging,
)

MESSAGE_ID = "0199b0c4-5b6f-7cc1-9a55-123456789012"


@pytest.fixture
def lines():
    """Configure logging as the test asks, and give it back afterwards; return what was written."""
    root = logging.getLogger()
    before, ours = (root.handlers[:], root.level), structlog.get_config()
    stream = io.StringIO()

    def configure(**choices):
        configure_logging(stream=stream, **choices)
        return stream

    yield configure
    structlog.configure(**ours)
    logging.captureWarnings(capture=False)
    root.handlers, level = before
    root.setLevel(level)


def test_a_line_is_one_json_object_with_the_event_its_fields_and_the_time_in_utc(lines):
    written = lines(log_format="json")

    structlog.get_logger("followup.sending.claim").info(
        "message.sent", message_id=MESSAGE_ID, attempt=2
    )

    (line,) = written.getvalue().splitlines()
    told = json.loads(line)
    assert told.pop("timestamp").endswith("Z")
    assert told == {
        "event": "message.sent",
        "level": "info",
        "logger": "followup.sending.claim",
        "message_id": MESSAGE_ID,
        "attempt": 2,
    }


def test_the_console_shows_the_same_to_people_without_escape_codes_in_a_file(lines):
    written = lines(log_format="console")

    structlog.get_logger("followup").warning("sweep.late", seconds=12)

    assert "sweep.late" in written.getvalue()
    assert "seconds=12" in written.getvalue()
    assert "\x1b" not in written.getvalue()


def test_lines_of_the_standard_library_come_out_alike(lines):
    written = lines(log_format="json")

    logging.getLogger("celery.worker").warning("lost the %s", "broker")

    told = json.loads(written.getvalue())
    assert (told["event"], told["level"]) == ("lost the broker", "warning")
    assert told["logger"] == "celery.worker"


def test_warnings_come_out_as_lines(lines):
    written = lines(log_format="json")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    assert json.loads(written.getvalue())["logger"] == "py.warnings"


def test_what_is_bound_to_the_context_is_on_each_line(lines):
    written = lines(log_format="json")

    with structlog.contextvars.bound_contextvars(task="sweep"):
        structlog.get_logger().info("sweep.done")

    assert json.loads(written.getvalue())["task"] == "sweep"


def test_the_level_is_kept(lines):
    written = lines(level="warning")

    structlog.get_logger().info("message.sent")
    logging.getLogger("celery").info("started")

    assert written.getvalue() == ""


@pytest.mark.parametrize("name", ["twilio.http_client", "sqlalchemy.engine.Engine", "urllib3.x"])
def test_a_library_that_shows_what_it_sends_stays_quiet_even_when_debugging(lines, name):
    written = lines(level="debug")

    logging.getLogger(name).info("Body: your dressing may come off")
    logging.getLogger(name).debug("Body: your dressing may come off")

    assert written.getvalue() == ""


def test_lines_go_to_standard_error_as_it_is_at_that_moment(lines, capsys):
    lines()
    configure_logging(log_format="json")

    structlog.get_logger().info("worker.started")

    assert json.loads(capsys.readouterr().err)["event"] == "worker.started"


def test_a_line_that_cannot_be_written_stops_nothing(lines, capsys):
    written = lines()
    written.close()

    structlog.get_logger().info("worker.started")

    assert "Logging error" in capsys.readouterr().err


def test_configuring_twice_writes_each_line_once(lines):
    lines(log_format="json")
    written = lines(log_format="json")

    structlog.get_logger().info("worker.started")

    assert len(written.getvalue().splitlines()) == 1


@pytest.mark.parametrize("field", sorted(PRIVATE_FIELDS))
def test_in_tests_a_line_with_a_private_field_raises(lines, field):
    lines(strict=True)

    with pytest.raises(PrivateField, match=field):
        structlog.get_logger().info("message.sent", **{field: "x"})


def test_in_tests_a_private_field_is_found_at_any_depth_and_in_any_case(lines):
    lines(strict=True)

    with pytest.raises(PrivateField, match="Mobile"):
        structlog.get_logger().info("receipt.seen", parts=[{"raw": ({"Mobile": "x"},)}])


@pytest.mark.parametrize("event", ["sent to 3 people", "Sent", "sent.", "message {id}", ""])
def test_in_tests_an_event_name_that_is_made_up_as_it_goes_raises(lines, event):
    lines(strict=True)

    with pytest.raises(UnfixedEvent, match="fixed event name"):
        structlog.get_logger().info(event)


def test_in_tests_a_proper_line_passes(lines):
    written = lines(strict=True, log_format="json")

    structlog.get_logger().info("message.sent", message_id=MESSAGE_ID, patient_id=MESSAGE_ID)

    assert json.loads(written.getvalue())["message_id"] == MESSAGE_ID


def test_in_production_private_fields_are_blotted_out_at_any_depth(lines):
    written = lines(log_format="json")

    structlog.get_logger().info(
        "receipt.seen",
        mobile="+447700900123",
        parts=[{"Body": "hello", "code": "30005"}],
        message_id=MESSAGE_ID,
    )

    told = json.loads(written.getvalue())
    assert told["mobile"] == BLOTTED
    assert told["parts"] == [{"Body": BLOTTED, "code": "30005"}]
    assert told["message_id"] == MESSAGE_ID


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_numbers_addresses_or_local_variables(lines, log_format):
    written = lines(log_format=log_format)
    mobile = "+447700900123"

    try:
        raise ValueError(f"{mobile} (07700 900 124, 999 123 4567) ada@example.com")  # noqa: TRY301
    except ValueError:
        structlog.get_logger().exception("message.broken", message_id=MESSAGE_ID)

    assert "ValueError" in written.getvalue()
    for private in ("7700900123", "900 124", "123 4567", "ada@"):
        assert private not in written.getvalue()
    assert MESSAGE_ID in written.getvalue()


def test_a_librarys_words_are_blotted_too_and_times_and_ids_are_left_alone(lines):
    written = lines(log_format="json")
    harmless = f"at 2026-10-23T09:00:00.123456Z, 2026-10-23 09:00:00, id {MESSAGE_ID}"

    logging.getLogger("celery").error("refused 07700900123 ada@example.com %s", harmless)

    told = json.loads(written.getvalue())["event"]
    assert told == f"refused {BLOTTED} {BLOTTED} {harmless}"


def test_the_traceback_of_a_library_is_blotted_too(lines):
    written = lines(log_format="json")

    try:
        raise ValueError("no route to ada@example.com")  # noqa: TRY301
    except ValueError:
        logging.getLogger("celery").exception("task failed")

    assert "ada@" not in written.getvalue()
    assert "no route to" in json.loads(written.getvalue())["exception"]


def test_every_test_runs_with_the_strict_processor():
    with pytest.raises(PrivateField):
        structlog.get_logger().info("message.sent", mobile="+447700900123")
