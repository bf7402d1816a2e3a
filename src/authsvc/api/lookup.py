"""From the ids in a request to those of the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from authsvc.domain.ulid import Ulid, parse_public_id
from authsvc.errors import EntityNotFound

_T = TypeVar("_T")


async def looked_up(sort: str, prefix: str, text: str, find: Callable[[Ulid], Awaitable[_T | None]]) -> _T:
    """What `find` knows of that which `text` names, a prefix and a ULID.

    Raises:
        EntityNotFound: nothing has this id; the sentence calls it a `sort`, such as `User`.
    """
    ulid = parse_public_id(prefix, text)
    found = await find(ulid) if ulid else None
    if found is None:
        raise EntityNotFound(sort, text)
    return found
