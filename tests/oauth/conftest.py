"""Fixtures that the tests of the authorization server share."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness import hasty_executor
from oauth.people import START
from oauth.realm import Realm, Switch

from authsvc.store.sqlite import SqliteExecutor


@pytest.fixture(scope="session")
def one_realm(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Realm, Path]:
    """People and clients, and the file of a database with them, to be copied and not changed."""
    path = Path(shutil.copy(empty_database, tmp_path_factory.mktemp("realm")))
    switch = Switch()
    realm = Realm(switch)

    async def fill() -> None:
        switch.inner = SqliteExecutor(path)
        await realm.fill()
        await switch.close()

    asyncio.run(fill())
    return realm, path


@pytest.fixture
async def realm(one_realm: tuple[Realm, Path], tmp_path: Path) -> AsyncIterator[Realm]:
    """People and clients in a database of their own, at the beginning of time."""
    realm, path = one_realm
    assert isinstance(realm.executor, Switch)
    realm.executor.inner = hasty_executor(Path(shutil.copy(path, tmp_path)))
    realm.at = START
    realm.wire()
    yield realm
    await realm.executor.close()
