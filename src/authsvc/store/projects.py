"""Projects, by whose names people know what a client asks for. Reads only."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, select

from authsvc.domain.ids import parse_id
from authsvc.store.executor import Executor
from authsvc.store.schema import projects


class Projects:
    """Looks projects up. Every method raises `Unavailable` when the database does not answer."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._name = executor.prepare(select(projects.c.name).where(projects.c.id == bindparam("id")))

    async def names(self, ids: Iterable[str]) -> dict[str, str]:
        """The names of those projects that exist, by their ids as they were given; an id may be no number at all."""
        found = {}
        for text in dict.fromkeys(ids):
            row = await self._executor.fetch_one(self._name, id=parse_id(text) or 0)
            if row is not None:
                found[text] = str(row[0])
        return found
