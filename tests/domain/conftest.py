"""The shipped protocols and clinic, as the domain's tests want them."""

from __future__ import annotations

import pytest

from followup.catalogue.load import Catalogue
from followup.domain.clinics.clinic import Clinic
from followup.domain.protocols.protocol import Protocol
from tests.support.apps import shipped_catalogue


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """What is shipped."""
    return shipped_catalogue()


@pytest.fixture(scope="session")
def nerve_root_block(catalogue: Catalogue) -> Protocol:
    """The protocol of the leaflet."""
    return catalogue.protocols["nerve-root-block"]


@pytest.fixture(scope="session")
def derriford(catalogue: Catalogue) -> Clinic:
    """The clinic of the leaflet."""
    return catalogue.clinics["derriford-pain"]
