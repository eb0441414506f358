"""The guide to the API shows a request that works, and names every address that there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from followup.providers.twilio.webhooks import INBOUND_PATH, STATUS_PATH
from followup.replies.auto_reply import ALIKE_A_DAY, ANSWERS_A_DAY
from tests.web.conftest import key_for

GUIDE = (Path(__file__).parents[2] / "docs" / "the-api.md").read_text(encoding="utf-8")


def test_the_request_in_the_guide_enrols_a_patient(sqlite_app, sqlite_client):
    [example] = re.findall(r"```json\n(.*?)```", GUIDE, flags=re.DOTALL)

    answer = sqlite_client.post(
        "/api/v1/enrolments", json=json.loads(example), headers=key_for(sqlite_app)
    )

    assert answer.status_code == 201, answer.text


def test_the_guide_names_every_address(sqlite_client):
    paths = sqlite_client.get("/api/v1/openapi.json").json()["paths"]

    for path in [*paths, STATUS_PATH, INBOUND_PATH, "/u/", "/healthz", "/readyz", "/metrics"]:
        named = path.replace("{enrolment_id}", "{id}").replace(
            "/api/v1/enrolments/{id}/resume", "/resume"
        )
        assert named in GUIDE, path


def test_the_guide_names_every_status_that_enrolling_answers_with(sqlite_client):
    paths = sqlite_client.get("/api/v1/openapi.json").json()["paths"]

    for status in paths["/api/v1/enrolments"]["post"]["responses"]:
        assert re.search(rf"^\|[^|]*\b{status}\b", GUIDE, flags=re.MULTILINE), status


def test_the_guide_tells_the_limits_that_hold():
    assert (ALIKE_A_DAY, ANSWERS_A_DAY) == (3, 6)
    assert "once an hour and three times a day, and six\nanswers" in GUIDE
