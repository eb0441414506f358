"""The hazard log: whole, rated by the matrix, and each control proved by a test that runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from followup.domain.errors import ConfigurationError
from followup.safety_case.controls import LIST_FILE, control_faults, listed_controls, run_apart
from followup.safety_case.hazards import Control, Hazard, load_hazards, read_hazards
from followup.safety_case.risk import HIGHEST_TOLERABLE, Likelihood, Risk, Severity
from scripts.list_controls import controls_text

ROOT = Path(__file__).parents[2]
LEAST_HAZARDS = 40

ONE = """
[[hazards]]
id = "H01"
hazard = "It goes wrong"
cause = "A fault"
harm = "Harm"
known_from = "peers"
before = { severity = "major", likelihood = "high" }
after = { severity = "major", likelihood = "low" }
controls = [{ what = "It is held", test = "tests/test_x.py::test_it_is_held" }]
"""


def test_the_log_is_whole_and_what_is_not_tolerable_yet_says_what_a_deployment_needs():
    hazards = load_hazards()

    assert len(hazards) >= LEAST_HAZARDS
    assert [each.id for each in hazards] == [f"H{n:02}" for n in range(1, len(hazards) + 1)]
    for hazard in hazards:
        assert hazard.after.level <= hazard.before.level, hazard.id
        if hazard.after.level > HIGHEST_TOLERABLE:
            assert "Above what is tolerable" in hazard.deployment, hazard.id


@pytest.mark.parametrize(
    ("severity", "likelihood", "level"),
    [
        (Severity.MINOR, Likelihood.VERY_LOW, 1),
        (Severity.CATASTROPHIC, Likelihood.VERY_LOW, 3),
        (Severity.CONSIDERABLE, Likelihood.MEDIUM, 3),
        (Severity.MINOR, Likelihood.VERY_HIGH, 3),
        (Severity.CATASTROPHIC, Likelihood.VERY_HIGH, 5),
    ],
)
def test_severity_and_likelihood_give_a_level(severity, likelihood, level):
    assert Risk(severity, likelihood).level == level


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[[hazards]]", "[hazards", "is not valid TOML"),
        ('severity = "major", likelihood = "high"', 'severity = "bad", likelihood = "high"', "bad"),
        ("tests/test_x.py::", "tests/test_x.py:", "controls 1, test"),
        ('harm = "Harm"\n', "", '"harm" is missing'),
        ("controls = [{", "controls = [] #", "needs at least one entry"),
    ],
)
def test_a_log_that_is_wrong_is_refused(old, new, told):
    with pytest.raises(ConfigurationError, match=told):
        read_hazards(ONE.replace(old, new, 1))


def test_a_number_is_given_once():
    with pytest.raises(ConfigurationError, match="2 hazards are H01"):
        read_hazards(ONE * 2)


def test_every_control_is_collected_by_pytest_and_the_list_is_of_today():
    tests = sorted(listed_controls())
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]

    collected = subprocess.run(
        [*command, *tests], cwd=ROOT, check=False, capture_output=True, text=True
    )

    assert collected.returncode == 0, collected.stdout[-2000:] + collected.stderr[-2000:]
    found = {line.partition("[")[0] for line in collected.stdout.splitlines() if "::" in line}
    assert found == set(tests)
    shipped = (ROOT / "docs" / "safety" / LIST_FILE).read_text(encoding="utf-8")
    assert shipped == controls_text(), "run: python -m scripts.list_controls"


TESTS = """
import pytest

def test_fine():
    assert True

@pytest.mark.long
def test_long():
    assert True

@pytest.mark.skip(reason="later")
def test_marked():
    assert True

@pytest.mark.parametrize("skip", [1])
def test_of_a_parameter(skip):
    assert skip

def test_skips_itself():
    pytest.skip("no server")

@pytest.mark.xfail
def test_expected_to_fail():
    assert False
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with some tests."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").touch()
    (tmp_path / "tests" / "test_some.py").write_text(TESTS)
    (tmp_path / "tests" / "test_none.py").write_text(
        "import pytest\npytestmark = pytest.mark.skip\n\ndef test_all():\n    assert True\n"
    )
    (tmp_path / "tests" / "test_absent.py").write_text(
        "import pytest\npytest.importorskip('x')\n\ndef test_all():\n    assert True\n"
    )
    return tmp_path


def hazard(test: str) -> Hazard:
    risk = Risk(Severity.MAJOR, Likelihood.LOW)
    return Hazard(
        id="H01", hazard="", cause="", harm="", known_from="", before=risk, after=risk,
        controls=(Control("It is held", test),), deployment=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ("test_some.py::test_fine", None),
        ("test_some.py::test_long", None),
        ("test_some.py::test_of_a_parameter", None),
        ("test_some.py::test_gone", "is gone: the file has no such test"),
        ("test_gone.py::test_fine", "is gone: there is no such file"),
        ("test_some.py::test_marked", "is skipped"),
        ("test_some.py::test_skips_itself", "is skipped"),
        ("test_some.py::test_expected_to_fail", "is skipped"),
        ("test_none.py::test_all", "is skipped"),
        ("test_absent.py::test_all", "is skipped"),
    ],
)
def test_a_control_whose_test_is_gone_or_skipped_is_found(checkout, test, why):
    faults = control_faults([hazard(f"tests/{test}")], checkout=checkout)

    assert [fault.why for fault in faults] == ([] if why is None else [why])


def test_a_long_test_is_told_apart(checkout):
    assert run_apart("tests/test_some.py::test_long", checkout=checkout)
    assert not run_apart("tests/test_some.py::test_fine", checkout=checkout)
    assert not run_apart("tests/test_gone.py::test_fine", checkout=checkout)


def test_an_installed_product_goes_by_its_list(tmp_path):
    [listed, *_] = sorted(listed_controls())

    assert control_faults([hazard(listed)], checkout=tmp_path) == []
    [fault] = control_faults([hazard("tests/test_x.py::test_gone")], checkout=tmp_path)
    assert str(fault) == f"H01: tests/test_x.py::test_gone is not in {LIST_FILE} of this version"
