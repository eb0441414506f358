"""Data files that ship with the product: protocols, clinics, triage phrases and templates.

A checkout has them beside the package, in `config/` and `templates/`; a wheel
carries them inside it.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def data_folder(name: str) -> Traversable:
    """Return a folder of data by its name at the top of the checkout: `config` or `templates`."""
    installed = files("followup") / "_data" / name
    return installed if installed.is_dir() else CHECKOUT / name
