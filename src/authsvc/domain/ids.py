"""Ids: positive 63-bit numbers, ordered by the time they were made; decimal strings on every face.

From the top: 41 bits of milliseconds since 2020 (until 2089), 10 bits for the process that made the id, 12 bits to
count within a millisecond. Ids are names, never secrets.
"""

from __future__ import annotations

import secrets

from authsvc.domain.clock import MILLISECOND, Clock, now

MAX_ID = 2**63 - 1
_EPOCH_MS = 1_577_836_800_000
_NODE_BITS = 10
NODES = 2**_NODE_BITS
"""How many processes can make ids that never meet."""
_COUNTS = 2**12
_MAX_DIGITS = 19


class IdSource:
    """Makes ids that grow: all from one source differ, and a process has one, which its `Writes` hands on.

    Who is given no `node` draws one, and two processes draw the same one time in 1024. Only then could two of their
    ids meet, if they were also made in the same millisecond and have the same count: the later write would fail, as ids
    are primary keys.
    """

    def __init__(self, clock: Clock = now, node: int | None = None) -> None:
        self._clock = clock
        self._node = secrets.randbelow(NODES) if node is None else node
        self._tick = 0  # milliseconds and count in one number, so that a full count runs on into the next millisecond

    def next(self) -> int:
        """A new id, greater than all before it from this source."""
        tick = (self._clock() // MILLISECOND - _EPOCH_MS) * _COUNTS
        self._tick = max(self._tick + 1, tick)
        milliseconds, count = divmod(self._tick, _COUNTS)
        return ((milliseconds << _NODE_BITS) | self._node) * _COUNTS + count


def parse_id(text: str) -> int | None:
    """The id that `text` names in plain ASCII digits, or None."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
        return None
    value = int(text)
    return value if 0 < value <= MAX_ID else None
