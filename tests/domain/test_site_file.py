"""Site files: what they mean, and what is said of one that is wrong."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

from followup.catalogue.load import load_catalogue
from followup.data_files import data_folder
from followup.domain.errors import ProtocolError
from followup.domain.sites.site_file import parse_site
from tests.support.hl7 import SITE, site


def complaint(**changes: object) -> str:
    with pytest.raises(ProtocolError) as caught:
        site(**changes)
    return str(caught.value)


def connection(**changes: object) -> dict[str, object]:
    return {"connection": {**SITE["connection"], **changes}}


WRONG = {
    "an address that is none": (connection(addresses=["ten"]), "'ten' is no address"),
    "an encoding that is none": (connection(encoding="klingon"), "'klingon' is no encoding"),
    "an event that is none": ({"events": {"A04": "arrived"}}, "'A04' is no event"),
    "a phone that says nothing": ({"mobiles": [{}]}, "would make every number a mobile"),
    "a rule for every visit": (
        {"follow_ups": [{"clinic": "derriford-pain", "protocol": "nerve-root-block"}]},
        "would follow up every visit",
    ),
    "a place that is none": ({"fields": {"visit": ["PV1"]}}, "fields, visit 1"),
    "a key that nobody knows": ({"colour": "blue"}, 'unknown key "colour"'),
    "nothing that sends": ({"connection": None}, "nothing can be sent"),
    "messages without a meaning": ({"events": {}}, "needs [events] and [identifiers] as well"),
    "nobody who sends FHIR": ({"fhir": {"keys": []}}, "fhir, keys"),
    "a system that is none": (
        {"fhir": {"keys": ["hospital"], "patient_ids": ["hospital number"]}},
        "fhir, patient_ids 1",
    ),
}


@pytest.mark.parametrize(("changes", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_its_place(changes, told):
    said = complaint(**changes)

    assert said.startswith("made-up.toml")
    assert told in said


def test_a_site_may_send_fhir_alone():
    given = {"connection": None, "events": {}, "identifiers": None, "fhir": {"keys": ["hospital"]}}
    one = parse_site(
        {name: each for name, each in {**SITE, **given}.items() if each is not None},
        file="made-up.toml",
    )

    assert one.fhir.keys == {"hospital"}
    assert not one.admits("127.0.0.1")
    assert not one.knows("PAS", "MUH")


def test_a_sender_is_known_by_its_facility_and_any_or_one_application():
    one = site()

    assert one.knows("PAS", "MUH")
    assert not one.knows("LAB", "MUH")
    assert one.knows("LAB", "MUH2")


@pytest.mark.parametrize(
    ("address", "admitted"),
    [("127.0.0.9", True), ("10.0.0.1", False), ("::1", True), ("::ffff:127.0.0.1", True)],
)
def test_connections_are_admitted_by_address(address, admitted):
    assert site().admits(address) is admitted


def test_the_first_rule_that_fits_in_all_that_it_names_counts():
    one = site()

    facet = {"procedure": ["V54.4"], "location": []}
    assert one.rule_for(service=["PAIN"], **facet).protocol == "facet-joint-injection"
    assert one.rule_for(service=["EYES"], **facet) is None
    assert one.rule_for(procedure=["A52.1"], service=[], location=[]).answers == {}


def test_rules_name_clinics_protocols_and_questions_that_there_are(tmp_path):
    rule = '[[follow_ups]]\nprocedure = ["X"]\nclinic = "nowhere"\nprotocol = "{}"\n{}\n'
    shipped = load_catalogue()
    assert set(shipped.sites) == {"example-hospital"}
    root = Path(str(data_folder("config")))
    for name in ("protocols", "clinics"):
        copytree(root / name, tmp_path / name)
    head = (root / "intake" / "example-hospital.toml").read_text("utf-8").split("# OPCS-4")[0]
    (tmp_path / "intake").mkdir()
    text = head + rule.format("nothing", "") + rule.format("nerve-root-block", "answers.x = true")
    (tmp_path / "intake" / "one.toml").write_text(text, "utf-8")

    with pytest.raises(ProtocolError) as caught:
        load_catalogue(tmp_path)

    assert 'there is no clinic "nowhere"' in str(caught.value)
    assert 'there is no protocol "nothing"' in str(caught.value)
    assert 'nerve-root-block does not ask "x"' in str(caught.value)


def test_a_key_sends_for_one_site(tmp_path):
    root = Path(str(data_folder("config")))
    for name in ("protocols", "clinics"):
        copytree(root / name, tmp_path / name)
    (tmp_path / "intake").mkdir()
    text = (root / "intake" / "example-hospital.toml").read_text("utf-8")
    for key in ("one", "two"):
        told = text.replace('key = "example-hospital"', f'key = "{key}"')
        (tmp_path / "intake" / f"{key}.toml").write_text(told, "utf-8")

    with pytest.raises(ProtocolError, match='two, fhir, keys: "example-hospital" sends for one'):
        load_catalogue(tmp_path)


def test_a_folder_from_before_there_were_feeds_has_no_sites(tmp_path):
    for name in ("protocols", "clinics"):
        copytree(Path(str(data_folder("config"))) / name, tmp_path / name)

    assert load_catalogue(tmp_path).sites == {}


def test_a_file_is_read_as_it_stands():
    one = parse_site(SITE, file="made-up.toml")

    assert (one.key, one.starts_at.value, one.encoding) == ("made-up", "booked", "utf-8")
