"""`followup version`."""

from __future__ import annotations

from importlib.metadata import version as installed_version

from followup.cli.framework.options import AsJson
from followup.cli.framework.screen import say, say_json


def version(*, as_json: AsJson = False) -> None:
    """Print the version."""
    number = installed_version("followup")
    if as_json:
        say_json({"version": number})
    else:
        say(f"followup {number}")
