from __future__ import annotations

from typing import Any

import pytest
from authsvc_workos.user_management.v1 import user_management_pb2 as pb

from authsvc.api.listing import wanted
from authsvc.domain.keyset import Order, Position, Wanted
from authsvc.domain.ulid import Ulid, public_id
from authsvc.errors import InvalidParameter

AT = 1_700_000_000_123_456
CURSOR = public_id("session", AT, 5)


async def find(ulid: Ulid) -> Position | None:
    """A list with one entry."""
    return Position(AT, 5) if ulid.id == 5 else None


async def ask(**fields: Any) -> Wanted:
    """The page that a request with these fields wants."""
    return await wanted(pb.ListSessionsRequest(**fields), "session", find)


async def test_nothing_said_is_the_first_page() -> None:
    """Ten rows, newest first, as WorkOS documents it."""
    assert await ask() == Wanted(Order.DESC, 10, None, None)


@pytest.mark.parametrize("limit", [1, 10, 100])
async def test_limits(limit: int) -> None:
    """From 1 to 100."""
    assert (await ask(limit=limit)).limit == limit


@pytest.mark.parametrize("limit", [0, -1, 101, 2**31 - 1])
async def test_limits_outside(limit: int) -> None:
    """Named, with a code; 0 is a value too."""
    with pytest.raises(InvalidParameter) as caught:
        await ask(limit=limit)
    assert (caught.value.field, caught.value.code) == ("limit", "limit_out_of_range")
    assert str(limit) not in caught.value.sentence.replace("100", "")


@pytest.mark.parametrize("order", [Order.ASC, Order.DESC, Order.NORMAL])
async def test_orders(order: Order) -> None:
    """Each of the three."""
    assert (await ask(order=f"ORDER_{order.name}")).order is order


async def test_cursors_stand_where_their_entry_does() -> None:
    """To the microsecond, on both sides."""
    assert await ask(after=CURSOR, before=CURSOR) == Wanted(Order.DESC, 10, Position(AT, 5), Position(AT, 5))


@pytest.mark.parametrize(
    "cursor",
    [public_id("session", AT, 6), "session_01HXYZ123456789ABCDEFGHIJ", "session_01hf7yat3v", "session_0"],
)
async def test_cursors_of_nothing_stand_at_their_time(cursor: str) -> None:
    """Also those of documents, which are no whole ULIDs: the millisecond of the first ten digits."""
    found = (await ask(after=cursor)).after
    assert found is not None
    assert (found.id, found.created_at % 1_000) == (0, 0)
    if cursor == public_id("session", AT, 6):
        assert found.created_at == AT // 1_000 * 1_000


@pytest.mark.parametrize(
    "cursor", ["session", "session_", "user_01H93ZY4F80QPBEZ1R5B2SHQG8", "x", "session_\u00fc", "session_!"]
)
@pytest.mark.parametrize("field", ["after", "before"])
async def test_cursors_that_are_no_ids(field: str, cursor: str) -> None:
    """Named, with a code, and not repeated."""
    with pytest.raises(InvalidParameter) as caught:
        await ask(**{field: cursor})
    assert (caught.value.field, caught.value.code) == (field, f"{field}_invalid")
    assert caught.value.sentence == "must be an id: session_ and a ULID"


@pytest.mark.parametrize("cursor", [f"session_{CURSOR[8:].lower()}", f"session_{CURSOR[8:].replace('0', 'o')}"])
async def test_cursors_in_other_letters(cursor: str) -> None:
    """The id of a row is that row in lower case too, and with the letters that are read as digits."""
    assert cursor != CURSOR
    assert (await ask(after=cursor)).after == Position(AT, 5)


@pytest.mark.parametrize(
    "cursor", ["session_" + "\u00df" * 10, "session_\u017f\u017f\u017f", "session_" + "\u00df" * 26]
)
async def test_cursors_in_letters_of_others(cursor: str) -> None:
    """What is in upper case something of ASCII, even two of it, is no id."""
    with pytest.raises(InvalidParameter) as caught:
        await ask(after=cursor)
    assert caught.value.code == "after_invalid"


@pytest.mark.parametrize("order", [4, 99, -1])
async def test_orders_that_are_none(order: int) -> None:
    """A number that no order has, as gRPC can bring it, is named, with a code."""
    with pytest.raises(InvalidParameter) as caught:
        await ask(order=order)
    assert (caught.value.field, caught.value.code) == ("order", "order_invalid")
