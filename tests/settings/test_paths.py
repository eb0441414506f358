"""Where data lives, with and without a checkout, a home folder or a working folder."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from followup.domain.errors import ConfigurationError
from followup.settings import paths as places
from followup.settings.settings import load_settings


@pytest.fixture
def _installed(monkeypatch, tmp_path):
    """Play a copy that was installed from a wheel: no pyproject.toml beside the code."""
    monkeypatch.setattr(places, "ROOT", tmp_path / "site-packages")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)


def test_a_checkout_keeps_its_data_in_var():
    assert places.default_data_dir() == places.ROOT / "var"
    assert places.env_files() == (places.ROOT / ".env", Path.cwd() / ".env")


@pytest.mark.usefixtures("_installed")
def test_an_installed_copy_keeps_its_data_where_xdg_says(monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", "/home/ada/data")

    assert places.default_data_dir() == Path("/home/ada/data/followup")
    assert places.env_files() == (Path.cwd() / ".env",)


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("xdg", [None, "", "relative/path"], ids=["unset", "empty", "relative"])
def test_an_installed_copy_without_xdg_uses_the_home_folder(monkeypatch, xdg):
    monkeypatch.setenv("HOME", "/home/ada")
    if xdg is not None:
        monkeypatch.setenv("XDG_DATA_HOME", xdg)

    assert places.default_data_dir() == Path("/home/ada/.local/share/followup")


@pytest.mark.usefixtures("_installed")
def test_an_account_without_a_home_folder_uses_the_place_for_services(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)

    assert places.default_data_dir() == Path("/var/lib/followup")


def test_a_deleted_working_folder_is_no_obstacle(monkeypatch, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert places.env_files() == (places.ROOT / ".env",)


def test_the_data_folder_is_made_for_this_account_alone(tmp_path):
    settings = load_settings(data_dir=tmp_path / "deep" / "var")

    settings.make_data_dir()
    settings.make_data_dir()

    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700


def test_a_data_folder_that_cannot_be_made_is_refused_with_what_to_set(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ConfigurationError, match="set FOLLOWUP_DATA_DIR to a folder"):
        places.make_data_dir(tmp_path / "file" / "var")
