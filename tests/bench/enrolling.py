"""Patients enrolled one by one, as by the API, and imported from a file."""

from __future__ import annotations

import csv
import resource
import time
from datetime import date, timedelta
from pathlib import Path

from followup.enrolment.enrol import enrol
from tests.bench.figures import Figures
from tests.bench.machinery import MORNING, Machinery, stack_of
from tests.bench.single_enrolments import enrol_from_processes
from tests.support.people import CLINIC, PROTOCOL, nhs_number, request
from tests.support.stacks import Stack

COLUMNS = (
    *("reference", "name", "nhs_number", "date_of_birth", "mobile", "procedure_at"),
    *("clinic", "protocol", "diabetic", "steroid"),
)
YOUNGEST_BORN = date(1990, 2, 28)
SHORTEST_NAME = 4
PROCESSES, THREADS = 2, 4
"""What a web server of the product runs for two cores, and requests that come in at once."""
DAYS_OF_BIRTH = 19_997
"""A prime number: those of one day have different mobiles."""
RESERVED = 100_000
"""Serials below are those of patients who are enrolled one by one."""


def measure(machinery: Machinery, figures: Figures, *, patients: int, rows: int) -> None:
    figures.title("Enrolling, PostgreSQL, one process; some twelve messages a patient")
    with stack_of(machinery) as (stack, app):
        started, used = time.perf_counter(), time.process_time()
        for serial in range(patients):
            enrol(app, request(serial + 1, procedure_at=MORNING), actor="bench")
        rate = patients / (time.perf_counter() - started)
        singly = 1000 * (time.process_time() - used) / patients
        figures.add("enrolments one by one", rate, "a second")
        figures.add("processor time of one", singly, "ms")
        _side_by_side(figures, stack, first=patients + 1, patients=patients)
        file = _file(stack.folder, first=RESERVED, rows=rows)
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        stack.followup("import", str(file), seconds=3600)
        seconds = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    row = 1000 * (_processor(after) - _processor(before)) / rows
    figures.add(f"followup import, {rows:,} rows", seconds, "s")
    figures.add("rows a second", rows / seconds, "a second")
    figures.add("processor time of a row, with the start of the command", row, "ms", wanted="1.2")
    figures.add("one by one : a row of an import", singly / row)
    figures.add("its memory at most", after.ru_maxrss / 1000, "MB")


def _side_by_side(figures: Figures, stack: Stack, *, first: int, patients: int) -> None:
    seconds, spent = enrol_from_processes(
        stack, first=first, patients=patients, processes=PROCESSES, threads=THREADS
    )
    how = f"from {PROCESSES} processes of {THREADS} threads"
    figures.add(f"enrolments, {how}", patients / seconds, "a second", wanted="250")
    figures.add("processor time of one, without PostgreSQL", 1000 * spent / patients, "ms")


def _processor(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def _letters(number: int) -> str:
    """Return a name for each number, of which the first letters differ for neighbours."""
    letters = ""
    while number or len(letters) < SHORTEST_NAME:
        number, letter = divmod(number, 26)
        letters += chr(ord("a") + letter)
    return letters


def _file(folder: Path, *, first: int, rows: int) -> Path:
    path = folder / "patients.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for serial in range(first, first + rows):
            # No procedure is at midnight: that is asked back.
            at = MORNING - timedelta(minutes=serial % 500)
            mobile = f"07700 900{serial % 1000:03d}"
            # Nobody else of that number or surname was born that day: they are looked at singly.
            born = YOUNGEST_BORN - timedelta(days=serial % DAYS_OF_BIRTH)
            name = f"{_letters(serial)} {_letters(serial * 7919)}"
            who = (f"BENCH-{serial}", name, nhs_number(serial), born, mobile)
            writer.writerow((*who, f"{at:%Y-%m-%dT%H:%M:%SZ}", CLINIC, PROTOCOL, "yes", "yes"))
    return path
