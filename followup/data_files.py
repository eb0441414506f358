"""Data files that ship with the product: protocols, clinics, triage, templates, hazards.

A checkout has them beside the package, in `config/`, `templates/` and `docs/safety/`; a wheel
carries them inside it.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def data_folder(name: str) -> Traversable:
    """Return a folder of data by its path in the checkout, such as `config` or `docs/safety`."""
    installed = files("followup") / "_data" / name
    return installed if installed.is_dir() else CHECKOUT / name
