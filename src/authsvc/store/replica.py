"""A copy of the database for reads that may lag behind it; what it does not answer, the database itself does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import structlog

from authsvc.store.executor import Executor, Prepared, Reader, Row

_PATIENCE = 1.0  # seconds in which the replica answers, or the primary is asked
_PAUSE = 5.0  # seconds for which a replica that has failed is left alone
_T = TypeVar("_T")


class Replica:
    """A `Reader` that asks the replica first. It closes the replica only."""

    def __init__(self, replica: Executor, primary: Reader) -> None:
        self._replica = replica
        self._primary = primary
        self._not_before = 0.0
        self._log = structlog.get_logger("authsvc.store")

    async def fetch_all(self, prepared: Prepared, /, **parameters: Any) -> Sequence[Row]:
        """All rows."""
        return await self._ask(lambda reader: reader.fetch_all(prepared, **parameters))

    async def fetch_one(self, prepared: Prepared, /, **parameters: Any) -> Row | None:
        """The first row, or None."""
        return await self._ask(lambda reader: reader.fetch_one(prepared, **parameters))

    async def close(self) -> None:
        """Let go of the replica."""
        await self._replica.close()

    async def _ask(self, question: Callable[[Reader], Awaitable[_T]]) -> _T:
        if time.monotonic() >= self._not_before:
            try:
                async with asyncio.timeout(_PATIENCE):
                    return await question(self._replica)
            except Exception as error:  # noqa: BLE001 - it may lack a table yet, or what else; the primary knows
                self._not_before = time.monotonic() + _PAUSE
                self._log.warning("replica fails", reason=str(error.__cause__ or error) or type(error).__name__)
        return await question(self._primary)
