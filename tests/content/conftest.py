"""The shipped messages and clinic, and folders of messages to break."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from followup.catalogue.load import Catalogue
from followup.content.library import Content
from followup.domain.clinics.clinic import Clinic
from tests.support.apps import shipped_catalogue, shipped_content

CARD = """
title = "Hello"
audience = "Everyone."
max_segments = 2
review_due = 2027-11-30
source = ["Say hello."]
"""

PAGE = '<html lang="en"><head><title>Hi</title></head><body>{}</body></html>'


class Folder:
    """A folder of messages that holds a small, sound one called `hello`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("hello/meta.toml", CARD)
        self.write("hello/en/sms.txt", "Hello from {{ clinic.short_name }}.\n")
        self.write("hello/en/subject.txt", "Hello\n")
        self.write("hello/en/email.txt", "Hello from {{ clinic.name }}.\n")
        self.write("hello/en/email.html", PAGE.format("<p>Hello from {{ clinic.name }}.</p>\n"))

    def write(self, path: str, text: str | bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    def remove(self, path: str) -> None:
        (self.root / path).unlink()

    def translate(self, language: str) -> None:
        """Give `hello` words in another language."""
        for part in ("sms.txt", "subject.txt", "email.txt", "email.html"):
            self.write(f"hello/{language}/{part}", (self.root / "hello/en" / part).read_bytes())

    def load(self) -> Content:
        return Content.load(self.root)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "messages")


@pytest.fixture(scope="session")
def content() -> Content:
    return shipped_content()


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return shipped_catalogue()


@pytest.fixture(scope="session")
def clinic(catalogue: Catalogue) -> Clinic:
    return catalogue.clinics["derriford-pain"]


@pytest.fixture(scope="session")
def one_way(clinic: Clinic) -> Clinic:
    """The same clinic with a sender that can't be answered."""
    return replace(clinic, two_way=False, sms_sender="PainClinic", stop_contact=clinic.phone)
