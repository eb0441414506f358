"""Other systems, let in and told of events by a manager: a secret is shown once."""

from __future__ import annotations

import re

from followup.domain.roles import Role
from followup.staff.api_keys import all_api_keys, check_api_key


def test_a_key_is_made_shown_once_and_revoked(sqlite_app, joined):
    manager = joined(Role.MANAGE)
    assert manager.post("/system/api-keys", {}, status=422).errors == [
        "Choose which patients it may see",
        "Choose what it opens",
    ]
    wanted = {"name": "theatre-list", "clinic": "all", "scopes": ["enrolments"]}

    [key] = re.findall(r"fu_[\w-]{43}", manager.post("/system/api-keys", wanted).text)

    assert check_api_key(sqlite_app, key) is not None
    assert key not in manager.get("/system/api-keys").text
    [row] = all_api_keys(sqlite_app)
    manager.post(f"/system/api-keys/{row.id}/revoke")
    assert check_api_key(sqlite_app, key) is None


def test_a_manager_of_one_clinic_lets_nobody_into_another(joined):
    manager = joined(Role.MANAGE, clinics=["derriford-pain"])
    wanted = {"name": "x", "clinic": "all", "scopes": ["enrolments"]}

    page = manager.post("/system/api-keys", wanted, status=422)

    assert page.errors == ["Choose which patients it may see"]


def test_a_webhook_is_added_and_its_secret_shown_once(joined):
    manager = joined(Role.MANAGE)
    wanted = {
        "name": "engine", "url": "http://engine.example.com/", "clinic": "all",
        "events": ["message"], "content": "ids",
    }  # fmt: skip
    assert len(manager.post("/system/webhooks", wanted, status=422).errors) == 1

    page = manager.post("/system/webhooks", {**wanted, "url": "https://engine.example.com/"})

    assert "not shown again" in page.text
    assert "engine.example.com" in manager.get("/system/webhooks").text
