from __future__ import annotations

import asyncio
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from authsvc.directory import apply, export, parse, read
from authsvc.directory.model import (
    Agent,
    Directory,
    Human,
    Machine,
    Org,
    Project,
    ProjectGrant,
    Role,
    Session,
    User,
    UserGrant,
)
from authsvc.domain.clock import SECOND
from authsvc.domain.tokens import token_hash
from authsvc.store import schema
from authsvc.store.executor import Executor, Prepared
from authsvc.store.reads import Reads
from authsvc.store.sqlite import SqliteExecutor
from authsvc.store.writes import Writes

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "examples" / "demo.yaml"
_KEPT = [table for table in schema.metadata.sorted_tables if table.name not in {"changes", "access_tokens"}]
_Entry = dict[str, Any]


async def _contents(executor: Executor) -> dict[str, list[tuple[Any, ...]]]:
    """Every row, without what tells when and in which order it was written."""
    contents = {}
    for table in _KEPT:
        names = [column.name for column in table.columns if column.name not in {"sequence", "changed_at"}]
        sql = f"SELECT {', '.join(names)} FROM {table.name} ORDER BY 1, 2"
        contents[table.name] = list(await executor.fetch_all(Prepared(sql, (), {})))
    return contents


async def _round_trip(first: Executor, second: Executor, text: str) -> str:
    """Apply `text` to one empty database, its export to another, and check that nothing is lost; the export."""
    await apply(Writes(first), parse(text.encode(), "zoo.yaml"))
    exported = await export(first)
    document = parse(exported.encode(), "exported.yaml")
    assert str(await apply(Writes(first), document)) == "nothing to change"
    await apply(Writes(second), document)
    assert await _contents(second) == await _contents(first)
    assert await export(second) == exported
    return exported


async def test_demo_survives_its_export(executor: SqliteExecutor, empty_database: Path, tmp_path: Path) -> None:
    """The export of a database is a file that makes the same directory out of an empty one."""
    shutil.copy(empty_database, tmp_path / "second.db")
    second = SqliteExecutor(tmp_path / "second.db")
    try:
        await _round_trip(executor, second, DEMO.read_text())
    finally:
        await second.close()


async def test_empty_database_is_an_empty_file(executor: SqliteExecutor, writes: Writes) -> None:
    """Nothing is exported as a file that lists nothing."""
    assert await export(executor) == "{}\n"
    assert str(await apply(writes, parse(b"{}\n", "empty.yaml"))) == "nothing to change"


async def test_export_leaves_out_defaults_and_tokens(executor: SqliteExecutor, writes: Writes) -> None:
    """What a reader would assume anyway is not written, nor is any token."""
    text = """
    orgs:
      - id: 1
        name: "null"
        createdAt: 2025-01-01T00:00:00Z
        users:
          - {id: 2, userName: gigi, createdAt: 2025-01-01T01:00:00.5+01:00, human: {firstName: Gi, lastName: Gi}}
    """
    await apply(writes, parse(text.encode(), "zoo.yaml"))
    await writes.create_token(2, None, 1_000_000)
    assert yaml.safe_load(await export(executor)) == {
        "orgs": [
            {
                "id": "1",
                "createdAt": "2025-01-01T00:00:00Z",
                "name": "null",
                "users": [
                    {
                        "id": "2",
                        "createdAt": "2025-01-01T00:00:00.5Z",
                        "userName": "gigi",
                        "human": {"firstName": "Gi", "lastName": "Gi"},
                    }
                ],
            }
        ]
    }


async def test_user_without_login_name_is_referred_to_by_id(executor: SqliteExecutor, writes: Writes) -> None:
    """An organization without domains gives no login names, so its users are known by their ids."""
    text = """
    orgs: [{id: 1, name: x, users: [{id: 2, userName: gigi, machine: {name: x}}]}]
    agents: [{id: 3, sessions: [{id: 4, user: 2}]}]
    """
    await apply(writes, parse(text.encode(), "zoo.yaml"))
    assert yaml.safe_load(await export(executor))["agents"][0]["sessions"][0]["user"] == "2"


async def test_demo_is_the_world_of_the_documents(executor: SqliteExecutor, writes: Writes) -> None:
    """The example holds what the API's documentation shows."""
    document = read(DEMO)
    await apply(writes, document)
    gigi = browser = 69629023906488334
    for name in ("gigi@zitadel.com", "gigi@zitadel.zitadel.ch"):
        _, token = await writes.sign_in(name, browser, SECOND)
        record = await Reads(executor).token(token_hash(token), None)
        assert record is not None
        assert (record.user_id, record.session_id, record.agent_id) == (gigi, gigi, browser)


# Texts in which YAML sees something else than a text, or something of its own.
_TRAPS = [
    "no",
    "~",
    "null",
    "1e3",
    "0123",
    "+41",
    "2025-01-01",
    "a: b",
    "a #b",
    "- a",
    "*a",
    "&a",
    "!a",
    "{a",
    "%a",
    "'",
    "=",
]
_printable = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs"))
_name = st.sampled_from(_TRAPS) | st.text(_printable, min_size=1, max_size=12)
_prose = st.text(_printable | st.sampled_from("\n\t "), max_size=30)
_time = st.datetimes(datetime(1970, 1, 1), datetime(2026, 1, 1)).map(lambda time: f"{time.isoformat()}Z")  # noqa: DTZ001
_flag = st.sampled_from(["true", "false"])
_humans = st.fixed_dictionaries(
    {"firstName": _name, "lastName": _name},
    optional={
        "nickName": _name,
        "displayName": _name,
        "preferredLanguage": st.sampled_from(["no", "en", "de-CH"]),
        "gender": st.sampled_from(["unspecified", "female", "male", "diverse"]),
        "avatarUrl": st.just("https://zoo.example/a?b=c#d"),
        "email": st.fixed_dictionaries({"email": st.just("a@b.example")}, optional={"verified": _flag}),
        "phone": st.fixed_dictionaries({"phone": st.just("+41 71 000 00 00")}, optional={"verified": _flag}),
        "passwordChanged": _time,
    },
)
_machines = st.fixed_dictionaries(
    {"name": _name},
    optional={
        "description": _prose,
        "accessTokenType": st.sampled_from(["bearer", "jwt"]),
        "secretHash": st.just("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA"),
    },
)
_since = st.fixed_dictionaries({}, optional={"createdAt": _time})


def _with_ids(draw: DrawFn, first: int, entries: list[_Entry]) -> list[_Entry]:
    """The entries with different ids, in any order."""
    ids = draw(st.permutations(range(first, first + len(entries))))
    return [{"id": str(number), **draw(_since), **entry} for number, entry in zip(ids, entries, strict=True)]


@st.composite
def _users(draw: DrawFn, first: int) -> list[_Entry]:
    users = []
    for name in draw(st.lists(_name.filter(lambda name: " " not in name), max_size=3, unique=True)):
        user: _Entry = {"userName": name, **draw(st.sampled_from(["human", "machine"]).flatmap(_particulars))}
        if draw(st.booleans()):
            user["login"] = f"@{name}"
        user["state"] = draw(st.sampled_from(["active", "inactive", "deleted", "locked", "suspend", "initial"]))
        users.append(user)
    logins = [user.get("login", user["userName"]) for user in users]
    return _with_ids(draw, first, users) if len(set(logins)) == len(logins) else []


def _particulars(kind: str) -> st.SearchStrategy[_Entry]:
    return st.fixed_dictionaries({kind: _humans if kind == "human" else _machines})


@st.composite
def _directories(draw: DrawFn) -> _Entry:
    """Two organizations; the first owns a project and has granted it to the second."""
    roles = draw(st.lists(_name, min_size=1, max_size=4, unique=True))
    some = st.lists(st.sampled_from(roles), min_size=1, unique=True)
    granted = draw(some)
    project = {
        "id": "1",
        "name": draw(_name),
        "roles": [{"key": key, "displayName": draw(_name)} for key in roles],
        "grants": [{"id": "1", "org": "2", "roles": granted, **draw(_since)}],
    }
    domains = draw(st.sampled_from([([], []), (["b.example", "a.example"], []), (["no"], ["c.example"])]))
    orgs: list[_Entry] = [
        {"id": "1", "name": draw(_name), "domains": domains[0], "projects": [project], "users": draw(_users(10))},
        {"id": "2", "name": draw(_name), "domains": domains[1], "state": "inactive", "users": draw(_users(20))},
    ]
    users = [user["id"] for org in orgs for user in org["users"]]
    if not users:
        return {"orgs": orgs}
    someone = st.sampled_from(users)
    session = st.builds(
        lambda user, state: {"user": user, "state": state}, someone, st.sampled_from(["active", "terminated"])
    )
    through = st.lists(st.sampled_from(granted), min_size=1, unique=True)
    grant = st.builds(lambda user, keys: {"user": user, "org": "1", "project": "1", "roles": keys}, someone, some) | (
        st.builds(
            lambda user, keys: {"user": user, "org": "2", "project": "1", "projectGrant": "1", "roles": keys},
            someone,
            through,
        )
    )
    sessions = _with_ids(draw, 1, draw(st.lists(session, max_size=4)))
    return {
        "orgs": orgs,
        "agents": [{"id": "1", "description": draw(_prose), "sessions": sessions}],
        "userGrants": _with_ids(draw, 1, draw(st.lists(grant, max_size=4))),
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(directory=_directories())
def test_every_directory_survives_its_export(empty_database: Path, directory: _Entry) -> None:
    """Whatever a file may say comes back from the database, and into another one, the same."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_round_trip_in(Path(folder), empty_database, yaml.safe_dump(directory, allow_unicode=True)))


async def _round_trip_in(folder: Path, empty_database: Path, text: str) -> None:
    for name in ("first.db", "second.db"):
        shutil.copy(empty_database, folder / name)
    first, second = SqliteExecutor(folder / "first.db"), SqliteExecutor(folder / "second.db")
    try:
        await _round_trip(first, second, text)
    finally:
        await first.close()
        await second.close()


async def test_example_of_the_documentation_is_good(executor: SqliteExecutor, writes: Writes) -> None:
    """What docs/directory.md shows can be applied, and names every key of the format."""
    text = (ROOT / "docs" / "directory.md").read_text()
    example = text.split("```yaml\n")[1].split("```")[0]
    await apply(writes, parse(example.encode(), "directory.md"))
    for shape in (Directory, Org, Project, ProjectGrant, Role, User, Human, Machine, Agent, Session, UserGrant):
        for field in shape.model_fields.values():
            assert f"{field.alias}:" in example
            assert f"`{field.alias}`" in text
