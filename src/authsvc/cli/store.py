"""Commands that work on the database and end: how they open it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from authsvc.config import Settings
from authsvc.store.executor import Executor
from authsvc.store.open import Pooling, open_store
from authsvc.store.writes import Writes

_T = TypeVar("_T")


def on_store(settings: Settings, work: Callable[[Executor, Writes], Awaitable[_T]]) -> _T:
    """Open the database, do `work` on it, close it."""

    async def run() -> _T:
        executor = await open_store(settings.database_url, Pooling(prepared=settings.database_prepared))
        try:
            return await work(executor, Writes(executor))
        finally:
            await executor.close()

    return asyncio.run(run())
