"""How PostgreSQL goes about our statements, when it has to plan for every value at once, among many rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from postgresql import server
from sqlalchemy import ClauseElement

from authsvc.domain.databases import Postgres
from authsvc.store.activity import SessionActivity
from authsvc.store.attempts import Attempts
from authsvc.store.authorizations import Authorizations
from authsvc.store.backends import BackendReads
from authsvc.store.client_writes import Owner, _alive, _revoke_authorizations, _revoke_tokens
from authsvc.store.clients import Clients
from authsvc.store.connections import Raw
from authsvc.store.deliveries import Deliveries
from authsvc.store.devices import DeviceCodes
from authsvc.store.executor import Prepared
from authsvc.store.grant_counts import _recounted
from authsvc.store.impersonations import Impersonators
from authsvc.store.machines import Machines
from authsvc.store.postgres import PostgresExecutor
from authsvc.store.projects import Projects
from authsvc.store.purge import Purge
from authsvc.store.reads import Reads
from authsvc.store.sign_ins import Accounts
from authsvc.store.signing_keys import SigningKeys
from authsvc.store.writes import Writes

MANY = 3000
# Of these an operator makes each, and few: reading all of them is no trouble.
FEW = {"api_keys", "clients", "signing_keys", "webhooks"}
ROWS = f"""
INSERT INTO orgs SELECT n, 'Org ' || n, 1, n, n, n, NULL FROM generate_series(1, {MANY}) AS n;
INSERT INTO org_domains SELECT n || '.example', n, true FROM generate_series(1, {MANY}) AS n;
INSERT INTO projects SELECT n, n, 'Project', n, n, n FROM generate_series(1, {MANY}) AS n;
INSERT INTO users SELECT n, n, 1 + (n % 100 = 0)::int, 1, 'u' || n, 'u' || n, '', '', '', '', 'en', 0, '',
  n || '@x.example', true, '', false, NULL, '', NULL, 0, n, n, n, NULL, 'x' || n, NULL, NULL, NULL, false, 1
  FROM generate_series(1, {MANY}) AS n;
INSERT INTO machine_keys SELECT n, n, '', NULL, n, n, n FROM generate_series(1, {MANY}) AS n;
INSERT INTO clients SELECT n, 'c' || n, '', 1, NULL, false, false, '', '', '', 0, 'RS256', NULL, n, n, n
  FROM generate_series(1, 20) AS n;
INSERT INTO user_agents SELECT n, '', n, n, n, sha256(n::text::bytea) FROM generate_series(1, {MANY}) AS n;
INSERT INTO sessions (id, agent_id, user_id, state, sequence, created_at, changed_at, auth_method, expires_at)
  SELECT n, n, n, 1 + (n % 100 = 0)::int, n, n, n, 1, n FROM generate_series(1, {MANY}) AS n;
INSERT INTO user_grants SELECT n, n, n, n, NULL, '', 1, n, n, n FROM generate_series(1, {MANY}) AS n;
INSERT INTO authorizations (id, client_id, user_id, session_id, scope, code_hash, amr, sequence, created_at,
  changed_at, ends_at)
  SELECT n, 1 + n % 20, n, n, '', sha256(n::text::bytea), '', n, n, n, n FROM generate_series(1, {MANY}) AS n;
INSERT INTO access_tokens SELECT n, sha256(n::text::bytea), n, n, n, n, NULL, 1 + n % 20, n,
  CASE WHEN n % 2 = 0 THEN 'openid' END FROM generate_series(1, {MANY}) AS n;
INSERT INTO refresh_tokens SELECT n, n, sha256(n::text::bytea), n, n, n, NULL, '' FROM generate_series(1, {MANY}) AS n;
INSERT INTO device_codes SELECT n, sha256(n::text::bytea), sha256(n::text::bytea), 1, '', 1, NULL, NULL, NULL, n, n, 5
  FROM generate_series(1, {MANY}) AS n;
INSERT INTO consents SELECT n, n, 1, '', n, n, n FROM generate_series(1, {MANY}) AS n;
INSERT INTO attempts SELECT sha256(n::text::bytea), n FROM generate_series(1, {MANY}) AS n;
INSERT INTO used_assertions SELECT sha256(n::text::bytea), n FROM generate_series(1, {MANY}) AS n;
INSERT INTO changes (at, kind, entity_id, action)
  SELECT n, CASE WHEN n % 5 = 0 THEN 'session' ELSE 'user' END, n, 'created' FROM generate_series(1, {MANY}) AS n;
INSERT INTO webhooks SELECT n, '', '', n, false, '', n, n, n FROM generate_series(1, 5) AS n;
INSERT INTO deliveries (webhook_id, sequence, state, attempts, next_at, last_at)
  SELECT 1 + n % 5, n, CASE WHEN n % 100 = 0 THEN 1 ELSE 2 END, 0, n, n FROM generate_series(1, {MANY}) AS n;
"""


# Among a few thousand rows it is sometimes as well to read them all; among millions it is not.
_AS_AMONG_MILLIONS = (
    "SET LOCAL plan_cache_mode = force_generic_plan; "
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
)


class Recording(PostgresExecutor):
    """Keeps what is prepared."""

    def __init__(self, database: Postgres) -> None:
        super().__init__(database)
        self.prepared: dict[str, Prepared] = {}

    def prepare(self, statement: ClauseElement) -> Prepared:
        """Compile, and keep."""
        prepared = super().prepare(statement)
        return self.prepared.setdefault(prepared.sql, prepared)


def _statements(database: Postgres) -> list[Prepared]:
    """All statements of people, programs and back ends, and of what works by itself."""
    executor = Recording(database)
    digests: Any = None
    owners: tuple[Owner, ...] = ("client_id", "user_id")
    writes = Writes(executor)
    alone: tuple[Any, ...] = (Reads, BackendReads, Clients, Projects, SessionActivity, Purge)
    writing: tuple[Any, ...] = (Authorizations, Accounts, Deliveries, Machines, SigningKeys, Impersonators)
    for part in alone:
        part(executor)
    for part in writing:
        part(executor, writes)
    for part in (Attempts, DeviceCodes):
        part(executor, digests)
    for build in (_alive, _revoke_authorizations, _revoke_tokens):
        for owner in owners:
            executor.prepare(build(owner))
    executor.prepare(_recounted())
    return list(executor.prepared.values())


@pytest.fixture(scope="module")
def filled() -> Iterator[Postgres]:
    """A database with many rows, of which it knows."""
    database = server().create()
    server().run(lambda raw: raw.execute(ROWS), database)
    server().run(lambda raw: raw.execute("ANALYZE"), database)
    yield database
    server().drop(database)


async def _plan(raw: Raw, prepared: Prepared) -> dict[str, Any]:
    """As it is once a statement has been used for a while, and its plan is kept."""
    values = f"({', '.join('NULL' for _ in prepared.names)})" if prepared.names else ""
    await raw.execute(f"PREPARE it AS {prepared.sql}")
    try:
        rows = await raw.fetch(f"EXPLAIN (FORMAT JSON) EXECUTE it{values}")
    finally:
        await raw.execute("DEALLOCATE it")
    plan: dict[str, Any] = json.loads(rows[0][0])[0]["Plan"]
    return plan


def _nodes(node: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    yield node, above
    for child in node.get("Plans", ()):
        yield from _nodes(child, (*above, node["Node Type"]))


def _is_walk(node: dict[str, Any], above: tuple[str, ...]) -> bool:
    """Whether a node reads a whole table or index, other than from one end until there is enough."""
    if node["Node Type"] == "Seq Scan":
        return node["Relation Name"] not in FEW
    if not node["Node Type"].endswith("Index Scan") and node["Node Type"] != "Index Only Scan":
        return False
    behind_limit = above[len(above) - above[::-1].index("Limit") :] if "Limit" in above else ("Sort",)
    return "Index Cond" not in node and "Sort" in behind_limit and node.get("Relation Name") not in FEW


@pytest.fixture(scope="module")
def plans(filled: Postgres) -> dict[str, dict[str, Any]]:
    """The plans of all statements."""
    statements = _statements(filled)
    assert len(statements) > 100

    async def explain(raw: Raw) -> dict[str, dict[str, Any]]:
        async with raw.transaction():
            await raw.execute(_AS_AMONG_MILLIONS)
            return {prepared.sql: await _plan(raw, prepared) for prepared in statements}

    return server().run(explain, filled)


def test_no_statement_goes_through_a_table(plans: dict[str, dict[str, Any]]) -> None:
    """However many rows a table has that grows, no statement reads all of them, nor all of an index."""
    for sql, plan in plans.items():
        assert [node for node, above in _nodes(plan) if _is_walk(node, above)] == [], sql


@pytest.mark.parametrize(
    "index",
    [
        "ix_access_tokens_issued",
        "ix_changes_session",
        "ix_changes_session_at",
        "ix_deliveries_settled",
        "ix_users_people",
        "ix_users_people_by_email",
        "ix_users_people_of_org",
        "ix_users_with_totp",
    ],
)
def test_indexes_with_a_condition_are_needed(plans: dict[str, dict[str, Any]], index: str) -> None:
    """Each index over some rows only is chosen by some statement, which says the condition as the index does."""
    assert any(node.get("Index Name") == index for plan in plans.values() for node, _ in _nodes(plan))


def test_a_walk_is_noticed(filled: Postgres) -> None:
    """Statements that go through a table, or through all of an index to sort it, are told from others."""

    async def explain(raw: Raw, sql: str) -> dict[str, Any]:
        async with raw.transaction():
            await raw.execute(_AS_AMONG_MILLIONS)
            return await _plan(raw, Prepared(sql, (), {}))

    for sql, is_one in (
        ("SELECT id FROM users WHERE display_name = 'x'", True),
        ("SELECT id FROM sessions ORDER BY changed_at LIMIT 3", True),
        ("SELECT id FROM sessions WHERE id = 7", False),
        ("SELECT at FROM changes ORDER BY sequence DESC LIMIT 1", False),
    ):
        plan = server().run(partial(explain, sql=sql), filled)
        assert any(_is_walk(node, above) for node, above in _nodes(plan)) == is_one, sql
