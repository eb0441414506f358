"""Brings the catalogues of the patient's page up to date with its words, and compiles them.

New words come in untranslated, and words that are gone go. The compiled files are kept in the
repository, so that an installed copy has them. `--check` changes nothing and says what is behind.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
LOCALE = ROOT / "templates" / "patient" / "locale"
SOURCES = {
    "templates/patient/page.html": "jinja2.ext:babel_extract",
    "followup/web/patient_page/words.py": "python",
    "followup/web/patient_page/card_words.py": "python",
}


def extracted() -> Catalog:
    """Return the words that the page holds now."""
    catalogue = Catalog(project="followup", version="1", fuzzy=False)
    for name, method in SOURCES.items():
        options = {"trimmed": "true"} if name.endswith(".html") else {}
        for line, message, comments, _context in extract_from_file(
            method, str(ROOT / name), options=options
        ):
            catalogue.add(message, locations=[(name, line)], auto_comments=comments)
    return catalogue


def written(catalogue: Catalog) -> bytes:
    """Return the text of a catalogue."""
    file = io.BytesIO()
    write_po(file, catalogue, width=100, no_location=True, ignore_obsolete=True)
    return file.getvalue()


def compiled(catalogue: Catalog) -> bytes:
    """Return a catalogue as gettext reads it."""
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def refreshed(po: Path, words: Catalog) -> Catalog:
    """Return a catalogue with the words that the page holds now."""
    with po.open("rb") as file:
        catalogue = read_po(file, locale=po.parts[-3])
    catalogue.update(
        words, no_fuzzy_matching=True, keep_user_comments=True, update_creation_date=False
    )
    return catalogue


def main(*, check: bool) -> int:
    """Refresh every catalogue; return 1 if one is behind or lacks words."""
    words, behind = extracted(), []
    for po in sorted(LOCALE.glob("*/LC_MESSAGES/patient.po")):
        catalogue = refreshed(po, words)
        missing = [entry.id for entry in catalogue if entry.id and not entry.string]
        mo = po.with_suffix(".mo")
        text, binary = written(catalogue), compiled(catalogue)
        if po.read_bytes() != text or not mo.is_file() or mo.read_bytes() != binary:
            behind.append(f"{po.relative_to(ROOT)}: is behind: run make catalogues")
            if not check:
                po.write_bytes(text)
                mo.write_bytes(binary)
        behind += [f"{po.relative_to(ROOT)}: has no words for {each!r}" for each in missing]
    print("\n".join(behind) or "All catalogues are up to date.")
    return 1 if behind and check else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
