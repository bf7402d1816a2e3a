"""What the web worker does beside serving calls."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from authsvc import workers
from authsvc.app import open_service
from authsvc.config import Settings
from authsvc.store import purge
from authsvc.store.executor import Prepared
from authsvc.store.purge import Purge


async def test_the_web_worker_keeps_house(new_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It deletes what is over and takes in its keys while it serves, and stops with nothing left running."""
    started: list[workers.Start] = []

    def run(_settings: object, _link: object, start: workers.Start, _node: int) -> None:
        started.append(start)

    monkeypatch.setattr(workers, "_run", run)
    monkeypatch.setattr(purge, "_FIRST", 0.0)
    settings = Settings(database_url=new_database, secret_key_file=tmp_path / "key")
    service, warm, clean = await open_service(settings), asyncio.Event(), asyncio.Event()

    async def warmed() -> None:
        warm.set()

    async def turn(self: Purge) -> int:
        gone = await taken(self)
        clean.set()
        return gone

    taken = Purge.turn
    monkeypatch.setattr(Purge, "turn", turn)
    async with service.writes.transaction() as tx:
        await tx.execute(Prepared("INSERT INTO attempts VALUES ('a', 1)", (), {}))
    tasks = asyncio.all_tasks()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link: Any = None
        workers.run_web(settings, link, [listener], number=0, node=1)
        _, stop = await started[0](replace(service, warm=warmed))
        async with asyncio.timeout(5):
            await asyncio.gather(warm.wait(), clean.wait())
        await stop(False)
    assert await service.executor.fetch_all(Prepared("SELECT 1 FROM attempts", (), {})) == []
    await service.close()
    assert not asyncio.all_tasks() - tasks
