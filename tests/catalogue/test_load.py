"""Reading the protocols and clinics of a folder, and what is said where that can't be done."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from followup.catalogue.load import load_catalogue
from followup.data_files import data_folder
from followup.domain.errors import ConfigurationError, ProtocolError
from tests.support.growth import steps_of

SHIPPED = Path(str(data_folder("config")))


@pytest.fixture
def config_dir(tmp_path: Path) -> Path:
    """A folder with one protocol and one clinic, for a test to spoil."""
    for name in ("protocols/nerve-root-block.toml", "clinics/derriford-pain.toml"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    return tmp_path


def complaint(config_dir: Path) -> str:
    with pytest.raises(ProtocolError) as caught:
        load_catalogue(config_dir)
    return str(caught.value)


def test_the_shipped_protocols_and_clinics_load():
    catalogue = load_catalogue()

    assert set(catalogue.protocols) == {
        *("nerve-root-block", "facet-joint-injection", "caudal-epidural", "shoulder-injection")
    }
    assert set(catalogue.clinics) == {"derriford-pain"}


def test_a_folder_takes_the_place_of_what_is_shipped(config_dir):
    catalogue = load_catalogue(config_dir)

    assert list(catalogue.protocols) == ["nerve-root-block"]
    assert list(catalogue.clinics) == ["derriford-pain"]


def test_a_document_that_is_kept_is_read_from_the_folder_or_from_what_is_shipped(config_dir):
    shipped = load_catalogue(config_dir).protocols["nerve-root-block"]
    (config_dir / "sources").mkdir()
    (config_dir / "sources" / "nerve-root-block-leaflet.txt").write_bytes(b"Rest. \xff")

    own = load_catalogue(config_dir).protocols["nerve-root-block"]

    assert "A nerve root block is performed as a day case procedure." in shipped.source.text
    assert own.source.text == "Rest. \ufffd"


def test_a_protocol_that_keeps_no_document_has_no_text_of_it():
    assert load_catalogue().protocols["facet-joint-injection"].source.text is None


def test_a_document_that_is_nowhere_leaves_its_protocol_as_it_is(config_dir):
    file = config_dir / "protocols" / "nerve-root-block.toml"
    file.write_text(file.read_text().replace("root-block-leaflet.txt", "no-such-leaflet.txt"))

    assert load_catalogue(config_dir).protocols["nerve-root-block"].source.text is None


def test_only_visible_toml_files_are_read(config_dir):
    (config_dir / "protocols" / ".draft.toml").write_text("not toml at all")
    (config_dir / "protocols" / "notes.txt").write_text("not toml at all")

    assert list(load_catalogue(config_dir).protocols) == ["nerve-root-block"]


def test_files_written_by_windows_editors_load(config_dir):
    protocol = config_dir / "protocols" / "nerve-root-block.toml"
    version = load_catalogue(config_dir).protocols["nerve-root-block"].version
    text = protocol.read_text(encoding="utf-8").replace("\n", "\r\n")
    protocol.write_bytes(b"\xef\xbb\xbf" + text.encode())

    assert load_catalogue(config_dir).protocols["nerve-root-block"].version == version


SYNTAX = {
    "a value that is none": (
        'key = "a"\nname = what\n',
        "line 2: is not valid TOML: invalid value (column 8)",
    ),
    "a key that stands twice": (
        'key = "a"\n\nkey = "b"\n',
        "line 3: is not valid TOML: cannot overwrite a value (column 10)",
    ),
    "a text that never ends": (
        'key = "a\n',
        "line 1: is not valid TOML: illegal character '\\n' (column 9)",
    ),
    "a list that never ends": (
        'key = "a"\nsteps = [\n',
        "line 2: is not valid TOML: invalid value (at the end)",
    ),
}


@pytest.mark.parametrize(("text", "expected"), SYNTAX.values(), ids=SYNTAX)
def test_wrong_toml_is_told_with_its_line(config_dir, text, expected):
    broken = config_dir / "protocols" / "broken.toml"
    broken.write_text(text)

    assert complaint(config_dir) == f"{broken}, {expected}"


def test_wrong_toml_that_has_no_line_is_told_without(config_dir):
    broken = config_dir / "protocols" / "broken.toml"
    broken.write_text("key = " + "9" * 5000)

    assert complaint(config_dir).startswith(f"{broken}: is not valid TOML: Exceeds the limit")


def test_a_file_in_another_encoding_is_told_with_its_line(config_dir):
    broken = config_dir / "clinics" / "broken.toml"
    broken.write_bytes('key = "a"\nname = "Clinique de l\'hôpital"\n'.encode("latin-1"))

    assert complaint(config_dir) == f"{broken}, line 2: is not UTF-8: save it in that encoding"


def test_a_file_that_can_not_be_opened_is_told(config_dir):
    unreadable = config_dir / "protocols" / "folder.toml"
    unreadable.mkdir()

    assert complaint(config_dir) == f"{unreadable}: can't be read: Is a directory"


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# Nothing yet.\n"], ids=["empty", "blank", "comment"]
)
def test_a_file_without_content_is_told(config_dir, text):
    empty = config_dir / "protocols" / "empty.toml"
    empty.write_text(text)

    assert complaint(config_dir) == f"{empty}: is empty: fill it in, or remove it"


def test_two_protocols_of_one_key_are_told(config_dir):
    folder = config_dir / "protocols"
    (folder / "other.toml").write_bytes((folder / "nerve-root-block.toml").read_bytes())

    assert complaint(config_dir) == (
        f'{folder / "other.toml"}: has the key "nerve-root-block", as '
        f"{folder / 'nerve-root-block.toml'} has: give one another"
    )


def test_a_folder_that_holds_nothing_of_ours_is_told(tmp_path):
    assert complaint(tmp_path) == (
        f"{tmp_path}: holds none of the folders protocols, clinics, triage, words, intake, "
        "signers, sources: make one, or correct FOLLOWUP_CONFIG_DIR"
    )


def test_a_misspelt_folder_is_told_rather_than_the_shipped_one_taken(config_dir):
    (config_dir / "clinics").rename(config_dir / "clinic")

    assert complaint(config_dir) == (
        f'{config_dir / "clinic"}: nothing is read from there; did you mean "clinics"?'
    )


def test_a_folder_that_is_not_there_is_as_shipped_and_a_shipped_clinic_is_told_of(config_dir):
    shutil.rmtree(config_dir / "protocols")
    without_protocols = load_catalogue(config_dir)
    (config_dir / "clinics").rename(config_dir / "words")
    without_clinics = load_catalogue(config_dir)

    assert set(without_protocols.protocols) == set(load_catalogue().protocols)
    assert not without_protocols.clinics_are_shipped
    assert list(without_clinics.clinics) == ["derriford-pain"]
    [told, *_] = without_clinics.reservations(date(2026, 10, 1))
    assert told.startswith("there is no folder clinics in FOLLOWUP_CONFIG_DIR: ")


# ------------------------------------------------------------------------------------- triage


def own_triage(config_dir: Path, name: str, text: str) -> Path:
    file = config_dir / "triage" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def in_another_language(language: str) -> str:
    english = (SHIPPED / "triage" / "en.toml").read_text("utf-8")
    return english.replace('language = "en"', f'language = "{language}"', 1)


ADDITION = """
language = "en"
version = "1"
protocols = ["{protocol}"]
sources = ["The clinic's own leaflet."]

[[rules]]
code = "own-sign"
classes = ["red-flag"]
source = "The leaflet."
phrases = ["purple toe"]
"""


def test_a_language_or_a_protocol_that_a_clinic_adds_takes_no_other_away(config_dir):
    own_triage(config_dir, "pl.toml", in_another_language("pl"))
    own_triage(config_dir, "protocols/own.toml", ADDITION.format(protocol="nerve-root-block"))

    triage = {each.key for each in load_catalogue(config_dir).triage}

    assert triage >= {"en", "pl", "en/nerve-root-block"}


def test_what_a_clinic_adds_for_a_protocol_that_is_not_there_is_told(config_dir):
    file = own_triage(config_dir, "protocols/own.toml", ADDITION.format(protocol="nerve-block"))

    assert complaint(config_dir) == (
        f'{file}, protocols: there is no protocol "nerve-block": correct it'
    )


def test_a_misspelt_folder_of_triage_is_told(config_dir):
    own_triage(config_dir, "protocol/own.toml", ADDITION.format(protocol="nerve-root-block"))

    assert complaint(config_dir) == (
        f"{config_dir / 'triage' / 'protocol'}: nothing is read from there; did you mean "
        '"protocols"?'
    )


def test_two_files_of_one_language_are_told(config_dir):
    first = own_triage(config_dir, "a.toml", 'language = "pl"')
    second = own_triage(config_dir, "b.toml", 'language = "pl"')

    assert f'{second}: is in "pl", as {first} is: make them one' in complaint(config_dir)


def test_a_folder_without_files_is_told(config_dir):
    (config_dir / "clinics" / "derriford-pain.toml").unlink()

    assert complaint(config_dir) == (
        f"{config_dir / 'clinics'}: holds no .toml file: put at least one there"
    )


def test_every_broken_file_is_told_in_one_go(config_dir):
    for name in ("protocols/a.toml", "protocols/b.toml", "clinics/c.toml"):
        (config_dir / name).write_text("key = 7\n")

    lines = complaint(config_dir).split("\n")

    assert {line.partition(":")[0].partition(",")[0] for line in lines} == {
        str(config_dir / "protocols/a.toml"),
        str(config_dir / "protocols/b.toml"),
        str(config_dir / "clinics/c.toml"),
    }


def test_a_broken_file_is_an_error_of_the_configuration():
    assert issubclass(ProtocolError, ConfigurationError)


def test_the_catalogue_gives_a_protocols_definition_as_its_file_has_it():
    definition = load_catalogue().definition("nerve-root-block")

    assert definition["source"]["review_due"] == "2025-08-31"
    assert [step["key"] for step in definition["steps"]][1:3] == ["before-fasting", "going-home"]


def test_the_catalogue_says_what_a_clinic_should_settle():
    reservations = load_catalogue().reservations(date(2026, 10, 1))

    assert any("nerve-root-block" in text and "31 August 2025" in text for text in reservations)


def test_the_shipped_phrases_are_read_when_they_are_asked_for_and_once():
    catalogue = load_catalogue()
    first = steps_of(lambda: catalogue.triage)

    assert steps_of(load_catalogue) < first / 4
    assert steps_of(lambda: catalogue.triage) < first / 1000


def test_phrases_of_a_clinic_s_own_folder_are_refused_at_once(config_dir):
    (config_dir / "triage").mkdir(exist_ok=True)
    (config_dir / "triage" / "en.toml").write_text('language = "en"\n', encoding="utf-8")

    with pytest.raises(ProtocolError, match=r"en\.toml"):
        load_catalogue(config_dir)
