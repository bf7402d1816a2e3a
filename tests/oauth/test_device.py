from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from oauth.machine_stage import (
    AGENT,
    CLI,
    GIGI,
    HOME,
    IMPERSONATED,
    ISSUER,
    NOW,
    ORG,
    SESSION,
    Stage,
    ask,
    staged,
)

from authsvc.domain.accounts import BrowserSession
from authsvc.domain.clients import ClientState
from authsvc.domain.clock import SECOND
from authsvc.domain.sessions import SessionState
from authsvc.domain.users import UserState
from authsvc.errors import Unauthenticated
from authsvc.identity import jws
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenRequest
from authsvc.oauth.guessing import TooManyAttempts
from authsvc.store import schema

PERSON = BrowserSession(SESSION, GIGI, ORG, "gigi@savanna.example", "Gigi", "", True, NOW, "pwd", None)


@pytest.fixture
async def stage(empty_database: Path, tmp_path: Path) -> AsyncIterator[Stage]:
    """Clients that may have devices, and a person who is signed in."""
    async with staged(empty_database, tmp_path) as stage:
        yield stage


async def _start(stage: Stage, client_id: str = "cli", **form: Any) -> dict[str, Any]:
    return await stage.devices.start(TokenRequest({"client_id": client_id, **form}, (), HOME))


async def _poll(stage: Stage, device: dict[str, Any], client_id: str = "cli") -> Any:
    return await ask(stage.device, client_id=client_id, device_code=device["device_code"])


async def _refusal(stage: Stage, device: dict[str, Any], client_id: str = "cli") -> str:
    with pytest.raises(OAuthError) as refused:
        await _poll(stage, device, client_id)
    return refused.value.code


async def _approved(stage: Stage, **form: Any) -> dict[str, Any]:
    device = await _start(stage, **form)
    assert await stage.devices.decide(device["user_code"], PERSON, allow=True)
    return device


async def test_device_gets_two_codes(stage: Stage) -> None:
    """The answer is that of RFC 8628, section 3.2; the store has nothing of it but hashes."""
    device = await _start(stage)
    user_code = device["user_code"]
    assert re.fullmatch(r"[B-Z]{4}-[B-Z]{4}", user_code)
    assert len(device.pop("device_code")) == 43
    assert device == {
        "user_code": user_code,
        "verification_uri": f"{ISSUER}/device",
        "verification_uri_complete": f"{ISSUER}/device?user_code={user_code}",
        "expires_in": 600,
        "interval": 5,
    }
    assert user_code not in str(await stage.rows("SELECT * FROM device_codes"))


async def test_device_that_is_let_in_gets_tokens_of_the_person(stage: Stage) -> None:
    """The person sees what they let in, decides, and the device has tokens of their session: access, ID and refresh."""
    device = await _start(stage, scope="openid profile offline_access")
    assert await _refusal(stage, device) == "authorization_pending"
    typed = device["user_code"].lower().replace("-", " ")
    assert await stage.devices.pending(typed, HOME) == ("Cli", "openid profile offline_access")
    assert await stage.devices.decide(typed, PERSON, allow=True)
    assert await stage.devices.pending(typed, HOME) is None
    answer = await _poll(stage, device)
    caller = await stage.caller(answer.access_token)
    assert (caller.user_id, caller.session_id) == (GIGI, SESSION)
    assert (answer.scope, answer.refresh_token is not None) == ("openid profile offline_access", True)
    read = jws.read(answer.id_token)
    assert read is not None
    assert (read.claims["sub"], read.claims["aud"]) == (str(GIGI), "cli")
    assert read.claims["auth_time"] == NOW // SECOND - 60
    found = await stage.rows("SELECT client_id, user_id, session_id, amr FROM authorizations")
    assert found == [(CLI, GIGI, SESSION, "pwd otp mfa")]


async def test_person_may_say_no(stage: Stage) -> None:
    """A device that is not let in is told so, each time, and nobody can change their mind."""
    device = await _start(stage)
    assert await stage.devices.decide(device["user_code"], PERSON, allow=False)
    assert not await stage.devices.decide(device["user_code"], PERSON, allow=True)
    assert [await _refusal(stage, device) for _ in range(2)] == ["access_denied"] * 2


async def test_scope_says_whether_there_is_a_refresh_token(stage: Stage) -> None:
    """Without a scope it is `openid`; a client without the grant type for it gets no refresh token."""
    assert (await _poll(stage, await _approved(stage))).scope == "openid"
    device = await _approved(stage, client_id="tool", scope="openid offline_access")
    answer = await _poll(stage, device, "tool")
    assert (answer.scope, answer.refresh_token) == ("openid", None)


async def test_device_that_asks_too_often_has_to_wait_longer(stage: Stage) -> None:
    """Who asks again before five seconds are over has to wait five more from then on (RFC 8628, section 3.5)."""
    device = await _start(stage)
    waits = [0, 5, 4.9, 9.9, 15, 14.9, 20]
    answers = []
    for wait in waits:
        stage.clock.advance(wait)
        answers.append(await _refusal(stage, device))
    pending, slow = "authorization_pending", "slow_down"
    assert answers == [pending, pending, slow, slow, pending, slow, pending]


async def test_device_that_is_let_in_need_not_wait(stage: Stage) -> None:
    """Once a person has decided there is nothing to slow down."""
    device = await _start(stage)
    assert await _refusal(stage, device) == "authorization_pending"
    await stage.devices.decide(device["user_code"], PERSON, allow=True)
    assert (await _poll(stage, device)).access_token


async def test_codes_are_over_after_ten_minutes(stage: Stage) -> None:
    """At the last moment the code still counts; then it has expired, let in or not, and later it is forgotten."""
    waiting, approved, late = await _start(stage), await _approved(stage), await _start(stage)
    stage.clock.advance(599)
    assert await stage.devices.pending(late["user_code"], HOME) is not None
    assert await _refusal(stage, waiting) == "authorization_pending"
    stage.clock.advance(1)
    assert await stage.devices.pending(late["user_code"], HOME) is None
    assert not await stage.devices.decide(late["user_code"], PERSON, allow=True)
    assert [await _refusal(stage, device) for device in (waiting, approved)] == ["expired_token"] * 2
    stage.clock.advance(600)
    await _start(stage)
    assert await _refusal(stage, approved) == "invalid_grant"
    assert len(await stage.rows("SELECT * FROM device_codes")) == 1


async def test_code_that_is_used_twice_is_the_end_of_its_tokens(stage: Stage) -> None:
    """A second exchange is refused, even late, and what the first gave is dead."""
    device = await _approved(stage, scope="openid offline_access")
    answer = await _poll(stage, device)
    stage.clock.advance(601)
    assert await _refusal(stage, device) == "invalid_grant"
    with pytest.raises(Unauthenticated):
        await stage.caller(answer.access_token)
    assert await stage.rows("SELECT revoked_at FROM authorizations") == [(stage.clock.at,)]


async def test_one_of_many_at_once_gets_tokens(stage: Stage) -> None:
    """Of 32 exchanges of one code at the same time exactly one wins, and then its tokens are dead."""
    device = await _approved(stage)
    answers = await asyncio.gather(*(_poll(stage, device) for _ in range(32)), return_exceptions=True)
    refusals = [answer.code for answer in answers if isinstance(answer, OAuthError)]
    assert refusals == ["invalid_grant"] * 31
    (won,) = [answer for answer in answers if not isinstance(answer, BaseException)]
    with pytest.raises(Unauthenticated):
        await stage.caller(won.access_token)


async def test_one_of_many_decisions_counts(stage: Stage) -> None:
    """Of people who decide at the same time one does."""
    device = await _start(stage)
    decisions = (stage.devices.decide(device["user_code"], PERSON, allow=bool(n % 2)) for n in range(8))
    assert sorted(await asyncio.gather(*decisions)) == [False] * 7 + [True]


async def test_device_code_belongs_to_its_client(stage: Stage) -> None:
    """Another client gets nothing for the code, and does no harm with it."""
    device = await _approved(stage)
    assert await _refusal(stage, device, "tool") == "invalid_grant"
    answer = await _poll(stage, device)
    assert await _refusal(stage, device, "tool") == "invalid_grant"
    assert (await stage.caller(answer.access_token)).user_id == GIGI


@pytest.mark.parametrize(
    ("table", "row", "values"),
    [
        (schema.sessions, SESSION, {"state": SessionState.TERMINATED.value}),
        (schema.sessions, SESSION, {"expires_at": NOW}),
        (schema.users, GIGI, {"state": UserState.LOCKED.value}),
        (schema.orgs, ORG, {"state": 2}),
    ],
)
async def test_person_must_still_be_signed_in(stage: Stage, table: Any, row: int, values: dict[str, Any]) -> None:
    """If the session has ended since, or the person cannot sign in any more, the device gets nothing."""
    device = await _approved(stage)
    await stage.put(table, id=row, **values)
    assert await _refusal(stage, device) == "invalid_grant"
    assert await stage.rows("SELECT * FROM authorizations") == []


async def test_impersonators_and_those_signed_out_do_not_decide(stage: Stage) -> None:
    """Who is not the person themselves, here and now, lets no device in; it goes on waiting."""
    device = await _start(stage)
    impersonated = PERSON._replace(id=IMPERSONATED, impersonator="support@savanna.example")
    for session in (impersonated, PERSON._replace(is_active=False)):
        assert not await stage.devices.decide(device["user_code"], session, allow=True)
    assert await _refusal(stage, device) == "authorization_pending"


async def test_session_that_is_an_impersonators_is_told_apart(stage: Stage) -> None:
    """What the store says of a session is what its tokens say: an impersonator's does not become the person's."""
    about = {"impersonator_email": "support@savanna.example", "impersonator_reason": "ticket 42"}
    await stage.put(schema.sessions, id=IMPERSONATED, agent_id=AGENT, user_id=GIGI, **about)
    async with stage.writes.transaction() as tx:
        holder = await stage.device_codes.holder(tx, IMPERSONATED)
    assert holder is not None
    assert (holder.impersonator, holder.authenticated_at, holder.amr) == ("support@savanna.example", None, "")


async def test_clients_without_the_grant_are_refused(stage: Stage) -> None:
    """A client has devices if it may; an unknown one, or one that does not show its secret, is no client."""
    with pytest.raises(OAuthError, match=r"^unauthorized_client"):
        await _start(stage, "web", client_secret="cs_web")
    with pytest.raises(OAuthError, match=r"^unauthorized_client"):
        await ask(stage.device, client_id="web", client_secret="cs_web", device_code="x")
    for client_id in ("web", "unknown"):
        with pytest.raises(OAuthError, match=r"^invalid_client"):
            await _start(stage, client_id)
    with pytest.raises(OAuthError, match=r"^invalid_scope"):
        await _start(stage, scope="unheard-of")
    with pytest.raises(OAuthError, match=r"^invalid_request"):
        await ask(stage.device, client_id="cli")
    assert await _refusal(stage, {"device_code": "unknown"}) == "invalid_grant"
    assert await stage.rows("SELECT * FROM device_codes") == []


async def test_devices_of_a_disabled_client_wait_in_vain(stage: Stage) -> None:
    """Nobody is asked to let in a device of a client that has been disabled."""
    device = await _start(stage)
    await stage.put(schema.clients, id=CLI, state=ClientState.INACTIVE.value)
    assert await stage.devices.pending(device["user_code"], HOME) is None
    assert not await stage.devices.decide(device["user_code"], PERSON, allow=True)
    assert await _refusal(stage, device) == "invalid_client"


async def test_user_codes_cannot_be_guessed(stage: Stage) -> None:
    """Fifty wrong codes from one address, or ten of one person, and even the right one has to wait."""
    device = await _start(stage)
    for _ in range(60):
        assert await stage.devices.pending(device["user_code"], HOME) is not None
    for _ in range(50):
        assert await stage.devices.pending("BBBB-BBBB", HOME) is None
    with pytest.raises(TooManyAttempts):
        await stage.devices.pending(device["user_code"], HOME)
    for _ in range(10):
        assert not await stage.devices.decide("BBBB-BBBB", PERSON, allow=True)
    with pytest.raises(TooManyAttempts):
        await stage.devices.decide(device["user_code"], PERSON, allow=True)
    assert await stage.devices.pending("not a code", HOME) is None
    stage.clock.advance(30)
    assert await stage.devices.decide(device["user_code"], PERSON, allow=True)


async def test_devices_begin_at_a_rate(stage: Stage) -> None:
    """Nobody fills the store with devices from one address; tries of secrets are not touched by it."""
    for _ in range(50):
        await _start(stage)
    with pytest.raises(TooManyAttempts):
        await _start(stage)
    assert await stage.devices.pending("BBBB-BBBB", HOME) is None


async def test_user_code_is_one_that_nobody_has(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A code that is taken is drawn again, and if none is free the device may try later."""
    drawn = iter(["BBBB-BBBB", "BBBB-BBBB", "CCCC-CCCC", *["CCCC-CCCC"] * 5])
    monkeypatch.setattr("authsvc.oauth.device.new_user_code", lambda: next(drawn))
    assert [(await _start(stage))["user_code"] for _ in range(2)] == ["BBBB-BBBB", "CCCC-CCCC"]
    with pytest.raises(OAuthError, match=r"^temporarily_unavailable"):
        await _start(stage)


async def test_what_nobody_knows_keeps_no_writer_waiting(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device code that is unknown, or another client's, is refused without a transaction."""
    device = await _approved(stage)
    await stage.keyring.public()
    monkeypatch.setattr(stage.executor, "transaction", None)
    for code in ("x" * 43, device["device_code"]):
        assert await _refusal(stage, {"device_code": code}, "tool") == "invalid_grant"


async def test_projects_that_do_not_exist_are_left_out(stage: Stage) -> None:
    """A device is let in for what there is: a person is asked for nothing else."""
    await stage.put(schema.projects, id=7, org_id=ORG, name="Map")
    named = [f"urn:zitadel:iam:org:project:id:{each}:aud" for each in (7, 8)]
    begun = await _start(stage, scope=f"openid {' '.join(named)}")
    pending = await stage.devices.pending(begun["user_code"], HOME)
    assert pending is not None
    assert pending.scope == f"openid {named[0]}"
