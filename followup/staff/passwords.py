"""Passwords: argon2id, long rather than intricate, checked in constant time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from followup.domain.errors import Problem

SHORTEST, LONGEST = 12, 128
FEWEST_DIFFERENT = 5
SHORTEST_WORD = 3
FIELD = "password"

COMMON = re.compile(
    r"(?i)(password|passwort|letmein|welcome|qwerty\w*|asdfgh\w*|followup|painclinic|pain.?clinic"
    r"|hospital|summer|winter|spring|autumn|\d)+[\W\d_]*"
)
"""Words that guesses begin with, with digits and signs about them."""


def problems_of(password: str, *, email: str, name: str) -> list[Problem]:
    """Return what is wrong with a new password; three words that have no connection are right."""
    if len(password) < SHORTEST:
        advice = "three words that have nothing to do with each other are easy to remember"
        return [Problem(FIELD, f"use at least {SHORTEST} characters: {advice}")]
    if len(password) > LONGEST:
        return [Problem(FIELD, f"use at most {LONGEST} characters")]
    if _is_easy(password.casefold(), own=[email.partition("@")[0], *name.split()]):
        return [Problem(FIELD, "this is easy to guess: use three unconnected words")]
    return []


def _is_easy(bare: str, *, own: Sequence[str]) -> bool:
    left = bare
    for word in own:
        if len(word) >= SHORTEST_WORD:
            left = left.replace(word.casefold(), "")
    few = len(set(bare)) < FEWEST_DIFFERENT or len(left) < SHORTEST // 2
    return few or COMMON.fullmatch(bare) is not None


def hash_password(password: str) -> str:
    """Return the argon2id hash to keep."""
    return _hasher().hash(password)


def is_password(password: str, hashed: str | None) -> bool:
    """Say whether this is the password; takes as long where there is no account to compare with."""
    if len(password) > LONGEST:
        return False
    if hashed is None:
        _hasher().verify(password, _nobody())
        return False
    return _hasher().verify(password, hashed)


@cache
def _hasher() -> PasswordHash:
    return PasswordHash((Argon2Hasher(),))


@cache
def _nobody() -> str:
    return _hasher().hash("nobody has this password")
