"""What the locks name can be installed on every Python and machine that is said to be supported."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement

from scripts.check_wheels import (
    LOCK,
    MACHINES,
    REPORT,
    Locked,
    Target,
    digest,
    missing,
    read_lock,
    supported_pythons,
)

LINUX, ARM, MACOS = MACHINES
OURS, OTHER = "1" * 64, "2" * 64


def test_the_wheels_were_looked_for_since_the_locks_changed():
    assert digest(LOCK) in REPORT.read_text(encoding="utf-8"), "run: make wheels"


def test_every_supported_python_was_looked_at_and_lacks_nothing_on_linux():
    rows = re.findall(r"^\| (3\.\d+) \| (.*) \|$", REPORT.read_text(encoding="utf-8"), re.MULTILINE)

    assert [python for python, _ in rows] == supported_pythons() == ["3.11", "3.12", "3.13", "3.14"]
    for _, row in rows:
        for cell in row.split(" | ")[:2]:
            found, needed = cell.split(" of ")
            assert found == needed


def test_every_package_of_a_lock_is_read_with_its_hashes():
    packages = read_lock(LOCK)

    assert len(packages) == LOCK.read_text(encoding="utf-8").count("==") - markers(packages)
    assert all(it.hashes and it.version for it in packages)


def markers(packages):
    return sum(str(it.requirement.marker or "").count("==") for it in packages)


@pytest.mark.parametrize(
    ("file", "python", "machine", "fits"),
    [
        ("it-1-py3-none-any.whl", "3.14", ARM, True),
        ("it-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "3.11", LINUX, True),
        ("it-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "3.12", LINUX, False),
        ("it-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "3.11", ARM, False),
        ("it-1-cp39-abi3-manylinux_2_28_aarch64.whl", "3.14", ARM, True),
        ("it-1-cp39-abi3-manylinux_2_34_aarch64.whl", "3.14", ARM, False),
        ("it-1-cp314-cp314t-manylinux_2_28_x86_64.whl", "3.14", LINUX, False),
        ("it-1-cp313-cp313-macosx_11_0_arm64.whl", "3.13", MACOS, True),
        ("it-1-cp313-cp313-macosx_11_0_arm64.whl", "3.13", ARM, False),
    ],
)
def test_a_wheel_counts_where_pip_would_take_it(file, python, machine, fits):
    locked = Locked(Requirement("it==1"), frozenset([OURS]))

    lacking = missing([locked], {"it": {file: OURS}}, Target(python, machine))

    assert lacking == ([] if fits else ["it"])


def test_a_wheel_whose_hash_is_not_locked_does_not_count():
    locked = Locked(Requirement("it==1"), frozenset([OURS]))

    wheels = {"it": {"it-1-py3-none-any.whl": OTHER}}

    assert missing([locked], wheels, Target("3.14", LINUX)) == ["it"]


def test_what_is_not_needed_there_is_not_missed():
    locked = Locked(Requirement("it==1; sys_platform == 'win32'"), frozenset([OURS]))

    assert missing([locked], {}, Target("3.14", LINUX)) == []
