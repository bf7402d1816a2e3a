"""What `/metrics` tells of connections to PostgreSQL."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import asyncpg
import httpx2
from harness import DEMO, GIGI, command, serving
from postgresql import server

_CONNECTIONS, _CALLS = 2, 5
_NUMBER = re.compile(r'^authsvc_database_(?:connections\{state="(\w+)"\}|(waiting)) (\d+)$', re.MULTILINE)


async def test_connections_and_who_waits_for_one_are_told(tmp_path: Path) -> None:
    """While tokens cannot be read, all connections are busy and further calls wait; afterwards all rest."""
    database = server().create()
    url = database.dsn()
    await asyncio.to_thread(command, "apply", str(DEMO), database_url=url)
    settings = {"metrics_listen": "127.0.0.1:0", "database_connections": str(_CONNECTIONS)}
    with serving(url, tmp_path / "log", workers="1", **settings) as running:
        token = await asyncio.to_thread(running.token, GIGI)
        headers = {"authorization": f"Bearer {token}"}
        raw = await asyncpg.connect(url)
        async with httpx2.AsyncClient(timeout=20) as client:

            async def told() -> dict[str, int]:
                text = (await client.get(f"http://{running.metrics_address}/metrics")).text
                return {state or waiting: int(number) for state, waiting, number in _NUMBER.findall(text)}

            async with raw.transaction():
                await raw.execute("LOCK TABLE access_tokens IN ACCESS EXCLUSIVE MODE")
                call = f"http://{running.address}/auth/v1/users/me"
                calls = [asyncio.create_task(client.get(call, headers=headers)) for _ in range(_CALLS)]
                async with asyncio.timeout(20):
                    while (seen := await told())["waiting"] < _CALLS - _CONNECTIONS or seen["busy"] < _CONNECTIONS:  # noqa: ASYNC110 - another process
                        await asyncio.sleep(0.05)
            assert {(await each).status_code for each in calls} == {200}
            async with asyncio.timeout(20):
                while (seen := await told())["waiting"] or seen["busy"] or seen["idle"] < _CONNECTIONS:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        await raw.close()
    server().drop(database)
