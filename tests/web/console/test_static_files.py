"""The front-end files: what the manifest says they are, and served so that they are kept."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from followup.web.console.framework.static_files import static_files

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = {
    "static": ROOT / "followup" / "web" / "static",
    "fonts": ROOT / "followup" / "web" / "fonts",
    "testing": ROOT / "tests" / "browser" / "assets",
}
OWN = {
    "signing.js",
    "dark.css",
    "console.css",
    "console.js",
    "early.js",
    "icon.svg",
    "LICENCES.txt",
    "manifest.json",
}
ENTRIES = [
    (folder, entry)
    for folder in FOLDERS.values()
    for entry in json.loads((folder / "manifest.json").read_text("utf-8"))
]


@pytest.mark.parametrize(("folder", "entry"), ENTRIES, ids=[entry["file"] for _, entry in ENTRIES])
def test_a_file_is_the_one_that_the_manifest_names(folder, entry):
    content = (folder / entry["file"]).read_bytes()

    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert set(entry) == {"file", "package", "version", "licence", "source", "sha256"}


@pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)
def test_every_file_is_in_the_manifest_or_our_own(folder):
    listed = {entry["file"] for where, entry in ENTRIES if where == folder}
    there = {path.name for path in folder.iterdir() if path.is_file()}

    assert there - listed <= OWN


def test_every_package_has_its_licence_in_words():
    words = (FOLDERS["static"] / "LICENCES.txt").read_text("utf-8")

    for entry in json.loads((FOLDERS["static"] / "manifest.json").read_text("utf-8")):
        assert f"{entry['package']} {entry['version']} ({entry['licence']})" in words


def test_nothing_is_loaded_from_elsewhere_and_the_typeface_of_the_nhs_is_left_out():
    css = (FOLDERS["static"] / "nhsuk-frontend.css").read_text("utf-8")

    assert "@font-face" not in css
    assert {
        url for url in re.findall(r"url\(([^)]*)\)", css) if not url.startswith("nhsuk-")
    } == set()


def test_a_file_is_compressed_and_kept_for_a_year_under_the_address_of_its_content(nobody):
    found = static_files()["nhsuk-frontend.css"]

    answer = nobody.client.get(found.address)

    assert answer.content == found.content
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert len(found.compressed) < 40_000


def test_another_version_of_a_file_is_not_kept(nobody):
    answer = nobody.client.get("/static/console.css?v=000000000000")

    assert answer.headers["cache-control"] == "no-cache"


def test_there_is_nothing_but_the_files(nobody):
    assert nobody.client.get("/static/manifest.json").status_code == 404
    assert nobody.client.get("/static/..%2fapp.py").status_code == 404


def test_a_page_and_all_its_files_weigh_less_than_150_kb(admin):
    page = admin.client.get("/")
    names = set(re.findall(r'"/static/([^?"]+)', page.text))

    assert len(page.content) + sum(len(static_files()[name].compressed) for name in names) < 150_000
