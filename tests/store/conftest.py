"""The tests of the store run on both engines, but for those of one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from oauth.machine_stage import Stage, staged, staged_at_server


@pytest.fixture(params=["sqlite", "postgresql"])
async def machine_stage(request: pytest.FixtureRequest, empty_database: Path, tmp_path: Path) -> AsyncIterator[Stage]:
    """Machine users, devices and people, in a database of their own."""
    async with staged_at_server() if request.param == "postgresql" else staged(empty_database, tmp_path) as stage:
        yield stage
