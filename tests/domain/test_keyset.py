from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.keyset import FIRST, LAST, Order, Page, Position, Span, Wanted, page

_positions = st.builds(Position, st.integers(0, 4), st.integers(1, 5))
_lists = st.lists(_positions, max_size=12, unique=True).map(sorted)
_orders = st.sampled_from(Order)
_wanted = st.builds(Wanted, _orders, st.integers(1, 5), st.none() | _positions, st.none() | _positions)


def _page(everything: Sequence[Position], wanted: Wanted) -> Page[Position]:
    async def fetch(span: Span) -> list[Position]:
        found = [row for row in everything if span.low < row < span.high]
        return (found if span.ascending else found[::-1])[: span.limit]

    return asyncio.run(page(wanted, fetch, lambda row: row))


def _expected(everything: Sequence[Position], wanted: Wanted) -> Page[Position]:
    """The page, found by looking at the whole list as it is shown."""
    order, limit, before, after = wanted
    if order is Order.NORMAL:
        before, after = after, before
    shown = list(everything) if order is Order.ASC else list(everything)[::-1]

    def in_front(one: Position, other: Position) -> bool:
        return one < other if order is Order.ASC else one > other

    rows = [row for row in shown if (not after or in_front(after, row)) and (not before or in_front(row, before))]
    rows = rows[-limit:] if before and not after else rows[:limit]
    ends = (rows[0], rows[-1]) if rows else (None, None)
    first = ends[0] if rows and shown[0] != rows[0] else None
    last = ends[1] if rows and shown[-1] != rows[-1] else None
    return Page(rows, last, first) if order is Order.NORMAL else Page(rows, first, last)


@given(_lists, _wanted)
def test_pages_are_those_of_the_whole_list(everything: list[Position], wanted: Wanted) -> None:
    """Every order with every pair of cursors, of what there is or is not, gives the rows and cursors it should."""
    assert _page(everything, wanted) == _expected(everything, wanted)


@given(_lists, _orders, st.integers(1, 5))
def test_walking_through_a_list(everything: list[Position], order: Order, limit: int) -> None:
    """From cursor to cursor the whole list is seen, each row once; and back again, the same pages."""
    by_time = order is Order.NORMAL
    pages = [_page(everything, Wanted(order, limit))]
    while (cursor := pages[-1].before if by_time else pages[-1].after) is not None:
        pages.append(_page(everything, _from(cursor, order, limit, in_front=by_time)))
    shown = everything if order is Order.ASC else everything[::-1]
    assert [row for one in pages for row in one.rows] == shown
    assert all(len(one.rows) == limit for one in pages[:-1])
    for one, next_one in pairwise(pages):
        cursor = next_one.after if by_time else next_one.before
        assert cursor == next_one.rows[0]
        assert cursor is not None
        assert _page(everything, _from(cursor, order, limit, in_front=not by_time)) == one


def _from(cursor: Position, order: Order, limit: int, *, in_front: bool) -> Wanted:
    """The page in front of a cursor, or behind it."""
    return Wanted(order, limit, before=cursor) if in_front else Wanted(order, limit, after=cursor)


@given(_lists.filter(bool), st.sampled_from([Order.ASC, Order.DESC]), st.integers(1, 3), st.data())
def test_walking_while_rows_go(everything: list[Position], order: Order, limit: int, data: st.DataObject) -> None:
    """Rows that end behind the walk, that under the cursor too, neither hide the others nor show them twice."""
    left = list(everything)
    seen: list[Position] = []
    cursor: Position | None = None
    while True:
        found = _page(left, Wanted(order, limit, after=cursor))
        seen += found.rows
        if found.after is None:
            break
        cursor = found.after
        left = [row for row in left if row not in seen or data.draw(st.booleans())]
    assert seen == (everything if order is Order.ASC else everything[::-1])


@given(_lists, _wanted)
def test_list_without_a_cursor_before(everything: list[Position], wanted: Wanted) -> None:
    """Where only the cursor `after` is shown it is the same, and nobody looks for another one."""
    looks: list[Span] = []

    async def fetch(span: Span) -> list[Position]:
        looks.append(span)
        found = [row for row in everything if span.low < row < span.high]
        return (found if span.ascending else found[::-1])[: span.limit]

    found = asyncio.run(page(wanted, fetch, lambda row: row, has_before=False))
    assert found == _expected(everything, wanted)._replace(before=None)
    if wanted.before is None and wanted.order is not Order.NORMAL:
        assert len(looks) == 1


@pytest.mark.parametrize("order", Order)
def test_page_asks_for_no_more_than_it_needs(order: Order) -> None:
    """A first page is one look at the list, for one row more than is shown."""
    spans: list[Span] = []

    async def fetch(span: Span) -> list[Position]:
        spans.append(span)
        return []

    asyncio.run(page(Wanted(order, 10), fetch, lambda row: row))
    assert spans == [Span(FIRST, LAST, ascending=order is Order.ASC, limit=11)]
