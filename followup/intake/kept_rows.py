"""Rows that were read once, kept until they are enrolled: packed, and no more than memory bears."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterator, Sequence

from followup.enrolment.enrol import EnrolmentRequest

MOST_BYTES = 32 * 1024 * 1024
"""A hundred thousand rows take half of it."""

LinedRequest = tuple[int, EnrolmentRequest]
"""The line of a row, and what it asks for."""


class KeptRows:
    """What the rows of one file ask for, in their order; nothing of it once it grows too large."""

    def __init__(self) -> None:
        self._packs: list[bytes] | None = []
        self._bytes = 0

    def keep(self, rows: Sequence[LinedRequest]) -> None:
        """Keep some more, unless that is too much."""
        if self._packs is None or not rows:
            return
        pack = zlib.compress(pickle.dumps(rows, pickle.HIGHEST_PROTOCOL), level=1)
        self._bytes += len(pack)
        self._packs.append(pack)
        if self._bytes > MOST_BYTES:
            self._packs = None

    def rows(self) -> Iterator[LinedRequest] | None:
        """Return all that were kept, or None if they were too many: read the file again."""
        return None if self._packs is None else self._unpacked(self._packs)

    def _unpacked(self, packs: list[bytes]) -> Iterator[LinedRequest]:
        for pack in packs:
            # Nobody else had it in hand meanwhile.
            yield from pickle.loads(zlib.decompress(pack))  # noqa: S301
