"""Which part of a list to return."""

from __future__ import annotations

from typing import NamedTuple

from authsvc.errors import InvalidArgument

MAX_LIMIT = 1_000
_MAX_OFFSET = 2**63 - 1  # what the stores can count to; a greater offset is past every end as well


class Page(NamedTuple):
    """`limit` objects after the first `offset`, by creation: oldest first if `ascending`."""

    offset: int
    limit: int
    ascending: bool


def page(offset: int, limit: int, *, ascending: bool) -> Page:
    """The page asked for; a limit of 0 means the maximum of 1000.

    Raises:
        InvalidArgument: the limit is above the maximum.
    """
    if limit > MAX_LIMIT:
        raise InvalidArgument("query.limit", "Errors.Limit.ExceedsMaximum", "AUTHSVC-L1m1t", maximum=MAX_LIMIT)
    return Page(min(offset, _MAX_OFFSET), limit or MAX_LIMIT, ascending)
