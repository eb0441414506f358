"""The guide to writing messages knows every key and every variable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from followup.content.metadata import ApprovalShape, Meta
from followup.content.rules import CLINIC_FACTS, TEMPLATE_VARIABLES

GUIDE = (Path(__file__).parents[2] / "docs" / "writing-messages.md").read_text("utf-8")
NAMED = set(re.findall(r"`([a-z_.]+)`", GUIDE)) | set(re.findall(r"^(\w+) =", GUIDE, re.MULTILINE))


TO_EXPLAIN = {
    *Meta.model_fields,
    *ApprovalShape.model_fields,
    *(f"clinic.{fact}" for fact in CLINIC_FACTS),
    *(TEMPLATE_VARIABLES.keys() - {"clinic"}),
}


@pytest.mark.parametrize("name", sorted(TO_EXPLAIN))
def test_the_guide_explains(name):
    assert name in NAMED
