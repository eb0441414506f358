"""The HTTP layer behind the official client: what it writes, and whom it speaks to."""

from __future__ import annotations

import pytest
from twilio.rest import Client

from followup.providers.twilio.client import LeanHttpClient
from tests.providers.conftest import Hook
from tests.support.waiting import wait_until

ACCOUNT = "AC" + "0" * 32


@pytest.fixture
def http(hook: Hook):
    made = LeanHttpClient(f"{hook.url}/below/", connect_timeout=1, read_timeout=1, pool_size=1)
    yield made
    made.close()


def test_a_form_keeps_each_value_of_a_list_and_the_path_of_the_base_address(hook, http):
    client = Client(ACCOUNT, "token", http_client=http)

    client.request(
        "POST", "https://api.twilio.com/x.json", data={"A": ["1 2", "é&"], "B": None, "C": 3}
    )

    wait_until(lambda: hook.posted)
    assert hook.posted[0].target == "/below/x.json"
    assert hook.posted[0].body == "A=1+2&A=%C3%A9%26&C=3"


def test_an_address_that_is_not_the_apis_is_not_spoken_to(hook, http):
    client = Client(ACCOUNT, "token", http_client=http)

    with pytest.raises(ValueError, match="alone"):
        client.lookups.v2.phone_numbers("+447700900123").fetch()

    assert hook.posted == []
