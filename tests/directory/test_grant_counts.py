"""The number of a user's grants, which is kept beside the user."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import pytest

from authsvc.directory import DirectoryError, apply, export, parse
from authsvc.store.executor import Executor, Prepared
from authsvc.store.grant_counts import recount
from authsvc.store.writes import Writes

pytestmark = pytest.mark.both_engines

USERS = range(100, 105)
COUNTS = "SELECT id, grant_count FROM users ORDER BY id"
COUNTED = (
    "SELECT users.id, count(user_grants.id) FROM users LEFT JOIN user_grants ON user_grants.user_id = users.id "
    "GROUP BY users.id ORDER BY users.id"
)
PEOPLE = "\n".join(
    f"      - {{id: {user}, userName: u{user}, state: active, human: {{firstName: U, lastName: U}}}}" for user in USERS
)
TOWN = f"""\
orgs:
  - id: 1
    name: Town
    state: active
    domains: [town.example]
    projects: [{{id: 10, name: Map, roles: [{{key: read}}]}}]
    users:
{PEOPLE}
userGrants:
"""


def _grant(number: int, user: int, state: str = "active") -> str:
    return f"  - {{id: {number}, user: {user}, org: 1, project: 10, roles: [read], state: {state}}}\n"


async def _apply(writes: Writes, *grants: str, before: str = "", after: str = "") -> str:
    text = (TOWN + "".join(grants)).replace(before, after) if before else TOWN + "".join(grants)
    return str(await apply(writes, parse(text.encode(), "town.yaml")))


async def test_new_grants_are_counted(writes: Writes, rows: Any) -> None:
    """Whoever gets grants has their number, be they active or not; with more of them it grows, for others it stays."""
    await _apply(writes, _grant(50, 100), _grant(51, 100, "inactive"), _grant(52, 101))
    assert await rows(COUNTS) == [(100, 2), (101, 1), (102, 0), (103, 0), (104, 0)]
    await _apply(writes, _grant(53, 100), _grant(54, 102))
    assert await rows(COUNTS) == [(100, 3), (101, 1), (102, 1), (103, 0), (104, 0)]


async def test_grants_that_a_file_leaves_out(writes: Writes, rows: Any) -> None:
    """A grant that a file does not list, or that has become inactive, is counted as before."""
    await _apply(writes, _grant(50, 100), _grant(51, 100))
    await _apply(writes, _grant(50, 100, "inactive"))
    await _apply(writes)
    assert await rows(COUNTS) == await rows(COUNTED)
    assert (await rows(COUNTS))[0] == (100, 2)


async def test_a_grant_stays_with_its_user(writes: Writes, rows: Any) -> None:
    """A grant cannot be moved to another user, and what such a file adds besides is not counted."""
    await _apply(writes, _grant(50, 100))
    with pytest.raises(DirectoryError):
        await _apply(writes, _grant(50, 101), _grant(51, 102))
    assert await rows(COUNTS) == await rows(COUNTED)
    assert (await rows(COUNTS))[:3] == [(100, 1), (101, 0), (102, 0)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("u100, state: active", "u100, state: deleted"),
        ("name: Town\n    state: active", "name: Town\n    state: inactive"),
    ],
)
async def test_what_ends_keeps_its_grants(writes: Writes, rows: Any, before: str, after: str) -> None:
    """A deleted user, or one of an organization out of use, keeps rows and number; no project is ever deleted."""
    await _apply(writes, _grant(50, 100), _grant(51, 101))
    assert "changed" in await _apply(writes, before=before, after=after)
    assert (await rows(COUNTS))[:3] == [(100, 1), (101, 1), (102, 0)]
    await _apply(writes, _grant(52, 100), before=before, after=after)
    assert await rows(COUNTS) == await rows(COUNTED)


async def test_nobody_is_told(writes: Writes, rows: Any, executor: Executor) -> None:
    """The number is no change of the user, is not exported, and a second run of the same file writes nothing."""
    await _apply(writes)
    before = await rows("SELECT id, sequence, changed_at FROM users ORDER BY id")
    assert await _apply(writes, _grant(50, 100)) == "1 user grant created; 7 entries unchanged"
    assert await rows("SELECT id, sequence, changed_at FROM users ORDER BY id") == before
    assert await rows("SELECT count(*) FROM changes WHERE kind = 'user'") == [(len(USERS),)]
    assert await _apply(writes, _grant(50, 100)) == "nothing to change"
    text = await export(executor)
    assert "count" not in text.lower()
    assert str(await apply(writes, parse(text.encode(), "town.yaml"))) == "nothing to change"


async def test_a_wrong_number_mends_itself(writes: Writes, rows: Any, executor: Executor) -> None:
    """The next write of one of their grants makes a user's number right, whatever it was."""
    await _apply(writes, _grant(50, 100))
    async with executor.transaction() as tx:
        await tx.execute(Prepared("UPDATE users SET grant_count = 77", (), {}))
    await _apply(writes, _grant(50, 100, "inactive"), _grant(51, 101))
    assert await rows(COUNTS) == [(100, 1), (101, 1), (102, 77), (103, 77), (104, 77)]


async def test_removed_grants(writes: Writes, rows: Any, executor: Executor) -> None:
    """Recounted after rows have gone, in the same transaction, users have the number of what is left."""
    await _apply(writes, _grant(50, 100), _grant(51, 100), _grant(52, 101), _grant(53, 102))
    async with executor.transaction() as tx:
        await tx.execute(Prepared("DELETE FROM user_grants WHERE id IN (51, 52)", (), {}))
        await recount(writes, tx, [101, 100, 101, 999])
    assert await rows(COUNTS) == await rows(COUNTED) == [(100, 1), (101, 0), (102, 1), (103, 0), (104, 0)]


@pytest.mark.parametrize("seed", range(5))
async def test_any_files_in_any_order(writes: Writes, rows: Any, seed: int) -> None:
    """After whatever files, good or refused, every number is that of the rows."""
    choose = random.Random(seed)
    for _ in range(8):
        numbers = choose.sample(range(50, 65), choose.randint(0, 8))
        # Mostly each grant has its one user; now and then a file contradicts that, and is refused.
        moved = choose.random() < 0.2
        grants = [
            _grant(number, USERS[(number + moved) % len(USERS)], choose.choice(["active", "inactive"]))
            for number in numbers
        ]
        with suppress(DirectoryError):
            await _apply(writes, *grants)
        assert await rows(COUNTS) == await rows(COUNTED)
