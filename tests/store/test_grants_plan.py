"""How PostgreSQL lists somebody's many grants before it has looked at its tables, and where no plan can be kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from postgresql import server

from authsvc.domain.databases import Postgres
from authsvc.store.connections import Raw
from authsvc.store.postgres import PostgresExecutor
from authsvc.store.reads import Reads

MANY = 20_000
ROWS = f"""
INSERT INTO orgs SELECT n, 'Org', 1, n, n, n, NULL FROM generate_series(1, 20) AS n;
INSERT INTO org_domains SELECT n || '.example', n, true FROM generate_series(1, 20) AS n;
INSERT INTO projects SELECT n, n, 'Project', n, n, n FROM generate_series(1, 20) AS n;
INSERT INTO users SELECT n, 1 + n % 20, 1, 1, 'u' || n, 'u' || n, '', '', '', '', 'en', 0, '', '', false, '', false,
  NULL, '', NULL, 0, n, n, n, NULL, NULL, NULL, NULL, NULL, false, 0 FROM generate_series(1, {MANY}) AS n;
INSERT INTO user_grants SELECT n, 1, 1 + n % 20, 1 + n % 20, NULL, '', 1, n, n, n FROM generate_series(1, {MANY}) AS n;
INSERT INTO user_grants SELECT {MANY} + n, n, 1, 1, NULL, '', 1, n, n, n FROM generate_series(1, {MANY}) AS n;
INSERT INTO changes (at, kind, entity_id, action)
  SELECT n, 'user_grant', n, 'created' FROM generate_series(1, {MANY}) AS n;
"""


@pytest.fixture(scope="module")
def unknown() -> Iterator[Postgres]:
    """A database with many rows, of which it does not know."""
    database = server().create()
    server().run(lambda raw: raw.execute(ROWS), database)
    yield database
    server().drop(database)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


@pytest.mark.parametrize("offset", [0, 100, 1_000, 10_000])
@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_a_page_comes_from_the_index_in_its_order(
    unknown: Postgres,
    offset: int,
    ascending: bool,  # noqa: FBT001 - a case
    mode: str,
) -> None:
    """Nothing but the page is sorted and no table of many rows is read through, with values in the plan or without."""
    prepared = Reads(PostgresExecutor(unknown))._grants[ascending]
    given = {"user_id": 1, "limit": 100, "offset": offset}
    values = ", ".join(str(value) for value in prepared.arguments(given))

    async def explain(raw: Raw) -> Any:
        async with raw.transaction():
            await raw.execute(f"SET LOCAL plan_cache_mode = {mode}")
            await raw.execute(f"PREPARE listed AS {prepared.sql}")
            try:
                rows = await raw.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE listed ({values})")
            finally:
                await raw.execute("DEALLOCATE listed")
            return json.loads(rows[0][0])[0]["Plan"]

    nodes = list(_nodes(server().run(explain, unknown)))
    read = {node["Relation Name"] for node in nodes if node["Node Type"] in {"Seq Scan", "Bitmap Heap Scan"}}
    assert read <= {"orgs", "org_domains", "projects"}
    assert [node["Actual Rows"] for node in nodes if node["Node Type"] == "Sort"] == [100]
    assert max(node["Actual Rows"] for node in nodes if node["Node Type"] == "Index Scan") == offset + 100
