"""The stand-in is true to Twilio's published description of its API.

The fields and forms below are our own list, drawn up from that description (the resource
`api.v2010.account.message` and the operations on it).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, urlsplit

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from followup.providers.twilio.client import LeanHttpClient
from tests.providers.conftest import MOBILE, OTHER_MOBILE, SENDER, SERVICE, TEXT
from tests.providers.rest import call, create
from tests.support.waiting import wait_until

FIELDS = {
    "account_sid": r"AC[0-9a-f]{32}",
    "api_version": r"2010-04-01",
    "body": r".*",
    "date_created": None,
    "date_sent": None,
    "date_updated": None,
    "direction": r"outbound-api",
    "error_code": None,
    "error_message": None,
    "from": r"\+\d+",
    "messaging_service_sid": r"MG[0-9a-f]{32}",
    "num_media": r"\d+",
    "num_segments": r"\d+",
    "price": r"-?\d+\.\d+",
    "price_unit": r"[A-Z]{3}",
    "sid": r"SM[0-9a-f]{32}",
    "status": r"[a-z_]+",
    "subresource_uris": None,
    "to": r"\+\d+",
    "uri": r"/2010-04-01/Accounts/AC[0-9a-f]{32}/Messages/SM[0-9a-f]{32}\.json",
}
"""Every field of a message, and the form of those that are strings."""

NULLABLE = {
    "body", "date_sent", "error_code", "error_message", "from", "messaging_service_sid", "price",
    "price_unit",
}  # fmt: skip

PAGE_FIELDS = {
    "end", "first_page_uri", "messages", "next_page_uri", "page", "page_size", "previous_page_uri",
    "start", "uri",
}  # fmt: skip


def check_message(message):
    assert set(message) == set(FIELDS)
    for name, form in FIELDS.items():
        if message[name] is None:
            assert name in NULLABLE, name
        elif form is not None:
            assert re.fullmatch(form, message[name], re.DOTALL), name
    for name in ("date_created", "date_sent", "date_updated"):
        if message[name]:
            assert message[name].endswith("+0000")
            assert parsedate_to_datetime(message[name]).tzinfo is not None
    assert message["error_code"] is None or isinstance(message["error_code"], int)
    assert set(message["subresource_uris"]) >= {"media"}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({}, "queued", id="from a number"),
        pytest.param({"From": None, "MessagingServiceSid": SERVICE}, "accepted", id="by a service"),
    ],
)
def test_a_created_message_has_every_field_of_the_description(twilio, changes, status):
    code, headers, message = create(twilio, **changes)

    assert code == 201
    assert headers.get_content_type() == "application/json"
    check_message(message)
    assert message["status"] == status
    assert message["date_sent"] is None
    assert (message["to"], message["body"]) == (MOBILE, TEXT)


def test_a_message_is_fetched_by_its_sid_and_gets_a_sending_date_when_it_is_sent(twilio):
    twilio.configure(sent_after=0, delivered_after=0)
    _, _, created = create(twilio)

    wait_until(lambda: call(twilio, created["uri"])[2]["status"] == "delivered")

    code, _, fetched = call(twilio, created["uri"])
    assert code == 200
    check_message(fetched)
    assert fetched["date_sent"]


def test_a_list_has_every_field_of_the_description_newest_first(twilio):
    for text in ("first", "second", "third"):
        create(twilio, Body=text)

    code, _, page = call(twilio, "Messages.json")

    assert code == 200
    assert set(page) == PAGE_FIELDS
    assert [message["body"] for message in page["messages"]] == ["third", "second", "first"]
    assert (page["page"], page["page_size"], page["start"], page["end"]) == (0, 50, 0, 2)
    assert page["next_page_uri"] is None
    assert page["previous_page_uri"] is None
    for message in page["messages"]:
        check_message(message)


def test_a_list_is_paged_through_its_next_page_uri_also_while_more_arrive(twilio):
    for number in range(5):
        create(twilio, Body=str(number))
    bodies = []

    _, _, page = call(twilio, "Messages.json", query={"To": MOBILE, "PageSize": 2})
    while True:
        bodies.append([message["body"] for message in page["messages"]])
        create(twilio, Body="meanwhile")
        if page["next_page_uri"] is None:
            break
        query = dict(parse_qsl(urlsplit(page["next_page_uri"]).query))
        assert query["To"] == MOBILE
        assert query["PageToken"].startswith("PA")
        _, _, page = call(twilio, page["next_page_uri"])

    assert bodies == [["4", "3"], ["2", "1"], ["0"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param({"To": MOBILE}, True, id="to this number"),
        pytest.param({"To": OTHER_MOBILE}, False, id="to another"),
        pytest.param({"From": SENDER}, True, id="from this sender"),
        pytest.param({"From": MOBILE}, False, id="from another"),
        pytest.param({"DateSent": "{today}"}, True, id="sent today"),
        pytest.param({"DateSent": "{yesterday}"}, False, id="sent yesterday"),
        pytest.param({"DateSent>": "{today}"}, True, id="sent since today"),
        pytest.param({"DateSent>": "{tomorrow}"}, False, id="sent since tomorrow"),
        pytest.param({"DateSent<": "{today}"}, True, id="sent until today"),
        pytest.param({"DateSent<": "{yesterday}"}, False, id="sent until yesterday"),
        pytest.param({"DateSent>": "{yesterday}T12:00:00Z"}, True, id="sent since a moment"),
    ],
)
def test_a_list_is_filtered_as_the_description_has_it(twilio, query, found):
    twilio.configure(sent_after=0, delivered_after=0)
    create(twilio)
    wait_until(lambda: twilio.messages()[0]["status"] == "delivered")
    now = datetime.now(UTC)
    days = {
        name: (now + timedelta(days=offset)).date().isoformat()
        for name, offset in {"yesterday": -1, "today": 0, "tomorrow": 1}.items()
    }

    _, _, page = call(
        twilio,
        "Messages.json",
        query={name: value.format(**days) for name, value in query.items()},
    )

    assert len(page["messages"]) == found


def test_a_queued_message_is_in_no_list_by_sending_date(twilio):
    twilio.configure(sent_after=60)
    create(twilio)

    _, _, dated = call(twilio, "Messages.json", query={"DateSent>": "2020-01-01"})
    _, _, plain = call(twilio, "Messages.json")

    assert (len(dated["messages"]), len(plain["messages"])) == (0, 1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": None}, 21604),
        ({"From": None}, 21603),
        ({"Body": None}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"To": "07700900123"}, 21211),
        ({"To": "+15005550001"}, 21211),
        ({"To": "+15005550004"}, 21610),
        ({"To": "+15005550009"}, 21614),
        ({"StatusCallback": "followup.example.org"}, 21609),
        ({"StatusCallback": "https://follow_up.example.org/"}, 21609),
        ({"ValidityPeriod": "0"}, 90007),
        ({"ValidityPeriod": "36001"}, 90007),
    ],
)
def test_what_is_wrong_is_refused_with_an_error_body(twilio, changes, code):
    status, _, error = create(twilio, **changes)

    assert status == 400
    assert set(error) == {"code", "message", "more_info", "status"}
    assert (error["code"], error["status"]) == (code, 400)
    assert error["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    assert twilio.count() == 0


def test_wrong_credentials_and_addresses_are_refused(twilio):
    status, _, error = call(twilio, "Messages.json", token="wrong")
    assert (status, error["code"]) == (401, 20003)

    for path in (
        "Calls.json",
        f"Messages/SM{'0' * 32}.json",
        "/2010-04-01/Accounts/AC1/Messages.json",
    ):
        status, _, error = call(twilio, path)
        assert (status, error["code"]) == (404, 20404)


def test_the_official_client_finds_in_it_what_it_expects(twilio):
    http = LeanHttpClient(twilio.url, connect_timeout=1, read_timeout=1, pool_size=1)
    client = Client(twilio.account_sid, twilio.auth_token, http_client=http)

    created = client.messages.create(to=MOBILE, from_=SENDER, body=TEXT, validity_period=60)
    listed = client.messages.list(to=MOBILE, page_size=1)
    fetched = client.messages(created.sid).fetch()

    assert [message.sid for message in listed] == [created.sid] == [fetched.sid]
    assert fetched.date_created.tzinfo is not None
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to="+15005550001", from_=SENDER, body=TEXT)
    assert (caught.value.status, caught.value.code) == (400, 21211)
    http.close()
