from __future__ import annotations

import pytest
from oauth.machine_stage import CLI, GIGI, NOW, ORG, SESSION, Stage

from authsvc.domain.authorizations import DeviceState, Holder
from authsvc.domain.clock import SECOND
from authsvc.domain.devices import Device
from authsvc.domain.tokens import token_hash
from authsvc.oauth.sealing import Sealing

DEVICE_HASH, USER_CODE = b"d" * 32, "BCDF-GHJK"


@pytest.fixture
async def stage(machine_stage: Stage) -> Stage:
    """A store in which one device waits."""
    assert await machine_stage.device_codes.add(CLI, "openid", DEVICE_HASH, USER_CODE)
    return machine_stage


async def _device(stage: Stage, device_hash: bytes = DEVICE_HASH) -> Device | None:
    async with stage.writes.transaction() as tx:
        return await stage.device_codes.device(tx, device_hash)


async def test_device_is_found_by_the_hash_of_its_code(stage: Stage) -> None:
    """A new device waits for ten minutes, and is to ask every five seconds."""
    device = await _device(stage)
    assert device is not None
    ends = NOW + 600 * SECOND
    assert device[1:] == (CLI, "openid", DeviceState.PENDING, None, None, None, ends, 5, None)
    assert await _device(stage, token_hash(USER_CODE)) is None


async def test_user_code_cannot_be_tried_without_the_key(stage: Stage) -> None:
    """There are few enough codes to hash them all, so their hashes are keyed."""
    ((kept,),) = await stage.rows("SELECT user_hash FROM device_codes")
    assert kept != token_hash(USER_CODE)
    assert kept == Sealing(bytes(32)).digest("user code", USER_CODE)


async def test_user_code_is_taken_as_long_as_the_device_is_known(stage: Stage) -> None:
    """No two devices have the same user code, even when the time of one is over."""
    stage.clock.advance(600)
    assert not await stage.device_codes.add(CLI, "openid", b"e" * 32, USER_CODE)
    stage.clock.advance(600)
    assert await stage.device_codes.add(CLI, "openid", b"e" * 32, USER_CODE)
    assert await _device(stage) is None


async def test_steps_of_a_device_are_kept(stage: Stage) -> None:
    """What the device asks, a person decides and comes of it stands in its row, and nothing of it in `changes`."""
    before = await stage.rows("SELECT count(*) FROM changes")
    device = await _device(stage)
    assert device is not None
    async with stage.writes.transaction() as tx:
        await stage.device_codes.ask(tx, device, 10)
    asked = await _device(stage)
    assert asked == device._replace(asked_at=NOW, interval=10)
    assert await stage.device_codes.decide(USER_CODE, GIGI, SESSION, allow=True)
    approved = await _device(stage)
    assert approved == asked._replace(state=DeviceState.APPROVED, user_id=GIGI, session_id=SESSION)
    async with stage.writes.transaction() as tx:
        await stage.device_codes.use(tx, approved, 7)
    assert await _device(stage) == approved._replace(state=DeviceState.USED, authorization_id=7)
    assert await stage.rows("SELECT count(*) FROM changes") == before


async def test_holder_is_whoever_the_session_is_of(stage: Stage) -> None:
    """The session tells who is signed in, since when and how; one that does not exist tells nothing."""
    async with stage.writes.transaction() as tx:
        holder = await stage.device_codes.holder(tx, SESSION)
        assert await stage.device_codes.holder(tx, 4711) is None
    assert holder == Holder(GIGI, ORG, SESSION, NOW - 60 * SECOND, "pwd otp mfa")
