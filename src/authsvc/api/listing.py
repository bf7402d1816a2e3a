"""What the lists of the WorkOS face have in common: which page is asked for, and what cursors mean."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from authsvc_workos.user_management.v1.user_management_pb2 import Order as OrderMessage

from authsvc.domain.keyset import DEFAULT_LIMIT, MAX_LIMIT, Order, Position, Wanted
from authsvc.domain.ulid import Ulid, canonical, parse_ulid, time_of
from authsvc.errors import InvalidParameter

_ORDERS = {
    OrderMessage.ORDER_ASC: Order.ASC,
    OrderMessage.ORDER_DESC: Order.DESC,
    OrderMessage.ORDER_NORMAL: Order.NORMAL,
}
Lookup = Callable[[Ulid], Awaitable[Position | None]]


class ListRequest(Protocol):
    """A request for a page; every list request of the contract is one."""

    limit: int
    before: str
    after: str

    @property
    def order(self) -> OrderMessage:
        """The order asked for."""

    def HasField(self, field_name: str, /) -> bool:
        """Whether a field is set."""


async def wanted(request: ListRequest, prefix: str, find: Lookup, *, usual: Order = Order.DESC) -> Wanted:
    """The page that a request asks for; `usual` is the order where none is given.

    A cursor is an id with this prefix, in upper or lower case. `find` tells where in the list it stands, ended or not.
    Where nothing in this list has that id, its place is that of its time.

    Raises:
        InvalidParameter: the limit is not from 1 to 100, the order is none, or a cursor is no id of this sort.
    """
    limit = request.limit if request.HasField("limit") else DEFAULT_LIMIT
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidParameter("limit", "limit_out_of_range", f"must be from 1 to {MAX_LIMIT}")
    if request.order not in _ORDERS and request.order != OrderMessage.ORDER_UNSPECIFIED:
        raise InvalidParameter("order", "order_invalid", "must be asc, desc or normal")

    async def position(field: str, cursor: str) -> Position | None:
        if not cursor:
            return None
        found = await _found(prefix, cursor, find)
        if found is None:
            raise InvalidParameter(field, f"{field}_invalid", f"must be an id: {prefix}_ and a ULID")
        return found

    return Wanted(
        _ORDERS.get(request.order, usual),
        limit,
        before=await position("before", request.before),
        after=await position("after", request.after),
    )


async def _found(prefix: str, cursor: str, find: Lookup) -> Position | None:
    start = f"{prefix}_"
    if not cursor.startswith(start):
        return None
    digits = canonical(cursor.removeprefix(start))
    ulid, time = parse_ulid(digits), time_of(digits)
    found = await find(ulid) if ulid else None
    return found or (None if time is None else Position(time, 0))
