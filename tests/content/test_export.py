"""The shipped words, copied out to be changed: all of them or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from followup.content.export import shipped_words, write_words
from followup.content.layers import load_content
from followup.content.library import Content
from followup.domain.errors import InvalidInput, TemplateError
from tests.support.apps import shipped_catalogue, shipped_content

NERVE = "nerve-root-block"


def exported(folder: Path, **which: str) -> Content:
    catalogue = shipped_catalogue()
    write_words(shipped_words(catalogue.protocols, **which), folder)
    return load_content(folder, protocols=catalogue.protocols, clinics=catalogue.clinics)


def versions(content: Content, protocol: str) -> dict[tuple[str, str, str], str]:
    return {
        (each.template, each.language, each.channel): each.id
        for each in content.of(protocol=protocol).versions()
    }


@pytest.mark.parametrize("which", [{}, {"protocol": NERVE}, {"language": "en"}], ids=str)
def test_what_is_exported_and_left_as_it_is_changes_no_word(tmp_path, which):
    content = exported(tmp_path / "words", **which)

    for protocol in shipped_catalogue().protocols:
        assert versions(content, protocol) == versions(shipped_content(), protocol)


def test_everything_is_exported_to_where_it_is_read_from(tmp_path):
    exported(tmp_path)

    assert (tmp_path / "messages/dressing/en/sms.txt").read_bytes() == Path(
        "templates/messages/dressing/en/sms.txt"
    ).read_bytes()
    assert (tmp_path / f"patient/leaflets/{NERVE}/en.html").is_file()
    assert (tmp_path / "patient/locale/ar/LC_MESSAGES/patient.po").is_file()
    assert not [*tmp_path.rglob("page.html"), *tmp_path.rglob("*.mo"), *tmp_path.glob(".*")]


def test_a_protocol_is_exported_as_words_of_its_own(tmp_path):
    exported(tmp_path, protocol=NERVE, language="en")

    root = tmp_path / "protocols" / NERVE
    assert {each.name for each in tmp_path.iterdir()} == {"protocols", "patient"}
    assert (root / "dressing/en/sms.txt").is_file()
    assert (root / "_layout/en/sms-red-flags.txt").is_file()
    assert (root / "reply-red-flag/en/sms.txt").is_file()
    assert not (root / "facet-going-home").exists()
    assert not [*tmp_path.rglob("ar"), *tmp_path.rglob("ar.html")]


@pytest.mark.parametrize(
    ("which", "told"),
    [
        ({"protocol": "nerve-block"}, 'there is no protocol "nerve-block"; did you mean'),
        ({"language": "cy"}, 'nothing is shipped in "cy": export another, and translate it'),
    ],
    ids=["protocol", "language"],
)
def test_what_is_not_shipped_is_refused(which, told):
    with pytest.raises(InvalidInput, match=told):
        shipped_words(shipped_catalogue().protocols, **which)


def test_a_file_that_was_changed_is_not_overwritten_unasked_and_nothing_else_is_written(tmp_path):
    (tmp_path / "b").write_bytes(b"mine")
    files = {"a": b"1", "b": b"2", "c/d": b"3"}

    with pytest.raises(TemplateError, match="Nothing was written, because files are there"):
        write_words(files, tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b"]

    assert write_words(files, tmp_path, force=True) == 3
    assert (tmp_path / "b").read_bytes() == b"2"
    assert write_words(files, tmp_path) == 0


def test_where_one_file_can_not_be_written_all_is_as_it_was(tmp_path):
    (tmp_path / "a").write_bytes(b"mine")
    (tmp_path / "c").write_bytes(b"no folder")

    with pytest.raises(TemplateError, match="can't be written"):
        write_words({"a": b"1", "b": b"2", "c/d": b"3"}, tmp_path, force=True)

    assert (tmp_path / "a").read_bytes() == b"mine"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a", "c"]
