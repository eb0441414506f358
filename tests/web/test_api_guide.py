"""The guide to the API names every address and every answer that there is."""

from __future__ import annotations

import re
from pathlib import Path

from followup.providers.twilio.webhooks import INBOUND_PATH, STATUS_PATH

GUIDE = (Path(__file__).parents[2] / "docs" / "the-api.md").read_text(encoding="utf-8")


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
