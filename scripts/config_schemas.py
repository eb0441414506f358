"""The JSON Schemas of the files in `config`, written anew by `python -m scripts.config_schemas`.

They are published beside the files that they describe, so that an editor which knows the line
`#:schema ./protocol.schema.json` completes keys, shows what they mean and marks mistakes.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from followup.data_files import data_folder
from followup.domain.clinics.clinic_file import ClinicShape
from followup.domain.file_shape import Shape
from followup.domain.protocols.protocol_file import ProtocolShape
from followup.domain.sites.site_file import SiteShape
from followup.domain.triage.triage_file import TriageShape

PUBLISHED: dict[str, type[Shape]] = {
    "protocols/protocol.schema.json": ProtocolShape,
    "clinics/clinic.schema.json": ClinicShape,
    "triage/triage.schema.json": TriageShape,
    "intake/site.schema.json": SiteShape,
}


class _ForToml(GenerateJsonSchema):
    """TOML has no null: what may be left out is optional, and never null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default") is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def schema_text(shape: type[Shape]) -> str:
    """Return the text of the JSON Schema of a file of that shape."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **shape.model_json_schema(schema_generator=_ForToml),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_schemas(root: Path) -> None:
    """Write each schema to its place below `root`, a `config` folder."""
    for name, shape in PUBLISHED.items():
        (root / name).write_text(schema_text(shape), encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(str(data_folder("config"))))
