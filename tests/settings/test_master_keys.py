"""Master keys: how they are written, and the ones that an embedded stack makes for itself."""

from __future__ import annotations

import base64
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.domain.errors import ConfigurationError
from followup.settings.master_keys import FEWEST_DIFFERENT, own_master_keys, parse_master_keys
from followup.settings.settings import load_settings

KEYS = st.lists(
    st.binary(min_size=32, max_size=32).filter(lambda key: len(set(key)) >= FEWEST_DIFFERENT)
    | st.permutations(range(32)).map(bytes),
    min_size=1,
    max_size=4,
)


@given(KEYS, st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
def test_keys_are_read_in_order_in_either_alphabet_of_base64(keys, encode):
    text = " , ".join(encode(key).decode() for key in keys)

    assert parse_master_keys(text) == tuple(keys)


def test_a_stack_makes_its_keys_once_and_keeps_them(tmp_path):
    settings = load_settings(data_dir=tmp_path / "var")

    keys = settings.load_master_keys()

    assert [len(key) for key in keys] == [32]
    assert settings.load_master_keys() == keys
    assert own_master_keys(tmp_path / "elsewhere") != keys


def test_nobody_else_may_read_them_and_no_draft_is_left(tmp_path):
    own_master_keys(tmp_path)

    (only,) = tmp_path.iterdir()
    assert only.name == "master-keys"
    assert stat.S_IMODE(only.stat().st_mode) == 0o600


def test_processes_that_start_at_once_agree_on_the_keys(tmp_path):
    together = Barrier(8)

    def start(_process):
        together.wait()
        return own_master_keys(tmp_path)

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(start, range(8)))

    assert len(keys) == 1


def test_a_rotated_file_holds_several_keys_one_a_line(tmp_path):
    new, old = bytes(range(32)), bytes(range(1, 33))
    lines = [base64.b64encode(key).decode() for key in (new, old)]
    path = tmp_path / "master-keys"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)

    assert own_master_keys(tmp_path) == (new, old)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620], ids=oct)
def test_keys_that_others_can_reach_are_refused_with_the_command_that_mends_it(tmp_path, mode):
    own_master_keys(tmp_path)
    path = tmp_path / "master-keys"
    path.chmod(mode)

    with pytest.raises(ConfigurationError, match=re.escape(f"{mode:04o}); run: chmod 600 {path}")):
        own_master_keys(tmp_path)


@pytest.mark.parametrize("content", ["", "not a key\n", "AAAA\n", "é\n"])
def test_damaged_keys_are_never_replaced_by_new_ones(tmp_path, content):
    path = tmp_path / "master-keys"
    path.write_text(content, "utf-8")
    path.chmod(0o600)

    with pytest.raises(ConfigurationError, match="damaged; put it back from a backup"):
        own_master_keys(tmp_path)

    assert path.read_text("utf-8") == content


def test_keys_that_cannot_be_read_are_refused_with_what_to_do(tmp_path):
    (tmp_path / "master-keys").mkdir(mode=0o700)

    with pytest.raises(ConfigurationError, match="or set FOLLOWUP_MASTER_KEYS"):
        own_master_keys(tmp_path)
