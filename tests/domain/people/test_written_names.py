"""Names as they come in: stored as one writes them, or asked back."""

from __future__ import annotations

import pytest

from followup.domain.errors import InvalidInput
from followup.domain.people.written_names import LOST, NOT_THEIRS, TWO_PEOPLE, written_name

WRITTEN = {
    "Ada Smith": ["ADA SMITH", "ada smith", "Ada SMITH", "Mrs Ada Smith", " ada  smith "],
    "Sian O'Neill": ["SIAN O'NEILL", "sian o'neill", "Sian O&#39;Neill"],
    "Ann Smith-Jones": ["ANN SMITH-JONES", "Ann SMITH-JONES"],
    "Ian Macdonald": ["IAN MACDONALD", "Ian MACDONALD"],
    "Ian MacDonald": ["Ian MacDonald"],
    "Ian McDonald": ["IAN MCDONALD", "Ian McDONALD"],
    "Piet van der Berg": ["PIET VAN DER BERG", "piet van der berg"],
    "Piet van 't Hooft": ["PIET VAN 'T HOOFT"],
    "Áine Ní Bhriain": ["ÁINE NÍ BHRIAIN", "Dr Áine Ní Bhriain"],
    "Siân O\N{RIGHT SINGLE QUOTATION MARK}Neill": ["SiÃ¢n Oâ€™Neill"],
    "Łukasz Żak": ["Å\x81ukasz Å»ak"],
    "Jörg Weiß": ["JÃ¶rg WeiÃŸ"],
    "Joan And": ["Joan And"],
    "Sandy Andrews": ["Sandy Andrews"],
    "Or Cohen": ["Or Cohen", "OR COHEN"],
    "José Ortega y Gasset": ["José Ortega y Gasset"],
    "Peter Kríž": ["PETER KRÍŽ"],
    "João Assunção": ["JOÃO ASSUNÇÃO", "João Assunção"],
    "Baby Thomas": ["Baby Thomas"],
    "Dr Mrs Khan": ["Dr Mrs Khan"],
    "Mª Carmen Gal·la": ["Mª Carmen Gal·la"],
}
ASKED = {
    TWO_PEOPLE: [
        "Mr & Mrs Walker", "Mr and Mrs J Walker", "Mr Mrs Walker", "John and Mary Smith",
        "JOHN AND MARY SMITH", "John &amp; Mary Smith", "John + Mary Smith", "Smith/Jones",
        "Ada Larkin; Bob Hale", "Ann or Joan Smith", "Twin 1 Smith", "Smith (twins)",
        "The Walker family", "Messrs Walker", "Mr Walker Mr Hale",
    ],
    NOT_THEIRS: [
        "Baby of Ann Smith", "BABY BOY SMITH", "Baby girl of Smith", "Daughter of Ann Smith",
        "Wife of John Smith", "John Smith (wife Mary)", "infant of Smith",
    ],
    LOST: [
        "Ren?e Hale", "Ren??e Bouch?r", "Zo\N{REPLACEMENT CHARACTER} Hale", "Ren©e", "Ren├®e",
        "Ren√©e", "SiobhÃ n Hale", "RenÃ©e Bouché", "RenÃƒÂ©e", "Sian O¿Neill", "?Smith",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "written"), [(each, name) for name, all_of in WRITTEN.items() for each in all_of]
)
def test_a_name_is_stored_as_one_writes_it(sent, written):
    assert written_name(sent) == written
    # As it is stored it stays.
    assert written_name(written) == written


@pytest.mark.parametrize(
    ("sent", "told"), [(each, told) for told, all_of in ASKED.items() for each in all_of]
)
def test_what_is_not_one_persons_whole_name_is_asked_back(sent, told):
    with pytest.raises(InvalidInput) as refused:
        written_name(sent)

    assert refused.value.problems[0].message == told


def test_every_letter_of_the_languages_of_europe_that_was_misread_is_mended():
    letters = [letter for letter in map(chr, range(0xC0, 0x180)) if letter.isalpha()]

    for letter in letters:
        name = f"Anna {letter}rends" if letter.isupper() else f"Anna R{letter}nds"
        misread = "".join(
            bytes([byte]).decode("cp1252", errors="ignore") or chr(byte) for byte in name.encode()
        )
        assert written_name(misread) == name, misread
