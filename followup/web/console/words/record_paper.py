"""A patient's record on paper, for the hospital's own."""

from __future__ import annotations

from datetime import datetime

from followup.sheets import Sheet


def draw_record(sheet: Sheet, *, at: datetime) -> bytes:
    """Return what is held on a patient as a PDF; `at` is when it was made, in real time."""
    from followup.web.console.words.report_pdf import pdf_of  # noqa: PLC0415 - slow to import

    title = "Follow-up after a procedure: what is held on the patient"
    return pdf_of(sheet, title=title, foot="Made by Follow-up", made_at=at)
