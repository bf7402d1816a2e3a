from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from oauth.machine_stage import (
    GIGI,
    HOME,
    ISSUER,
    LOCKED,
    NOW,
    ORG,
    ROBOT,
    SECRET,
    STRANGER,
    SUPPORT,
    TERMS,
    Stage,
    ask,
    assertion,
    staged,
)

from authsvc.domain.authorizations import Terms
from authsvc.domain.clock import SECOND
from authsvc.domain.sessions import AuthMethod, SessionState
from authsvc.domain.users import UserState
from authsvc.errors import Unauthenticated
from authsvc.identity import jws
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenAnswer
from authsvc.oauth.guessing import TooManyAttempts
from authsvc.oauth.token_exchange import ACCESS_TOKEN, JWT, USER_ID
from authsvc.store import schema

REASON = "ticket 42: the map does not load"
NOBODY = "invalid_request: there is nobody with the id in subject_token whom this actor may act as"


@pytest.fixture
async def stage(empty_database: Path, tmp_path: Path) -> AsyncIterator[Stage]:
    """A machine user that may impersonate people of its organization; its secrets are not looked at."""
    async with staged(empty_database, tmp_path) as stage:
        stage.passwords.pretended = True
        yield stage


async def _exchange(stage: Stage, machine: int | None = SUPPORT, terms: Terms = TERMS, **changed: Any) -> TokenAnswer:
    """The answer to a good request, but for what is said to be otherwise; a field of None is left out."""
    credentials = {} if machine is None else {"client_id": str(machine), "client_secret": SECRET}
    subject = {"subject_token": str(GIGI), "subject_token_type": USER_ID, "reason": REASON}
    form: dict[str, Any] = {**credentials, **subject, **changed}
    return await ask(stage.token_exchange(terms), **{name: value for name, value in form.items() if value is not None})


async def _refusal(stage: Stage, machine: int | None = SUPPORT, **changed: Any) -> str:
    with pytest.raises(OAuthError) as refused:
        await _exchange(stage, machine, **changed)
    return str(refused.value)


async def _own_token(stage: Stage, machine: int) -> str:
    answer = await ask(stage.client_credentials, client_id=str(machine), client_secret=SECRET)
    return answer.access_token


async def test_session_says_who_acts_and_why(stage: Stage) -> None:
    """The token is the person's; its session has the impersonator, the reason, where from, and ends within the hour."""
    answer = await _exchange(stage)
    caller = await stage.caller(answer.access_token)
    assert caller.user_id == GIGI
    assert answer._replace(access_token="") == ("", 3600, "openid", None, None, ACCESS_TOKEN)
    columns = "auth_method, impersonator_email, impersonator_reason, ip_address, user_agent, authenticated_at, amr"
    assert await stage.rows(f"SELECT {columns} FROM sessions WHERE id = {caller.session_id}") == [
        (
            AuthMethod.IMPERSONATION,
            f"user-{SUPPORT}@savanna.example",
            REASON,
            HOME.ip_address,
            HOME.user_agent,
            None,
            None,
        )
    ]
    stage.clock.advance(3599)
    assert (await stage.caller(answer.access_token)).user_id == GIGI
    stage.clock.advance(1)
    with pytest.raises(Unauthenticated):
        await stage.caller(answer.access_token)
    ends = await stage.rows(f"SELECT expires_at FROM sessions WHERE id = {caller.session_id}")
    assert ends == [(NOW + 3600 * SECOND,)]


async def test_every_impersonation_is_a_session_of_its_own(stage: Stage) -> None:
    """No impersonator shares a session or an agent with the person, or with another time."""
    callers = [await stage.caller((await _exchange(stage)).access_token) for _ in range(2)]
    mine = await stage.rows(f"SELECT agent_id, id FROM sessions WHERE user_id = {GIGI}")
    assert len({agent for agent, _ in mine}) == len(mine) == 3
    assert {(caller.agent_id, caller.session_id) for caller in callers} < set(mine)


async def test_end_of_the_session_is_the_end_of_the_token(stage: Stage) -> None:
    """The person can end an impersonator's session as any other."""
    answer = await _exchange(stage)
    session_id = (await stage.caller(answer.access_token)).session_id
    assert session_id is not None
    assert await stage.writes.end_session(session_id)
    with pytest.raises(Unauthenticated):
        await stage.caller(answer.access_token)


@pytest.mark.parametrize("life", [300, 7200])
async def test_life_is_that_of_access_tokens_but_an_hour_at_most(stage: Stage, life: int) -> None:
    """Shorter access tokens make impersonations shorter, longer ones do not make them longer."""
    answer = await _exchange(stage, terms=TERMS._replace(access_life=life * SECOND))
    assert answer.expires_in == min(life, 3600)
    record = await stage.record(answer.access_token)
    assert record.expires_at == record.session_expires_at == NOW + min(life, 3600) * SECOND


async def test_actor_may_show_a_token_of_its_own(stage: Stage) -> None:
    """Instead of its secret a machine user shows an access token; if it has an e-mail address, that one is kept."""
    await stage.put(schema.users, id=SUPPORT, email="support@savanna.example")
    actor: dict[str, Any] = {"actor_token": await _own_token(stage, SUPPORT), "actor_token_type": ACCESS_TOKEN}
    answer = await _exchange(stage, None, **actor)
    session_id = (await stage.caller(answer.access_token)).session_id
    rows = await stage.rows(f"SELECT impersonator_email FROM sessions WHERE id = {session_id}")
    assert rows == [("support@savanna.example",)]


async def test_jwt_says_who_acts(stage: Stage) -> None:
    """Who asks for a JWT gets one, in which the actor stands (RFC 8693, section 4.1)."""
    answer = await _exchange(stage, requested_token_type=JWT)
    read = jws.read(answer.access_token)
    assert read is not None
    assert (read.claims["sub"], read.claims["iss"]) == (str(GIGI), ISSUER)
    assert read.claims["act"] == {"sub": f"user-{SUPPORT}@savanna.example"}
    assert (answer.issued_token_type, (await stage.caller(answer.access_token)).user_id) == (JWT, GIGI)


async def test_scope_of_refresh_tokens_is_left_out(stage: Stage) -> None:
    """An impersonation is never renewed, whatever is asked for."""
    answer = await _exchange(stage, scope="openid email offline_access")
    assert (answer.scope, answer.refresh_token) == ("openid email", None)
    assert await stage.rows("SELECT * FROM refresh_tokens") == []


async def test_machine_without_the_right_is_refused(stage: Stage) -> None:
    """Every other machine user is told that it may not, whoever the person is."""
    actor = {"actor_token": await _own_token(stage, ROBOT), "actor_token_type": ACCESS_TOKEN}
    for refusal in (
        await _refusal(stage, ROBOT),
        await _refusal(stage, ROBOT, subject_token="4711"),
        await _refusal(stage, None, **actor),
    ):
        assert refusal == "unauthorized_client: only who has been given the right may act as somebody else"


async def test_nobody_else_can_be_impersonated(stage: Stage) -> None:
    """Itself, machines, people who cannot sign in, those of other organizations and unknown ones get one answer."""
    for subject in (SUPPORT, ROBOT, LOCKED, STRANGER, 4711, "gigi@savanna.example", "0", "x" * 99):
        assert await _refusal(stage, subject_token=str(subject)) == NOBODY, subject
    assert await stage.rows("SELECT * FROM sessions WHERE impersonator_email IS NOT NULL") == []
    assert await stage.rows("SELECT * FROM user_agents WHERE description = 'Impersonation'") == []


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"subject_token": None}, "invalid_request"),
    ({"subject_token_type": None}, "invalid_request"),
    ({"subject_token_type": ACCESS_TOKEN}, "invalid_request"),
    ({"reason": None}, "invalid_request"),
    ({"reason": " "}, "invalid_request"),
    ({"reason": "a\nb"}, "invalid_request"),
    ({"reason": "x" * 501}, "invalid_request"),
    ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
    ({"requested_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"),
    ({"scope": "unheard-of"}, "invalid_scope"),
    ({"audience": "https://other.example"}, "invalid_target"),
    ({"resource": "https://other.example"}, "invalid_target"),
    ({"client_id": None}, "invalid_client"),
    ({"client_secret": None}, "invalid_client"),
    ({"actor_token": "token"}, "invalid_request"),
    ({"actor_token_type": ACCESS_TOKEN}, "invalid_request"),
]


async def test_other_requests_are_refused(stage: Stage) -> None:
    """What is missing, cannot be had, or says in two ways who asks is refused before anything is written."""
    refusals = [(await _refusal(stage, **changed)).split(":")[0] for changed, _ in WRONG]
    assert refusals == [code for _, code in WRONG]
    assert await stage.rows("SELECT * FROM access_tokens") == []


async def _dead(stage: Stage) -> str:
    token = await _own_token(stage, SUPPORT)
    await stage.writes.revoke_token(token)
    return token


async def _expired(stage: Stage) -> str:
    token = await _own_token(stage, SUPPORT)
    stage.clock.advance(3600)
    return token


async def _narrow(stage: Stage) -> str:
    answer = await ask(stage.client_credentials, client_id=str(SUPPORT), client_secret=SECRET, scope="profile")
    return answer.access_token


async def _persons(stage: Stage) -> str:
    return (await stage.writes.create_token(GIGI, None, 3600 * SECOND))[1]


async def _impersonators(stage: Stage) -> str:
    return (await _exchange(stage)).access_token


async def _assertion(_: Stage) -> str:
    return assertion()


@pytest.mark.parametrize("make", [_dead, _expired, _narrow, _persons, _impersonators, _assertion])
async def test_actor_token_that_cannot_be_used_is_refused(stage: Stage, make: Any) -> None:
    """A token that is dead, is not for the API, is a person's or an impersonator's, or is none, shows nothing."""
    actor = {"actor_token": await make(stage), "actor_token_type": ACCESS_TOKEN}
    assert await _refusal(stage, None, **actor) == "invalid_request: the actor token cannot be used"


async def test_actor_that_has_been_disabled_is_refused(stage: Stage) -> None:
    """The actor is looked up each time; its token alone is not enough."""
    actor = {"actor_token": await _own_token(stage, SUPPORT), "actor_token_type": ACCESS_TOKEN}
    await stage.put(schema.users, id=SUPPORT, state=UserState.INACTIVE.value)
    assert (await _refusal(stage, None, **actor)).startswith("invalid_request")
    assert (await _refusal(stage)).startswith("invalid_client")


async def test_actor_token_beside_a_secret_is_refused(stage: Stage) -> None:
    """There is one actor; of two nobody could say which."""
    actor: dict[str, Any] = {"actor_token": await _own_token(stage, SUPPORT), "actor_token_type": ACCESS_TOKEN}
    assert await _refusal(stage, **actor) == "invalid_request: the request says in two ways who asks"
    assert (await _refusal(stage, None, **{**actor, "actor_token_type": JWT})).startswith("invalid_request")


async def test_wrong_secrets_of_actors_are_counted(stage: Stage) -> None:
    """Whoever guesses the secret of an actor has to wait, as for any other token."""
    stage.passwords.pretended = False
    refusals = [await _refusal(stage) for _ in range(30)]
    assert {refusal.split(":")[0] for refusal in refusals} == {"invalid_client"}
    with pytest.raises(TooManyAttempts):
        await _exchange(stage)


async def test_impersonation_is_recorded(stage: Stage) -> None:
    """`changes` tells of the session and of the token, as of any other."""
    answer = await _exchange(stage)
    record = await stage.record(answer.access_token)
    changed = await stage.rows("SELECT kind, entity_id, action, org_id FROM changes ORDER BY sequence DESC LIMIT 2")
    assert record.session_state == SessionState.ACTIVE
    assert changed == [("access_token", record.id, "created", ORG), ("session", record.session_id, "created", ORG)]
