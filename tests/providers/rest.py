"""Bare calls of the REST API that the stand-in offers, without any client in between."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64encode
from urllib.parse import urlencode

from tests.providers.conftest import MOBILE, SENDER, TEXT


def call(twilio, path="", *, form=None, query=None, token=None):
    """Return status, headers and JSON of one call of the REST API."""
    url = path if path.startswith("/") else f"/2010-04-01/Accounts/{twilio.account_sid}/{path}"
    if query:
        url += "?" + urlencode(query)
    credentials = f"{twilio.account_sid}:{token or twilio.auth_token}".encode()
    request = urllib.request.Request(
        twilio.url + url,
        data=urlencode(form).encode() if form is not None else None,
        headers={"Authorization": "Basic " + b64encode(credentials).decode()},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, json.load(error)


def create(twilio, **changes):
    form = {"To": MOBILE, "From": SENDER, "Body": TEXT} | changes
    return call(
        twilio, "Messages.json", form={name: value for name, value in form.items() if value}
    )
