from __future__ import annotations

import pytest
from oauth.machine_stage import GIGI, LOCKED, NOW, SESSION, Stage

from authsvc.domain.clock import SECOND
from authsvc.domain.sessions import AuthMethod, SignIn
from authsvc.errors import Refused
from authsvc.store.impersonations import Impersonations, Impersonators

SIGN_IN = SignIn(
    auth_method=AuthMethod.IMPERSONATION,
    impersonator_email="support@savanna.example",
    impersonator_reason="ticket 42",
    lifetime=60 * SECOND,
)


@pytest.fixture
async def stage(machine_stage: Stage) -> Stage:
    """People, of whom one cannot sign in."""
    return machine_stage


async def test_session_is_on_an_agent_of_its_own(stage: Stage) -> None:
    """The agent has no cookie, so that no browser is ever taken for it."""
    async with stage.writes.transaction() as tx:
        session_id = await Impersonations(stage.writes).begin(tx, GIGI, SIGN_IN)
    columns = "u.description, u.cookie_hash, s.impersonator_email, s.impersonator_reason, s.expires_at"
    joined = f"sessions s JOIN user_agents u ON u.id = s.agent_id WHERE s.id = {session_id}"
    ends = NOW + 60 * SECOND
    expected = ("Impersonation", None, "support@savanna.example", "ticket 42", ends)
    assert await stage.rows(f"SELECT {columns} FROM {joined}") == [expected]


async def test_nobody_acts_as_somebody_who_cannot_sign_in(stage: Stage) -> None:
    """A locked account is refused, and nothing stays behind."""
    with pytest.raises(Refused):
        async with stage.writes.transaction() as tx:
            await Impersonations(stage.writes).begin(tx, LOCKED, SIGN_IN)
    assert await stage.rows("SELECT * FROM user_agents WHERE description = 'Impersonation'") == []


async def test_who_acts_as_a_person(stage: Stage) -> None:
    """The active ones of this user and no others, the newest first; only such a one can be ended that way."""
    impersonators = Impersonators(stage.executor, stage.writes, stage.clock)
    begun = []
    for lifetime in (60, 1):
        async with stage.writes.transaction() as tx:
            sign_in = SIGN_IN._replace(lifetime=lifetime * SECOND)
            begun.append(await Impersonations(stage.writes).begin(tx, GIGI, sign_in))
    first, short = begun
    assert [each.session_id for each in await impersonators.active(GIGI)][:2] == [short, first]
    stage.clock.advance(1)
    (found,) = [each for each in await impersonators.active(GIGI) if each.session_id in begun]
    assert found == (first, "support@savanna.example", "ticket 42", NOW + 60 * SECOND)
    for user_id, session_id in ((LOCKED, first), (GIGI, short), (GIGI, SESSION), (GIGI, 1)):
        await impersonators.end(user_id, session_id)
    states = f"SELECT state FROM sessions WHERE id IN ({first}, {short}, {SESSION})"
    assert await stage.rows(states) == [(1,)] * 3
    await impersonators.end(GIGI, first)
    assert await stage.rows(f"SELECT state FROM sessions WHERE id = {first}") == [(2,)]
