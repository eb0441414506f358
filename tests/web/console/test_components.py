"""Buttons and tags that we write out ourselves are those of the design system."""

from __future__ import annotations

import pytest

from followup.web.console.framework.templates import environment

OURS = """{% from "components/forms.html" import button, link_button %}
{% from "components/show.html" import tag %}"""
THEIRS = """{% from "nhsuk/components/button/macro.jinja" import button %}
{% from "nhsuk/components/tag/macro.jinja" import tag %}"""
HIDDEN = "<span class='nhsuk-u-visually-hidden'>"

PAIRS = {
    "a plain button": (
        'button("Save <it>")',
        'button({"text": "Save <it>", "preventDoubleClick": true})',
    ),
    "a button with everything": (
        'button("Go", "secondary", name="do", value="test", small=true, hidden="a & b")',
        'button({"html": "Go'
        + HIDDEN
        + ' a &amp; b</span>", "variant": "secondary", "name": "do", '
        '"value": "test", "small": true, "preventDoubleClick": true})',
    ),
    "a link": (
        'link_button("See", "/a?b=1&c=2", variant="warning")',
        'button({"text": "See", "href": "/a?b=1&c=2", "variant": "warning"})',
    ),
    "a small link": (
        'link_button("See", "/a", small=true, hidden="x")',
        'button({"html": "See' + HIDDEN + ': x</span>", "href": "/a", "small": true})',
    ),
    "a tag": (
        'tag({"text": "Sent <", "colour": "green"})',
        'tag({"text": "Sent <", "colour": "green"})',
    ),
    "a blue tag": ('tag({"text": "Planned", "colour": "blue"})', 'tag({"text": "Planned"})'),
}


@pytest.mark.parametrize(("ours", "theirs"), PAIRS.values(), ids=PAIRS)
def test_what_is_written_out_is_what_the_design_system_writes(ours, theirs):
    assert bare(OURS, ours) == bare(THEIRS, theirs)


def bare(imports: str, call: str) -> str:
    """Return what a macro writes, without the space that a browser ignores."""
    html = environment().from_string(f"{imports}{{{{ {call} }}}}").render()
    return " ".join(html.replace("'", '"').split()).replace("> ", ">").replace(" <", "<")
