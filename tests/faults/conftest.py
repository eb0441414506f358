"""Shows, at the end of the tests, what was injected and what came of it."""

from __future__ import annotations

import pytest

from tests.faults.scenes.report import Result, Show, table

_shown: list[Result] = []


@pytest.fixture
def show() -> Show:
    """Keep a result for the table that is printed at the end, and return it."""

    def keep(result: Result) -> Result:
        _shown.append(result)
        return result

    return keep


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _shown:
        terminalreporter.section("faults")
        terminalreporter.write_line(table(_shown))
