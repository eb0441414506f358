"""Second clinic of the demonstration, made up from the file of the shipped one."""

from __future__ import annotations

from pathlib import Path

from followup.data_files import data_folder

SECOND_CLINIC = "harbour-pain"
CHANGED = {
    'key = "derriford-pain"': f'key = "{SECOND_CLINIC}"',
    "Derriford Pain Clinic": "Harbour Pain Clinic",
    "01752 437706": "01632 960123",
    "Derriford Emergency Department": "Harbour Emergency Department",
    "pain-clinic@example.com": "harbour-clinic@example.com",
}
"""The number is one of Ofcom's for drama."""


def write_second_clinic(folder: Path) -> Path:
    """Write its file below `folder`, and return the folder of configuration that it is in."""
    shipped = data_folder("config") / "clinics" / "derriford-pain.toml"
    text = shipped.read_text(encoding="utf-8").replace("#:schema ./clinic.schema.json\n", "")
    for before, after in CHANGED.items():
        text = text.replace(before, after)
    clinics = folder / "clinics"
    clinics.mkdir(parents=True, exist_ok=True)
    (clinics / f"{SECOND_CLINIC}.toml").write_text(text, encoding="utf-8")
    return folder
