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
    ApiKey,
    Client,
    Directory,
    Human,
    Impersonator,
    Machine,
    MachineKey,
    Org,
    Project,
    ProjectGrant,
    Role,
    Session,
    User,
    UserGrant,
)
from authsvc.domain import account_page
from authsvc.domain.clients import GrantType
from authsvc.domain.clock import SECOND
from authsvc.domain.keyset import FIRST, LAST, Span
from authsvc.domain.sessions import AuthMethod
from authsvc.domain.tokens import Permission, token_hash
from authsvc.domain.ulid import parse_public_id, public_id
from authsvc.store import schema
from authsvc.store.backends import BackendReads
from authsvc.store.client_writes import ClientWrites, NewClient
from authsvc.store.executor import Executor, Prepared
from authsvc.store.reads import Reads
from authsvc.store.sqlite import SqliteExecutor
from authsvc.store.writes import Writes

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "examples" / "demo.yaml"
_LEFT_OUT = {"changes", "access_tokens", "webhooks", "deliveries"}
_KEPT = [table for table in schema.metadata.sorted_tables if table.name not in _LEFT_OUT]
_Entry = dict[str, Any]


async def _contents(executor: Executor) -> dict[str, list[tuple[Any, ...]]]:
    """Every row, without what tells when and in which order it was written."""
    contents = {}
    for table in _KEPT:
        names = [column.name for column in table.columns if column.name not in {"sequence", "changed_at"}]
        # When a key was revoked is not in the file, but that it was.
        shown = [name if name != "revoked_at" else "revoked_at IS NULL" for name in names]
        sql = f"SELECT {', '.join(shown)} FROM {table.name} ORDER BY 1, 2"
        contents[table.name] = list(await executor.fetch_all(Prepared(sql, (), {})))
    return contents


async def _round_trip(first: Executor, second: Executor, text: str) -> str:
    """Apply `text` to one empty database, its export to another, and check that nothing is lost; the export."""
    writes = Writes(first)
    await apply(writes, parse(text.encode(), "zoo.yaml"))
    exported = await export(first)
    document = parse(exported.encode(), "exported.yaml")
    assert str(await apply(writes, document)) == "nothing to change"
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


async def test_the_account_page_is_in_no_file(executor: SqliteExecutor, writes: Writes) -> None:
    """The server keeps this client itself: a file that had it could not be applied where another server does."""
    page = NewClient("authsvc", account_page.CLIENT_ID, public=True, grant_types=(GrantType.DEVICE_CODE,))
    await ClientWrites(writes).keep(page)
    assert await export(executor) == "{}\n"


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


async def test_all_that_back_ends_see_is_exported(executor: SqliteExecutor, writes: Writes) -> None:
    """Public ids, sign-ins and API keys come out as they went in; of a key only its hash was ever there."""
    text = """
    orgs:
      - id: 1
        workosId: org_01JNM4QZ8F2V6W7X3Y5Z9ABCDE
        name: x
        createdAt: 2025-01-01T00:00:00Z
    """
    await apply(writes, parse(text.encode(), "zoo.yaml"))
    key_id, key = await writes.create_key("Back office", frozenset({Permission.USER_READ}))
    exported = await export(executor)
    assert key not in exported
    file = yaml.safe_load(exported)
    assert file["orgs"][0]["workosId"] == "org_01JNM4QZ8F2V6W7X3Y5Z9ABCDE"
    (entry,) = file["apiKeys"]
    del entry["createdAt"]
    assert entry == {
        "id": str(key_id),
        "name": "Back office",
        "keyHash": f"sha256:{token_hash(key).hex()}",
        "permissions": ["user.read"],
    }


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
    reads = BackendReads(executor)
    user = parse_public_id("user", "user_01EHZNVPK3SFK441A1RGBFSHRT")
    user_id = await reads.person_id(user) if user else None
    assert user_id is not None
    everything = Span(FIRST, LAST, ascending=True, limit=100)
    sessions = await reads.sessions(user_id, everything)
    (session,) = [one for one in sessions if one.ulid == "01H93ZY4F80QPBEZ1R5B2SHQG8"]
    assert len(sessions) == 2
    assert (session.org_ulid, session.ip_address) == ("01H945H0YD4F97JN9MATX7BYAG", "198.51.100.42")
    assert session.user_agent == "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36"
    assert (session.auth_method, session.impersonator_email) == (AuthMethod.SSO, "admin@foocorp.com")
    assert session.impersonator_reason == "Investigating an issue with the customer's account."
    assert session.created_at == 1_768_478_400 * SECOND


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
_address = st.ip_addresses().map(str).filter(lambda text: "%" not in text)
_sign_ins = st.fixed_dictionaries(
    {},
    optional={
        "authMethod": st.sampled_from([method.name.lower() for method in AuthMethod]),
        "ipAddress": _address,
        "userAgent": _name,
        "org": st.sampled_from(["1", "2"]),
        "impersonator": st.fixed_dictionaries({"email": st.just("a@b.example"), "reason": _name}),
        "expiresAt": st.just("2226-01-01T00:00:00.000001Z"),
    },
)
_endings = st.sampled_from(
    [{"state": "active"}, {"state": "terminated"}, {"state": "terminated", "endedAt": "2026-01-01T00:00:00Z"}]
)
_keys = st.fixed_dictionaries(
    {},
    optional={
        "permissions": st.lists(st.sampled_from([str(one) for one in Permission]), min_size=1, unique=True),
        "state": st.sampled_from(["active", "revoked"]),
    },
)


def _api_keys(draw: DrawFn) -> list[_Entry]:
    keys = draw(st.lists(_keys, max_size=3))
    named = [{"name": f"key {k}", "keyHash": f"sha256:{k:064x}", **key} for k, key in enumerate(keys)]
    return _with_ids(draw, 1, named)


def _with_public_ids(draw: DrawFn, prefix: str, entries: list[_Entry]) -> None:
    """Give some entries the ULID that they had elsewhere."""
    for number, entry in enumerate(entries):
        if draw(st.booleans()):
            entry["workosId"] = public_id(prefix, 1_700_000_000_000_000, number + 1)


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
    _with_public_ids(draw, "org", orgs)
    everybody = [user for org in orgs for user in org["users"]]
    _with_public_ids(draw, "user", everybody)
    for user in everybody:
        if draw(st.booleans()):
            user["externalId"] = f"x {user['id']}"
    users = [user["id"] for user in everybody]
    if not users:
        return {"orgs": orgs}
    someone = st.sampled_from(users)
    session = st.builds(lambda user, ending, sign_in: {"user": user, **ending, **sign_in}, someone, _endings, _sign_ins)
    through = st.lists(st.sampled_from(granted), min_size=1, unique=True)
    grant = st.builds(lambda user, keys: {"user": user, "org": "1", "project": "1", "roles": keys}, someone, some) | (
        st.builds(
            lambda user, keys: {"user": user, "org": "2", "project": "1", "projectGrant": "1", "roles": keys},
            someone,
            through,
        )
    )
    sessions = _with_ids(draw, 1, draw(st.lists(session, max_size=4)))
    deleted = {user["id"] for user in everybody if user["state"] == "deleted"}
    for one in sessions:
        if one["user"] in deleted and one["state"] == "active":
            del one["state"]
    _with_public_ids(draw, "session", sessions)
    return {
        "orgs": orgs,
        "agents": [{"id": "1", "description": draw(_prose), "sessions": sessions}],
        "userGrants": _with_ids(draw, 1, draw(st.lists(grant, max_size=4))),
        "apiKeys": _api_keys(draw),
    }


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    shapes = (Directory, Org, Project, ProjectGrant, Role, User, Human, Machine, Agent, Session, Impersonator)
    for shape in (*shapes, UserGrant, ApiKey, MachineKey, Client):
        for field in shape.model_fields.values():
            assert f"{field.alias}:" in example
            assert f"`{field.alias}`" in text
