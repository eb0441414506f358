"""`followup page link` while `followup run` listens where it was told to."""

from __future__ import annotations

from pathlib import Path

from followup.settings.paths import note_port, noted_port
from tests.cli.conftest import enrolled


def test_the_port_that_a_run_was_given_stands_in_the_links_of_other_commands(followup):
    enrolled(followup)
    data = Path(followup.environment["FOLLOWUP_DATA_DIR"])
    data.mkdir(exist_ok=True)
    usual = followup("page", "link", "REF-1").out

    note_port(data, 8123)
    assert followup("page", "link", "REF-1").out.startswith("http://127.0.0.1:8123/p/")
    followup.more["FOLLOWUP_PUBLIC_URL"] = "https://followup.example"
    assert followup("page", "link", "REF-1").out.startswith("https://followup.example/p/")

    del followup.more["FOLLOWUP_PUBLIC_URL"]
    note_port(data, None)
    assert followup("page", "link", "REF-1").out == usual


def test_a_port_that_can_not_be_read_is_none(tmp_path):
    (tmp_path / "port").write_text("eight")

    assert noted_port(tmp_path) is None
