"""Reads a signer from the content of their file, or says all that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from followup.domain.errors import InvalidInput, ProtocolError
from followup.domain.file_shape import Line, Shape, complaints, read_shape
from followup.domain.releases.signer import Signer, SigningRole, read_public_key


def _public_key(line: str) -> str:
    try:
        read_public_key(line)
    except InvalidInput as error:
        raise ValueError(error.problems[0].message) from None
    return line


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no offset: write it as in 2026-11-29T09:00:00Z")
    return moment.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_aware)]


class SignerShape(Shape):
    """A person who may sign words, and with which key."""

    name: Line = Field(description="the person, as reports name them")
    roles: list[Annotated[SigningRole, Field(strict=False)]] = Field(
        min_length=1, description="what they may do: `author`, `approver`, or both"
    )
    public_key: Annotated[str, AfterValidator(_public_key)] = Field(
        description="the line of their public key that begins with RW"
    )
    valid_from: Moment = Field(alias="from", description="since when the key counts")
    valid_until: Moment = Field(alias="until", description="until when the key counts")
    revoked: Moment | None = Field(
        default=None,
        description="since when it does not count: of a key that was stolen, the day of the theft",
    )

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.valid_until <= self.valid_from:
            raise ValueError("until is not after from: correct one of them")
        return self


def parse_signer(data: Mapping[str, object], *, file: str) -> Signer:
    """Return the signer; raise `ProtocolError` with all that is wrong with the file."""
    shape, problems = read_shape(SignerShape, data)
    if shape is None:
        raise ProtocolError(complaints(problems, file=file))
    return Signer(
        name=shape.name,
        roles=frozenset(shape.roles),
        public_key=read_public_key(shape.public_key),
        valid_from=shape.valid_from,
        valid_until=shape.valid_until,
        revoked=shape.revoked,
    )


def signer_text(signer: Signer) -> str:
    """Return the file of a signer."""
    roles = ", ".join(f'"{role}"' for role in sorted(signer.roles))
    revoked = "" if signer.revoked is None else f"revoked = {_moment(signer.revoked)}\n"
    return (
        f'name = "{_quoted(signer.name)}"\nroles = [{roles}]\n'
        f"# Key {signer.public_key.name}\n"
        f'public_key = "{signer.public_key.line}"\n'
        f"from = {_moment(signer.valid_from)}\nuntil = {_moment(signer.valid_until)}\n{revoked}"
    )


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
