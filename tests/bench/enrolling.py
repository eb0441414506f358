"""Patients enrolled one by one, as by the API, and imported from a file."""

from __future__ import annotations

import csv
import resource
import time
from datetime import timedelta
from pathlib import Path

from followup.enrolment.enrol import enrol
from tests.bench.figures import Figures
from tests.bench.machinery import MORNING, Machinery, stack_of
from tests.support.people import CLINIC, PROTOCOL, nhs_number, request

COLUMNS = (
    *("reference", "name", "nhs_number", "date_of_birth", "mobile", "procedure_at"),
    *("clinic", "protocol", "diabetic", "steroid"),
)


def measure(machinery: Machinery, figures: Figures, *, patients: int, rows: int) -> None:
    figures.title("Enrolling, PostgreSQL, one process; some twelve messages a patient")
    with stack_of(machinery) as (stack, app):
        started = time.perf_counter()
        for serial in range(patients):
            enrol(app, request(serial + 1, procedure_at=MORNING), actor="bench")
        rate = patients / (time.perf_counter() - started)
        figures.add("enrolments one by one", rate, "a second")
        file = _file(stack.folder, first=patients + 1, rows=rows)
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        started = time.perf_counter()
        stack.followup("import", str(file), seconds=3600)
        seconds = time.perf_counter() - started
        most = max(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, before) / 1000
    figures.add(f"followup import, {rows:,} rows", seconds, "s")
    figures.add("rows a second", rows / seconds, "a second")
    figures.add("its memory at most", most, "MB")


def _file(folder: Path, *, first: int, rows: int) -> Path:
    path = folder / "patients.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for serial in range(first, first + rows):
            # No procedure is at midnight: that is asked back.
            at = MORNING - timedelta(minutes=serial % 500)
            mobile = f"07700 900{serial % 1000:03d}"
            who = (f"BENCH-{serial}", f"Patient {serial}", nhs_number(serial), "1960-02-29", mobile)
            writer.writerow((*who, f"{at:%Y-%m-%dT%H:%M:%SZ}", CLINIC, PROTOCOL, "yes", "yes"))
    return path
