"""Signing out with a token, over a real store and the real pipeline's decision of who calls."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from authsvc_account.v1.account_pb2 import SignOutAllRequest, SignOutRequest
from harness import DEMO

from authsvc import directory
from authsvc.api.account import AccountServicer
from authsvc.domain.sessions import SessionState
from authsvc.errors import NotFound, Unauthenticated
from authsvc.identity.authenticator import Authenticator
from authsvc.identity.caller import Caller
from authsvc.store.executor import Executor
from authsvc.store.reads import Reads
from authsvc.store.sign_ins import Accounts
from authsvc.store.writes import Writes

AGENT, ELSEWHERE = 69629023906488334, 69629023906488337
GIGI, ZORA, PIA, OLLI = ("69629023906488334", "69629023906488335", "69629023906488336", "69629023906488338")
HOUR = 3_600_000_000


@dataclass
class Context:
    """All that the servicer asks of its call."""

    caller: Caller


class Scene:
    """The demo's people: Gigi, Zora and, signed out, Pia in one browser; Olli in another."""

    def __init__(self, executor: Executor) -> None:
        self.writes = Writes(executor)
        self.reads = Reads(executor)
        self.servicer = AccountServicer(Accounts(executor, self.writes))

    async def context(self, agent_id: int | None = AGENT) -> Context:
        """A call of Gigi's, in a browser."""
        _, token = await self.writes.sign_in("gigi@zitadel.com", agent_id, HOUR)
        return Context(await Authenticator(self.reads).caller([f"Bearer {token}"], []))

    async def active(self) -> set[str]:
        """The sessions that are not over, in both browsers."""
        return {
            str(session.id)
            for agent_id in (AGENT, ELSEWHERE)
            for session in await self.reads.sessions(agent_id)
            if session.state == SessionState.ACTIVE
        }


@pytest.fixture
async def scene(executor: Executor) -> Scene:
    """A database with the demo's people."""
    scene = Scene(executor)
    await directory.apply(scene.writes, directory.read(DEMO))
    return scene


async def test_somebody_else_is_signed_out(scene: Scene) -> None:
    """One session of the caller's browser is over, and no other; once more changes nothing."""
    context = await scene.context()
    for _ in range(2):
        await scene.servicer.SignOut(SignOutRequest(session_id=ZORA), context)
        assert await scene.active() == {GIGI, OLLI}


async def test_who_is_signed_out_already(scene: Scene) -> None:
    """A session that the browser shows as ended may be named too."""
    await scene.servicer.SignOut(SignOutRequest(session_id=PIA), await scene.context())
    assert await scene.active() == {GIGI, ZORA, OLLI}


async def test_everybody_is_signed_out(scene: Scene) -> None:
    """No session of the browser is left, that of the caller neither, and their tokens are worth nothing."""
    context = await scene.context()
    _, token = await scene.writes.sign_in("zora@zitadel.com", AGENT, HOUR)
    await scene.servicer.SignOutAll(SignOutAllRequest(), context)
    assert await scene.active() == {OLLI}
    with pytest.raises(Unauthenticated):
        await Authenticator(scene.reads).caller([f"Bearer {token}"], [])


@pytest.mark.parametrize("session_id", [OLLI, "1", "0", "", "-1", "x", "9" * 30, "٣"])
async def test_other_sessions_cannot_be_named(scene: Scene, session_id: str) -> None:
    """Those of another browser are told no otherwise than those that there are none of, and stay."""
    with pytest.raises(NotFound) as caught:
        await scene.servicer.SignOut(SignOutRequest(session_id=session_id), await scene.context())
    assert caught.value.id == "AUTHSVC-SE001"
    assert await scene.active() == {GIGI, ZORA, OLLI}


async def test_a_token_of_no_browser(scene: Scene) -> None:
    """It signs nobody out, not even its owner elsewhere."""
    context = await scene.context(None)
    with pytest.raises(NotFound) as one:
        await scene.servicer.SignOut(SignOutRequest(session_id=GIGI), context)
    with pytest.raises(NotFound) as everybody:
        await scene.servicer.SignOutAll(SignOutAllRequest(), context)
    assert (one.value.id, everybody.value.id) == ("AUTHSVC-SE002", "AUTHSVC-SE002")
    assert await scene.active() == {GIGI, ZORA, OLLI}
