"""Texts as a clinic sends them, to break one rule each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from followup.catalogue.load import Catalogue
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.protocols.protocol import Protocol, Step
from followup.domain.protocols.timing import OnDay, Timing
from followup.domain.safety.said import SaidText
from followup.domain.text.sms import measure
from tests.support.apps import shipped_catalogue

FROM_DAY = date(2026, 11, 29)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return shipped_catalogue()


@pytest.fixture(scope="session")
def clinic(catalogue: Catalogue) -> Clinic:
    return catalogue.clinics["derriford-pain"]


@pytest.fixture(scope="session")
def protocol(catalogue: Catalogue) -> Protocol:
    return catalogue.protocols["nerve-root-block"]


@pytest.fixture(scope="session")
def step_on(protocol: Protocol) -> Callable[..., Step]:
    """Make a step that goes to everybody at the times given."""

    def make(*timings: Timing, key: str = "flare", **changes: object) -> Step:
        return replace(protocol.step(key), occurrences=timings, **changes)

    return make


@pytest.fixture(scope="session")
def say(clinic: Clinic, step_on: Callable[..., Step]) -> Callable[..., SaidText]:
    """Make a text of a step on some day, or of an answer where `step` is None."""

    def make(text: str, day: int = 2, **changes: object) -> SaidText:
        step = step_on(OnDay(day, clinic.office_hours.week[0].opens))
        return replace(
            SaidText(
                template="flare",
                language="en",
                channel=ChannelKind.SMS,
                clinic=clinic,
                text=text,
                size=measure(text),
                step=step,
            ),
            **changes,
        )

    return make
