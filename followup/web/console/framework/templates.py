"""Jinja environment of the console, apart from that of the messages."""

from __future__ import annotations

from functools import cache

from jinja2 import ChainableUndefined, ChoiceLoader, Environment, PackageLoader

from followup.web.console.framework.static_files import address_of
from followup.web.console.words.filters import FORM_CHOICES, TEMPLATE_FILTERS


@cache
def environment() -> Environment:
    """Return the environment; the design system's macros need undefined values that chain."""
    made = Environment(
        loader=ChoiceLoader(
            [PackageLoader("templates", "."), PackageLoader("nhsuk_frontend_jinja")]
        ),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # A page imports a dozen files: looking each time whether they have changed costs much.
        auto_reload=False,
        cache_size=-1,
    )
    made.globals.update(static=address_of, staff_choices=FORM_CHOICES)
    made.filters.update(TEMPLATE_FILTERS)
    return made
