"""What is shipped: the wheel carries its data, and the container files name real things."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from followup.settings.settings import Settings

ROOT = Path(__file__).parents[1]
CARRIED = {
    "followup": "followup",
    "tasks": "tasks",
    "config": "followup/_data/config",
    "templates": "followup/_data/templates",
    "docs/safety": "followup/_data/docs/safety",
}
"""Folders of the checkout, and where a wheel has their files."""
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "Dockerfile"
VERSION_IN_FULL = re.compile(r"postgres:\d+\.\d+|(?!postgres:)[\w./-]+:v?\d+\.\d+\.\d+(-[\w.-]+)?")
"""An image's name with a tag that names one release: PostgreSQL numbers its own by two figures."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("folder", CARRIED)
def test_the_wheel_carries_every_file_of_each_folder(wheel, folder):
    files = {
        f"{CARRIED[folder]}/{path.relative_to(ROOT / folder).as_posix()}"
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }

    assert files
    assert files - wheel == set()


def test_the_wheel_carries_its_licence(wheel):
    [licence] = [it for it in wheel if it.endswith(".dist-info/licenses/LICENSE")]

    assert licence


def test_the_wheel_carries_nothing_else(wheel):
    folders = {name.split("/")[0] for name in wheel}

    assert {it for it in folders if not it.endswith(".dist-info")} == {"followup", "tasks"}


def test_compose_accepts_its_file():
    program = [sys.executable, "-m", "check_jsonschema"]
    command = [*program, "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]

    checked = subprocess.run(command, check=False, capture_output=True, text=True)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_no_image_floats():
    services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    dockerfile = DOCKERFILE.read_text(encoding="utf-8")
    [python] = re.findall(r"^ARG PYTHON=(.*)$", dockerfile, re.MULTILINE)

    images = [python, *(it["image"] for it in services.values())]

    assert [it for it in images if not VERSION_IN_FULL.fullmatch(it)] == []
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"${PYTHON}"}
    assert "# syntax=" not in dockerfile


@pytest.mark.parametrize("tag", ["latest", "18", "8.8", "3.11-slim", "v1"])
def test_a_tag_that_moves_is_told_from_one_that_does_not(tag):
    assert not VERSION_IN_FULL.fullmatch(f"name:{tag}")
    assert not VERSION_IN_FULL.fullmatch("name")


def test_the_image_is_installed_from_the_locks_as_a_checkout_is():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    dockerfile = DOCKERFILE.read_text(encoding="utf-8")
    [flags] = re.findall(r"^FROM_LOCK := (.*)$", makefile, re.MULTILINE)

    assert {"--require-hashes", "--no-deps"} <= set(flags.split())
    assert f'ARG FROM_LOCK="{flags}"' in dockerfile
    installs = re.findall(r"pip install (.*?)(?: \\\n|\n)", dockerfile)
    assert [
        it for it in installs if not it.startswith(("$FROM_LOCK -r ", "--no-deps /dist/"))
    ] == []
    assert "/opt/followup/bin/pip check" in dockerfile


@pytest.mark.parametrize("name", ["Dockerfile", "docker-compose.yml"])
def test_container_files_set_only_settings_that_exist(name):
    known = {f"FOLLOWUP_{field.upper()}" for field in Settings.model_fields}

    named = set(re.findall(r"FOLLOWUP_[A-Z0-9_]+", (ROOT / name).read_text(encoding="utf-8")))

    assert named
    assert named - known == set()


def test_no_secret_has_a_default_in_compose():
    text = COMPOSE.read_text(encoding="utf-8")

    defaults = dict(re.findall(r"\$\{(\w+):-([^}]+)\}", text))

    assert not {name for name in defaults if re.search("PASSWORD|KEY|TOKEN", name)}


def test_every_service_of_ours_waits_for_the_migration():
    services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]

    ours = {name: it for name, it in services.items() if it["image"].startswith("followup:")}

    assert set(ours) == {"migrate", "web", "worker", "beat", "watch", "hl7"}
    for name in ("web", "worker", "beat", "watch", "hl7"):
        migrate = ours[name]["depends_on"]["migrate"]
        assert migrate == {"condition": "service_completed_successfully"}
