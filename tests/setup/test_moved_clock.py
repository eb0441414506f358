"""The suite passes five years from now: no test or shipped file ends before."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.setup.package_index import ROOT

SENSITIVE = (
    "tests/providers/test_connection_pool.py",
    "tests/providers/test_twilio_find.py",
    "tests/cli/test_check.py",
    "tests/content/test_check.py",
    "tests/test_clock.py",
    "tests/web/console/access/test_organisation.py::test_a_code_works_once",
)
"""Where the real time comes in: certificates, tokens and cookies, a provider's own times, and the
review dates of shipped files. `make years` runs the rest of what is quick, in a year too: whatever
ends within one has ended in five."""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_what_knows_the_real_time_passes_five_years_from_now():
    ahead = [sys.executable, "-m", "tests.setup.moved_clock", "5"]

    ran = subprocess.run(
        [*ahead, "-q", *SENSITIVE], cwd=ROOT, check=False, capture_output=True, text=True
    )

    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr
