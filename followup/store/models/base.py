"""ORM base: named constraints, aware times, JSON documents."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    LargeBinary,
    MetaData,
    Uuid,
)
from sqlalchemy.orm import DeclarativeBase

from followup.store.engine.types import Json, UtcDateTime

ACTOR_LENGTH = 120

"""Room for `web:`, `api:` or `cli:` and the name behind it."""

PROVIDER_ID = 320

"""Room for the Message-ID of an e-mail from the longest of domains."""

ACCOUNT_LENGTH = 64

"""Room for what a provider calls an account."""

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def among(column: str, values: list[str]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Base(DeclarativeBase):
    """What all tables share: named constraints, aware times, JSON documents."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        UUID: Uuid,
        bytes: LargeBinary,
        dict[str, Any]: Json,
        list[str]: Json,
    }
