"""The bill of materials names all that is locked, and advisories about any of it are found."""

from __future__ import annotations

import json
import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts import check_advisories as advisories
from scripts.sbom import LOCK, components, sbom
from tests.support.servers import free_port

JINJA = next(each for each in components() if each["name"] == "jinja2")


def test_the_bill_names_each_locked_package_once_and_is_the_same_each_time():
    made = sbom()
    locked = re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==", LOCK.read_text("utf-8"), re.MULTILINE)

    names = [each["name"] for each in made["components"]]
    refs = {"followup", *(each["bom-ref"] for each in made["components"])}

    assert json.dumps(made) == json.dumps(sbom())
    assert len(refs) == len(names) + 1
    assert sorted(locked) == sorted(
        each["name"] for each in made["components"] if each["purl"].startswith("pkg:pypi/")
    )
    assert {"htmx.org", "nhsuk-frontend"} <= set(names)
    assert {edge["ref"] for edge in made["dependencies"]} == refs
    # Nothing stands alone: each is needed by something.
    assert {ref for edge in made["dependencies"] for ref in edge["dependsOn"]} == refs - {
        "followup"
    }


RANGES = {
    "named": ({"versions": ["3.1.0"]}, "3.1.0", True),
    "another is named": ({"versions": ["3.1.0"]}, "3.1.1", False),
    "since ever": ([{"introduced": "0"}, {"fixed": "3.2"}], "3.1.9", True),
    "fixed": ([{"introduced": "0"}, {"fixed": "3.2"}], "3.2", False),
    "not yet": ([{"introduced": "3.1"}], "3.0", False),
    "the last": ([{"introduced": "0"}, {"last_affected": "3.1"}], "3.1", True),
    "after the last": ([{"introduced": "0"}, {"last_affected": "3.1"}], "3.1.1", False),
    "brought in again": (
        [{"introduced": "0"}, {"fixed": "2"}, {"introduced": "3"}, {"fixed": "4"}], "3.5", True,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "version", "expected"), RANGES.values(), ids=RANGES)
def test_an_advisory_applies_to_the_versions_that_it_says(given, version, expected):
    affected = (
        given if isinstance(given, dict) else {"ranges": [{"type": "ECOSYSTEM", "events": given}]}
    )

    assert advisories.applies(affected, {**JINJA, "version": version}) is expected


@contextmanager
def osv(vulns: dict[str, list[str]]) -> Iterator[str]:
    """Answer as OSV does, knowing of these packages alone."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            results: list[dict[str, Any]] = [
                {"vulns": [{"id": it} for it in known]}
                if (known := vulns.get(query["package"]["purl"]))
                else {}
                for query in asked["queries"]
            ]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"results": results}).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_a_source_knows_is_told_and_one_that_is_away_is_no_all_clear(
    monkeypatch, capsys, tmp_path: Path
):
    with osv({JINJA["purl"]: ["GHSA-of-jinja"]}) as address:
        monkeypatch.setenv(advisories.ADDRESS, address)
        assert advisories.main([]) == 1
    assert "GHSA-of-jinja" in capsys.readouterr().out
    monkeypatch.setenv(advisories.ADDRESS, f"http://127.0.0.1:{free_port()}")
    assert advisories.main([]) == 3
    assert "NOT CHECKED" in capsys.readouterr().err

    export = tmp_path / "all.zip"
    told = {"id": "GHSA-of-all", "affected": [
        {"package": {"ecosystem": ecosystem, "name": name}, "versions": [version]}
        for ecosystem, name, version in (("PyPI", "Jinja2", JINJA["version"]), ("npm", "left", "1"))
    ]}  # fmt: skip
    with zipfile.ZipFile(export, "w") as archive:
        archive.writestr("GHSA-of-all.json", json.dumps(told))
    assert advisories.main([str(export)]) == 1
    assert f"{JINJA['purl']}: GHSA-of-all" in capsys.readouterr().out
    export.write_bytes(b"no archive")
    assert advisories.main([str(export)]) == 3
