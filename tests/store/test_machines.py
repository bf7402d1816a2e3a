from __future__ import annotations

import pytest
from oauth.machine_stage import CLOSED, GIGI, KEYS, RETIRED, ROBOT, SUPPORT, Stage

from authsvc.domain.clock import SECOND
from authsvc.domain.users import UserState
from authsvc.store import schema


@pytest.fixture
async def stage(machine_stage: Stage) -> Stage:
    """Machine users with keys."""
    return machine_stage


async def test_machine_is_found_by_id_and_by_every_login_name(stage: Stage) -> None:
    """Domains are not told apart by case; logins are, and people, deleted machine users and others are not found."""
    names = [str(ROBOT), f"user-{ROBOT}@savanna.example", f"user-{ROBOT}@ZOO.example"]
    found = [await stage.machines.by_name(name) for name in names]
    assert found[0] is not None
    assert (found[0].user_id, found[0].address) == (ROBOT, f"user-{ROBOT}@savanna.example")
    assert found == found[:1] * 3
    await stage.put(schema.users, id=SUPPORT, state=UserState.DELETED.value)
    for name in (str(GIGI), f"User-{ROBOT}@zoo.example", f"user-{ROBOT}", str(SUPPORT), "4711", "", "@"):
        assert await stage.machines.by_name(name) is None, name


async def test_machine_says_whether_it_can_be_used(stage: Stage) -> None:
    """A machine user that is disabled is still found, and so is one of an organization that is not active."""
    usable = {user_id: await stage.machines.by_id(user_id) for user_id in (ROBOT, RETIRED, CLOSED)}
    assert [machine and machine.is_usable for machine in usable.values()] == [True, False, False]


async def test_machine_without_a_domain_goes_by_its_login(stage: Stage) -> None:
    """Where an e-mail address is expected stands the best that there is."""
    machine = await stage.machines.by_id(CLOSED)
    assert machine is not None
    assert [machine.address, machine._replace(email="a@b.example").address] == [f"user-{CLOSED}", "a@b.example"]


async def test_key_comes_with_its_machine(stage: Stage) -> None:
    """A key is found by its id, expired or not, unless its machine user is deleted."""
    found = {kid: await stage.machines.key(kid) for kid in (*KEYS, 4711)}
    owners = [key and (key.id, key.machine.user_id) for key in found.values()]
    assert owners == [*((kid, ROBOT) for kid in range(900, 904)), (904, RETIRED), (905, 101), None]
    await stage.put(schema.users, id=RETIRED, state=UserState.DELETED.value)
    assert await stage.machines.key(904) is None


async def test_assertion_is_kept_until_its_time(stage: Stage) -> None:
    """An assertion is new once, and again when its time is over; `changes` tells nothing of it."""
    before = await stage.rows("SELECT count(*) FROM changes")
    seen = []
    for wait in (0, 0, 59, 1):
        stage.clock.advance(wait)
        async with stage.writes.transaction() as tx:
            seen.append(await stage.machines.use_assertion(tx, b"hash", stage.clock() + 60 * SECOND))
    assert seen == [True, False, False, True]
    assert await stage.rows("SELECT count(*) FROM changes") == before
