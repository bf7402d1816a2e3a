"""Work that mostly does not wait."""

from __future__ import annotations

import asyncio

import pytest

from authsvc.rpc.waiting import Begun


async def test_work_that_does_not_wait_has_ended() -> None:
    """Its result is there at once."""

    async def work() -> int:
        return 7

    begun = Begun(work())
    assert (begun.waits, begun.result) == (False, 7)


async def test_work_that_fails_at_once_raises() -> None:
    """What the first step raises comes out of it."""

    async def work() -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        Begun(work())


async def test_work_that_waits_goes_on_when_awaited() -> None:
    """It waits for futures, for others' turns and again, as if it had been awaited from the start."""
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def work() -> int:
        first = await future
        await asyncio.sleep(0)
        return first + await asyncio.sleep(0.001, 1)

    begun = Begun(work())
    assert begun.waits
    asyncio.get_running_loop().call_soon(future.set_result, 6)
    assert await begun == 7


@pytest.mark.parametrize("caught", [True, False])
async def test_what_is_waited_for_may_fail(*, caught: bool) -> None:
    """Its error is raised inside the work, which may catch it."""
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def work() -> str:
        try:
            await future
        except OSError:
            if not caught:
                raise
        return "went on"

    begun = Begun(work())
    future.set_exception(OSError("no"))
    if caught:
        assert await begun == "went on"
    else:
        with pytest.raises(OSError, match="no"):
            await begun


async def test_a_deadline_cancels_it_while_it_waits() -> None:
    """Cancellation reaches the work, which cleans up, and waits for that too."""
    seen = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned up")

    begun = Begun(work())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await begun
    assert seen == ["cleaned up"]
