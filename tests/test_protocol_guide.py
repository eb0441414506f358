"""The guide to writing protocols explains every key and every way to write a time."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from followup.domain.protocols.protocol_file import AttributeShape, SourceShape, StepShape
from followup.domain.protocols.timing_file import NotAfterShape, NotBeforeShape, TargetShape

GUIDE = (Path(__file__).parents[1] / "docs" / "writing-a-protocol.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", GUIDE, flags=re.DOTALL)


def test_every_key_of_a_step_is_explained():
    explained = re.findall(r"^\| `(\w+)` \|", GUIDE, flags=re.MULTILINE)

    assert explained == list(StepShape.model_fields)


@pytest.mark.parametrize("shape", [SourceShape, AttributeShape], ids=["source", "attribute"])
def test_every_needed_key_stands_in_an_example(shape):
    for name, field in shape.model_fields.items():
        if field.is_required():
            assert re.search(rf"^{name} = ", "\n".join(EXAMPLES), flags=re.MULTILINE), name


WRITTEN = re.findall(r"^\| `(\{.*?\})` \| .* \| (.*) \|$", GUIDE, flags=re.MULTILINE)


SHAPES = {
    "target": [TargetShape],
    "target, bound": [TargetShape, NotBeforeShape, NotAfterShape],
    "bound": [NotBeforeShape, NotAfterShape],
    "`not_after`": [NotAfterShape],
}


@pytest.mark.parametrize(("written", "use"), WRITTEN, ids=[written for written, _ in WRITTEN])
def test_a_timing_can_be_written_where_the_guide_says(written, use):
    value = tomllib.loads(f"value = {written}")["value"]

    for shape in SHAPES[use]:
        assert TypeAdapter(shape).validate_python(value)


def test_the_guide_shows_every_timing():
    assert [use for _, use in WRITTEN] == [
        "target",
        "target, bound",
        "target, bound",
        "target",
        "bound",
        "`not_after`",
    ]
