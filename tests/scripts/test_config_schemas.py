"""The published JSON Schemas say of a file what its reader says."""

from __future__ import annotations

import copy
import json
import tomllib
from pathlib import Path

import jsonschema_rs
import pytest

from followup.data_files import data_folder
from scripts.config_schemas import PUBLISHED, schema_text, write_schemas
from tests.support.apps import shipped_catalogue

CONFIG = Path(str(data_folder("config")))
SHIPPED = {
    "protocols/protocol.schema.json": sorted((CONFIG / "protocols").glob("*.toml")),
    "clinics/clinic.schema.json": sorted((CONFIG / "clinics").glob("*.toml")),
    "triage/triage.schema.json": sorted((CONFIG / "triage").glob("*.toml")),
    "intake/site.schema.json": sorted((CONFIG / "intake").glob("*.toml")),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_schema_is_what_the_code_says(name):
    published = (CONFIG / name).read_text(encoding="utf-8")

    assert published == schema_text(PUBLISHED[name]), "run: python -m scripts.config_schemas"


def test_writing_the_schemas_puts_each_in_its_place(tmp_path):
    for name in PUBLISHED:
        (tmp_path / name).parent.mkdir()

    write_schemas(tmp_path)

    for name, shape in PUBLISHED.items():
        assert (tmp_path / name).read_text(encoding="utf-8") == schema_text(shape)


@pytest.mark.parametrize(
    ("name", "file"),
    [(name, file) for name, found in SHIPPED.items() for file in found],
    ids=[file.stem for found in SHIPPED.values() for file in found],
)
def test_a_shipped_file_names_its_schema_and_keeps_to_it(name, file):
    schema = json.loads((CONFIG / name).read_text(encoding="utf-8"))
    text = file.read_text(encoding="utf-8")

    # JSON has no dates: what an editor checks is the text that stands there.
    content = json.loads(json.dumps(tomllib.loads(text), default=str))

    assert text.startswith(f"#:schema ./{Path(name).name}\n")
    jsonschema_rs.validate(schema, content)


def spoiled(*path: object, value: object) -> dict[str, object]:
    """Return the nerve root block with one value changed."""
    definition = copy.deepcopy(shipped_catalogue().definition("nerve-root-block"))
    inner = definition
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return definition


WRONG = {
    "unknown key": spoiled("steps", 0, "mised", value="drop"),
    "negative day": spoiled("steps", 1, "targets", 0, "day", value=-91),
    "bad time": spoiled("steps", 1, "targets", 0, "at", value="25:00"),
    "bad span": spoiled("steps", 0, "not_after", value={"after": "12"}),
    "unknown channel": spoiled("steps", 0, "channels", value=["fax"]),
    "channel named twice": spoiled("steps", 0, "channels", value=["sms", "sms"]),
    "unknown missed policy": spoiled("steps", 0, "missed", value="retry"),
    "null": spoiled("steps", 0, "template", value=None),
    "no steps": spoiled("steps", value=[]),
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_an_editor_marks(content):
    schema = json.loads((CONFIG / "protocols/protocol.schema.json").read_text(encoding="utf-8"))

    assert not jsonschema_rs.is_valid(schema, content)
