"""Nobody sees anything of another: every kind of token of every user, against a naive oracle."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import hasty_executor
from zitadel import auth_pb2, object_pb2

from authsvc import directory
from authsvc.api.auth import AuthServicer
from authsvc.domain.clock import SECOND
from authsvc.errors import Refused
from authsvc.identity.authenticator import Authenticator
from authsvc.identity.caller import Caller
from authsvc.store.reads import Reads
from authsvc.store.writes import Writes

Data = dict[str, Any]
DAY = 86_400 * SECOND
SEEDS = range(8)
AGENTS = range(501, 507)
MOMENTS = [f"2025-01-0{day}T00:00:00.{fraction}Z" for day in range(1, 5) for fraction in ("0", "000001")]


def _world(seed: int) -> Data:
    """Three organizations, twelve users, six agents, and sessions and grants at random."""
    rng = random.Random(seed)
    orgs = [_org(rng, number) for number in (1, 2, 3)]
    users = [user["id"] for org in orgs for user in org["users"]]
    deleted = {user["id"] for org in orgs for user in org["users"] if user["state"] == "deleted"}
    ids = iter(rng.sample(range(10_000, 99_999), 200))
    agents = [
        {
            "id": str(agent),
            "sessions": [
                {
                    "id": str(next(ids)),
                    "user": (user := rng.choice(users)),
                    "state": "terminated" if user in deleted else rng.choice(["active", "active", "terminated"]),
                    "createdAt": rng.choice(MOMENTS),
                }
                for _ in range(rng.randrange(15))
            ],
        }
        for agent in AGENTS
    ]
    grants = [
        {
            "id": str(next(ids)),
            "user": rng.choice(users),
            "org": (org := rng.choice(orgs))["id"],
            "project": org["projects"][0]["id"],
            "roles": rng.sample(["a", "b", "c"], rng.randrange(1, 4)),
            "state": rng.choice(["active", "inactive"]),
            "createdAt": rng.choice(MOMENTS),
        }
        for _ in range(40)
    ]
    return {"orgs": orgs, "agents": agents, "userGrants": grants}


def _org(rng: random.Random, number: int) -> Data:
    # Ids of different kinds meet on purpose: a user, a project and an organization may have the same.
    return {
        "id": str(number),
        "name": f"Org {number}",
        "domains": [f"o{number}.example", f"alias{number}.example"],
        "projects": [{"id": str(number), "name": f"Project {number}", "roles": [{"key": key} for key in "abc"]}],
        "users": [
            {
                "id": str(4 * (number - 1) + place),
                "userName": f"user{place}",
                "state": rng.choice(["active", "active", "active", "initial", "deleted", "locked"]),
                "human": {"firstName": "U", "lastName": f"{number}-{place}"},
            }
            for place in (1, 2, 3, 4)
        ],
    }


class Oracle:
    """What each of the calls has to say, worked out from the file without any database."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.users = {user["id"]: (org, user) for org in data["orgs"] for user in org["users"]}

    def user(self, user_id: str) -> Data:
        """The identity in GetMyUser."""
        org, user = self.users[user_id]
        names = [f"{user['userName']}@{domain}" for domain in (org["domains"][0], *sorted(org["domains"][1:]))]
        times = [
            session["createdAt"]
            for agent in self.data["agents"]
            for session in agent["sessions"]
            if session["user"] == user_id
        ]
        return {"id": user_id, "owner": org["id"], "names": names, "last_login": max(times, key=_time, default=None)}

    def sessions(self, agent_id: str | None) -> list[tuple[str, ...]]:
        """The sessions of an agent: the newest of each user who is not deleted, newest first."""
        newest: dict[str, Data] = {}
        for agent in self.data["agents"]:
            for session in agent["sessions"] if agent["id"] == agent_id else ():
                if self.users[session["user"]][1]["state"] == "deleted":
                    continue
                best = newest.get(session["user"])
                if best is None or _age(session) > _age(best):
                    newest[session["user"]] = session
        found = sorted(newest.values(), key=_age, reverse=True)
        return [(item["id"], str(agent_id), item["user"], item["state"]) for item in found]

    def grants(self, user_id: str, *, ascending: bool) -> list[tuple[Any, ...]]:
        """A user's own grants."""
        found = [grant for grant in self.data["userGrants"] if grant["user"] == user_id]
        found.sort(key=_age, reverse=not ascending)
        return [(item["id"], user_id, item["org"], item["project"], item["roles"], item["state"]) for item in found]


def _time(text: str) -> tuple[str, str]:
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return whole, fraction.ljust(6, "0")


def _age(item: Data) -> tuple[tuple[str, str], int]:
    return _time(item["createdAt"]), int(item["id"])


@dataclass
class Context:
    """All that the servicer asks of its call."""

    caller: Caller


class World:
    """A database with random people in it, and the calls."""

    def __init__(self, path: Path, data: Data) -> None:
        self.oracle = Oracle(data)
        self.executor = hasty_executor(path)
        self.writes = Writes(self.executor)
        reads = Reads(self.executor)
        self._authenticator = Authenticator(reads)
        self._servicer = AuthServicer(reads)

    async def fill(self) -> None:
        """Put the file's people into the database."""
        text = yaml.safe_dump(self.oracle.data).encode()
        await directory.apply(self.writes, directory.parse(text, "world.yaml"))

    async def caller(self, token: str) -> Context:
        """The context of a call with a token."""
        return Context(await self._authenticator.caller([f"Bearer {token}"], []))

    async def user(self, token: str) -> Data:
        """What GetMyUser says."""
        answer = await self._servicer.GetMyUser(auth_pb2.GetMyUserRequest(), await self.caller(token))
        user = answer.user
        last_login = answer.last_login.ToMicroseconds() if answer.HasField("last_login") else None
        return {
            "id": user.id,
            "owner": user.details.resource_owner,
            "names": list(user.login_names),
            "last_login": last_login,
        }

    async def sessions(self, token: str) -> list[tuple[str, ...]]:
        """What ListMyUserSessions says."""
        request = auth_pb2.ListMyUserSessionsRequest()
        answer = await self._servicer.ListMyUserSessions(request, await self.caller(token))
        states = {1: "active", 2: "terminated"}
        return [(item.session_id, item.agent_id, item.user_id, states[item.auth_state]) for item in answer.result]

    async def grants(self, token: str, **query: Any) -> tuple[int, list[tuple[Any, ...]]]:
        """What ListMyUserGrants says: the total and the page."""
        request = auth_pb2.ListMyUserGrantsRequest(query=object_pb2.ListQuery(**query))
        answer = await self._servicer.ListMyUserGrants(request, await self.caller(token))
        states = {1: "active", 2: "inactive"}
        found = [
            (item.grant_id, item.user_id, item.org_id, item.project_id, list(item.role_keys), states[item.state])
            for item in answer.result
        ]
        return answer.details.total_result, found


async def _tokens(world: World) -> list[tuple[str, str | None, str]]:
    """Every token that can be had of what the file holds: (user, agent, token)."""
    tokens: list[tuple[str, str | None, str]] = []
    for user_id, (_, user) in world.oracle.users.items():
        if user["state"] not in {"active", "initial"}:
            with pytest.raises(Refused):
                await world.writes.create_token(int(user_id), None, DAY)
            continue
        tokens.append((user_id, None, (await world.writes.create_token(int(user_id), None, DAY))[1]))
        for agent in world.oracle.data["agents"]:
            for session in agent["sessions"]:
                if session["user"] == user_id and session["state"] == "active":
                    _, token = await world.writes.create_token(int(user_id), int(session["id"]), DAY)
                    tokens.append((user_id, agent["id"], token))
    return tokens


def _microseconds(text: str | None) -> int | None:
    if text is None:
        return None
    whole, fraction = _time(text)
    return 1_735_689_600 * SECOND + (int(whole[8:10]) - 1) * DAY + int(fraction)


@pytest.mark.parametrize("seed", SEEDS)
async def test_nobody_sees_anything_of_another(new_database: Path, seed: int) -> None:
    """With every token the three calls say exactly what the file says about its user and its agent, and no more."""
    world = World(new_database, _world(seed))
    await world.fill()
    oracle = world.oracle
    with_agent = 0
    for user_id, agent_id, token in await _tokens(world):
        expected = oracle.user(user_id)
        assert await world.user(token) == expected | {"last_login": _microseconds(expected["last_login"])}
        assert await world.sessions(token) == oracle.sessions(agent_id)
        assert agent_id is not None or await world.sessions(token) == []
        for ascending in (True, False):
            grants = oracle.grants(user_id, ascending=ascending)
            assert await world.grants(token, asc=ascending) == (len(grants), grants)
            assert await world.grants(token, asc=ascending, offset=1, limit=2) == (len(grants), grants[1:3])
            assert await world.grants(token, asc=ascending, offset=40) == (len(grants), [])
        with_agent += agent_id is not None
    assert with_agent > 5
    await world.executor.close()


async def test_sessions_made_by_signing_in(new_database: Path) -> None:
    """Two users who sign in on different agents see themselves; on the same agent, each other."""
    world = World(new_database, _world(0))
    for org in world.oracle.data["orgs"]:
        for user in org["users"]:
            user["state"] = "active"
    world.oracle.data["agents"] = [{"id": str(agent), "sessions": []} for agent in AGENTS]
    await world.fill()
    _, first = await world.writes.sign_in("user1@o1.example", 501, DAY)
    _, second = await world.writes.sign_in("user1@o2.example", 502, DAY)
    assert [found[2] for found in await world.sessions(first)] == ["1"]
    assert [found[2] for found in await world.sessions(second)] == ["5"]
    _, third = await world.writes.sign_in("user1@o2.example", 501, DAY)
    for token in (first, third):
        assert [found[2] for found in await world.sessions(token)] == ["5", "1"]
    assert [found[2] for found in await world.sessions(second)] == ["5"]
    await world.executor.close()
