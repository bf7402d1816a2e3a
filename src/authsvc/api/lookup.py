"""From the ids in a request to those of the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from authsvc.domain.ulid import Ulid, parse_public_id
from authsvc.errors import EntityNotFound


async def looked_up(sort: str, prefix: str, text: str, find: Callable[[Ulid], Awaitable[int | None]]) -> int:
    """The id of what `text` names, a prefix and a ULID that `find` knows.

    Raises:
        EntityNotFound: nothing has this id; the sentence calls it a `sort`, such as `User`.
    """
    ulid = parse_public_id(prefix, text)
    found = await find(ulid) if ulid else None
    if found is None:
        raise EntityNotFound(sort, text)
    return found
