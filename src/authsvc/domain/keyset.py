"""Pages of a list by keyset: from a place in the list to the next ones, however long the list is.

A list is ordered by position, the time of creation and then the id. A cursor names a position, not a row: the list goes
on behind it even if what stood there is gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

MAX_LIMIT = 100
DEFAULT_LIMIT = 10


class Position(NamedTuple):
    """Where something stands in its list; times in microseconds."""

    created_at: int
    id: int


FIRST = Position(-(2**63), 0)
LAST = Position(2**63 - 1, 2**63 - 1)


class Order(Enum):
    """How a list is shown.

    ASC is oldest first; DESC is newest first; NORMAL is newest first too, but its cursors speak of time: before one is
    what is older, after it what is newer.
    """

    ASC = "asc"
    DESC = "desc"
    NORMAL = "normal"


class Wanted(NamedTuple):
    """Which page: at most `limit` rows behind the cursor `after` and in front of the cursor `before`."""

    order: Order = Order.DESC
    limit: int = DEFAULT_LIMIT
    before: Position | None = None
    after: Position | None = None


class Page(NamedTuple, Generic[T]):
    """Rows as shown, and those whose positions are the cursors to the pages next to this one, None at the ends."""

    rows: Sequence[T]
    before: T | None
    after: T | None


class Span(NamedTuple):
    """Rows strictly between two positions: the first `limit` of them, or, unless `ascending`, the last, backwards."""

    low: Position
    high: Position
    ascending: bool
    limit: int


Fetch = Callable[[Span], Awaitable[Sequence[T]]]


async def page(
    wanted: Wanted, fetch: Fetch[T], position: Callable[[T], Position], *, has_before: bool = True
) -> Page[T]:
    """The page, from a list that `fetch` reads.

    With one cursor the rows are those nearest to it; with both, those between them that are nearest to `after`.
    A list that is not shown with a cursor `before` says so by `has_before`: then none is looked for.
    """
    if wanted.order is Order.NORMAL:
        mirrored = wanted._replace(before=wanted.after, after=wanted.before)
        found = await _page(mirrored, fetch, position, _Cursors(before=True, after=has_before))
        return found._replace(before=found.after, after=found.before)
    return await _page(wanted, fetch, position, _Cursors(before=has_before, after=True))


class _Cursors(NamedTuple):
    """Which cursors a page is to have."""

    before: bool
    after: bool


async def _page(wanted: Wanted, fetch: Fetch[T], position: Callable[[T], Position], cursors: _Cursors) -> Page[T]:
    ascending = wanted.order is Order.ASC
    backwards = wanted.before is not None and wanted.after is None
    ends = (wanted.after, wanted.before) if ascending else (wanted.before, wanted.after)
    low, high = ends[0] or FIRST, ends[1] or LAST
    found = await fetch(Span(low, high, ascending is not backwards, wanted.limit + 1))
    rows, more = list(found[: wanted.limit]), len(found) > wanted.limit
    if backwards:
        rows.reverse()
    if not rows:
        return Page(rows, None, None)

    async def goes_on(row: T, *, older: bool) -> bool:
        place = position(row)
        span = Span(FIRST, place, ascending=False, limit=1) if older else Span(place, LAST, ascending=True, limit=1)
        return bool(await fetch(span))

    # Without a cursor a page is the first one; the side on which it was cut is known from the row too many.
    in_front = more
    if cursors.before and not backwards:
        in_front = wanted.after is not None and await goes_on(rows[0], older=ascending)
    behind = more
    if cursors.after and wanted.before is not None:
        behind = await goes_on(rows[-1], older=not ascending)
    before = rows[0] if cursors.before and in_front else None
    return Page(rows, before, rows[-1] if cursors.after and behind else None)
