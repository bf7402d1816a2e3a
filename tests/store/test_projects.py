"""Projects and their names."""

from __future__ import annotations

import pytest

from authsvc.store import schema
from authsvc.store.executor import Executor
from authsvc.store.projects import Projects
from authsvc.store.writes import Writes

pytestmark = pytest.mark.both_engines


async def test_names_of_projects(executor: Executor) -> None:
    """Those that exist have a name, under the id as it was written; all others are left out, whatever they are."""
    writes = Writes(executor)
    async with writes.transaction() as tx:
        await writes.put(tx, schema.orgs, {"id": 1, "name": "Foo", "state": 1}, owner=1)
        await writes.put(tx, schema.projects, {"id": 7, "org_id": 1, "name": "Map"}, owner=1)
    asked = ["7", "07", "8", "0", "9" * 19, "x", ""]
    assert await Projects(executor).names(asked) == {"7": "Map", "07": "Map"}
