"""What two people sign: manifests, extensions, and whose signature counts."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from followup.domain.errors import InvalidInput, ProtocolError
from followup.domain.reasons import Reason
from followup.domain.releases.manifest import Manifest, changes, covers, read_manifest
from followup.domain.releases.readiness import unready
from followup.domain.releases.review import (
    ReviewStage,
    extended,
    new_extension,
    read_extension,
    review_stage,
)
from followup.domain.releases.signer import clashes, same_person, signer_of
from followup.domain.releases.signer_file import parse_signer, signer_text
from followup.domain.releases.two_people import Signed, pair_refusal, signing_refusal
from tests.support.apps import shipped_catalogue
from tests.support.people import CLINIC, PROTOCOL
from tests.support.signing import (
    ANN,
    APPROVER,
    AUTHOR,
    BOB,
    CAT,
    VALID_FROM,
    VALID_UNTIL,
    key_of,
    signer,
)

DUE = date(2025, 8, 31)
DAY = timedelta(days=1)
AT = datetime(2026, 10, 19, 14, tzinfo=UTC)

MANIFEST = Manifest(
    clinic="a-clinic",
    protocol="a-protocol",
    source="Leaflet  B-465\nv3",
    source_issued=date(2023, 8, 1),
    review_due=DUE,
    files={"words/b": "b" * 64, "clinics/a.toml": "a" * 64},
)


def test_a_manifest_is_one_text_for_the_same_files():
    text = MANIFEST.text()

    assert text == (
        "# followup release, version 1\n# clinic: a-clinic\n# protocol: a-protocol\n"
        "# source: Leaflet B-465 v3\n# source issued: 2023-08-01\n# review due: 2025-08-31\n"
        f"{'a' * 64}  clinics/a.toml\n{'b' * 64}  words/b\n"
    )
    assert read_manifest(text).text() == text
    assert read_manifest(text).digest == MANIFEST.digest


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("version 1", "version 2"),
        ("# clinic: ", "# clinics: "),
        ("2025-08-31", "31 August 2025"),
        ("a" * 64, "a" * 63),
        ("clinics/a.toml\n", "clinics/a.toml\n\n"),
        ("Leaflet B-465", "Leaflet  B-465"),
    ],
    ids=["title", "head", "date", "digest", "empty line", "space"],
)
def test_a_manifest_that_was_not_written_so_is_refused(before, after):
    with pytest.raises(InvalidInput, match="no manifest"):
        read_manifest(MANIFEST.text().replace(before, after))


def test_what_is_too_short_is_no_manifest():
    with pytest.raises(InvalidInput, match="no manifest"):
        read_manifest("# followup release, version 1\n")


def test_changes_are_what_was_added_taken_away_or_edited():
    found = changes({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"})

    assert [(one.path, one.before, one.after) for one in found] == [
        ("b", "2", "9"),
        ("c", "3", None),
        ("d", None, "4"),
    ]


def test_a_release_covers_what_it_has_with_that_very_content():
    assert covers(MANIFEST.files, [("words/b", "b" * 64)])
    assert not covers(MANIFEST.files, [("words/b", "c" * 64)])
    assert not covers(MANIFEST.files, [("words/c", "b" * 64)])


# ------------------------------------------------------------------------------- review dates


@pytest.mark.parametrize(
    ("left", "stage"),
    [
        (91, ReviewStage.FAR),
        (90, ReviewStage.EARLY),
        (31, ReviewStage.EARLY),
        (30, ReviewStage.LATE),
        (0, ReviewStage.LATE),
        (-1, ReviewStage.OVER),
    ],
)
def test_a_review_date_comes_nearer(left, stage):
    assert review_stage(DUE, DUE - left * DAY) is stage


def an_extension(due: date = DUE, *, until: date = DUE + 60 * DAY, source: str = "Leaflet v3"):
    return new_extension(
        clinic="c", protocol="p", source=source, review_due=due, until=until, reason=" In \nprint "
    )


def test_extensions_of_the_same_source_count_one_after_the_other():
    first, second = an_extension(), an_extension(DUE + 60 * DAY, until=DUE + 90 * DAY)
    other = an_extension(source="Leaflet v4")

    assert extended(DUE, "Leaflet  v3", [second, first, other]) == DUE + 90 * DAY
    assert extended(DUE, "Leaflet v3", [second]) == DUE
    assert first.reason == "In print"


def test_an_extension_is_read_as_it_was_written():
    text = an_extension().text()

    assert read_extension(text) == an_extension()
    for wrong in (text + "\n", text.replace("2025", "year"), "nothing", text.upper()):
        with pytest.raises(InvalidInput, match="no extension"):
            read_extension(wrong)


@pytest.mark.parametrize(
    "given",
    [
        {"reason": " "},
        {"reason": "x" * 501},
        {"until": DUE},
        {"until": DUE + 367 * DAY},
    ],
    ids=["no reason", "long reason", "not later", "too late"],
)
def test_an_extension_has_a_reason_and_is_of_a_year_at_most(given):
    whole = {"reason": "Why", "until": DUE + DAY} | given

    with pytest.raises(InvalidInput):
        new_extension(clinic="c", protocol="p", source="s", review_due=DUE, **whole)


# ------------------------------------------------------------------------------- signers


def test_a_key_counts_in_its_roles_and_in_its_time():
    ann = signer(ANN)
    revoked = replace(ann, revoked=AT)

    assert ann.refusal(AUTHOR, AT) is None
    assert "may not sign as approver" in str(ann.refusal(APPROVER, AT))
    assert "not valid yet" in str(ann.refusal(AUTHOR, VALID_FROM - DAY))
    assert "not valid any more" in str(ann.refusal(AUTHOR, VALID_UNTIL))
    assert revoked.refusal(AUTHOR, AT - DAY) is None
    assert "is revoked" in str(revoked.refusal(AUTHOR, AT))


def test_one_key_under_two_names_is_found():
    thief = signer(ANN, name="Thief")

    assert clashes([signer(ANN), signer(BOB)]) == []
    assert clashes([signer(ANN), replace(signer(ANN), name="ann  Author")]) == []
    assert "have one key" in clashes([signer(ANN), thief])[0]
    assert signer_of([signer(ANN)], ANN.public.key) == signer(ANN)
    assert signer_of([signer(ANN)], BOB.public.key) is None


def test_names_are_one_persons_however_they_are_written():
    assert same_person("Dr  Ann Lee", "dr ann lee ")
    assert same_person("Zoe\u0308 O\u2019Neill", "zo\xeb o'neill")
    assert same_person("\uff21nn\u200b Lee", "LEE, Ann")
    assert not same_person("Ann Lee", "Anne Lee")


def test_a_signers_file_is_read_as_it_is_written():
    for one in (signer(CAT), replace(signer(ANN), revoked=AT, name='Ann "A" \\ Author')):
        assert parse_signer(tomllib.loads(signer_text(one)), file="x") == one


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"public_key": "RW"}, "no public key"),
        ({"from": datetime(2026, 1, 1)}, "has no offset"),  # noqa: DTZ001 - that is the mistake
        ({"until": VALID_FROM}, "until is not after from"),
        ({"roles": []}, "needs at least one"),
        ({"roles": ["king"]}, "not known"),
    ],
    ids=["key", "offset", "order", "no role", "unknown role"],
)
def test_a_wrong_signers_file_says_what_is_wrong(change, complaint):
    whole = {
        "name": "Ann",
        "roles": ["author"],
        "public_key": ANN.public.line,
        "from": VALID_FROM,
        "until": VALID_UNTIL,
    }

    with pytest.raises(ProtocolError, match=complaint):
        parse_signer(whole | change, file="signers/ann.toml")


def test_two_signatures_are_two_peoples_by_two_keys():
    ann, bob = Signed("Ann", ANN.public.key, AT), Signed("Bob", BOB.public.key, AT)

    assert pair_refusal(ann, bob) is None
    assert "one key" in str(pair_refusal(ann, replace(bob, public_key=ANN.public.key)))
    assert "another person" in str(pair_refusal(ann, replace(bob, name="ANN")))


def test_a_signature_counts_by_the_key_of_whoever_it_names():
    signers = [signer(ANN), signer(BOB)]

    def refusal(name: str, key: bytes) -> str:
        return str(signing_refusal(signers, Signed(name, key, AT), AUTHOR))

    assert refusal("Ann Author", ANN.public.key) == "None"
    assert "not among" in refusal("Ann Author", key_of(9).public.key)
    assert "is Ann Author's" in refusal("Cat", ANN.public.key)
    assert "may not sign" in refusal("Dr Bob Approver", BOB.public.key)


# ------------------------------------------------------------------------------- readiness


def test_what_must_be_settled_before_patients_get_messages():
    catalogue = shipped_catalogue()
    clinic = replace(catalogue.clinics[CLINIC], unconfirmed=())
    protocol = catalogue.protocols[PROTOCOL]
    example = catalogue.protocols["facet-joint-injection"]

    def found(*arguments, on_call=True):
        return [reason for reason, _ in unready(*arguments, on_call=on_call)]

    assert found(protocol, clinic) == []
    assert found(protocol, clinic, on_call=False) == [Reason.NOBODY_ON_CALL]
    assert found(example, clinic) == [Reason.EXAMPLE_PROTOCOL]
    assert found(protocol, catalogue.clinics[CLINIC]) == [Reason.CLINIC_UNCONFIRMED]
    one_way = replace(clinic, two_way=False)
    asking = replace(protocol, steps=(replace(protocol.steps[0], reply_within=DAY),))
    silent = replace(protocol, steps=(replace(protocol.steps[0], reply_within=None),))
    assert found(silent, one_way, on_call=False) == []
    assert found(asking, one_way, on_call=False) == [Reason.NOBODY_ON_CALL]
