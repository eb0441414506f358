"""What a password is kept as."""

from __future__ import annotations

from followup.staff.passwords import hash_password, is_password


def test_a_guess_costs_64_mebibytes_and_three_passes():
    """As RFC 9106 recommends where memory is short."""
    kept = hash_password("walnut ladder frost")

    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert is_password("walnut ladder frost", kept)
    assert not is_password("walnut ladder frosts", kept)
