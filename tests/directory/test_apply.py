from __future__ import annotations

from typing import Any

import pytest

from authsvc.directory import DirectoryError, Document, apply, parse
from authsvc.store.writes import Writes

pytestmark = pytest.mark.both_engines

ZOO = """\
orgs:
  - id: 1
    name: Savanna
    domains: [savanna.example, gras.example]
    projects:
      - id: 10
        name: Map
        roles: [{key: read}, {key: draw, displayName: Draws}]
        grants:
          - {id: 20, org: 2, roles: [read, draw]}
    users:
      - id: 100
        userName: gigi
        human: {firstName: Gigi, lastName: Giraffe}
      - id: 101
        userName: bot
        machine: {name: Bot, secretHash: "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA"}
  - id: 2
    name: Waterhole
    domains: [waterhole.example]
agents:
  - id: 30
    description: Tablet
    sessions:
      - {id: 40, user: 100, createdAt: "2025-03-05T21:29:21.303Z"}
      - {id: 41, user: 101}
userGrants:
  - {id: 50, user: gigi@savanna.example, org: 1, project: 10, roles: [draw, read]}
  - {id: 51, user: 100, org: 2, project: 10, projectGrant: 20, roles: [draw]}
"""
COUNTS = "2 orgs, 1 project, 1 project grant, 2 users, 1 agent, 2 sessions, 2 user grants"


def _document(text: str) -> Document:
    return parse(text.encode(), "zoo.yaml")


async def _apply(writes: Writes, *changes: tuple[str, str], text: str = ZOO) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return str(await apply(writes, _document(text)))


async def test_file_is_created_and_then_stays(writes: Writes, rows: Any) -> None:
    """The first run creates everything, the second writes nothing at all."""
    assert await _apply(writes) == f"{COUNTS} created"
    before = await rows("SELECT * FROM changes")
    assert await _apply(writes) == "nothing to change"
    assert await rows("SELECT * FROM changes") == before


async def test_empty_file_changes_nothing(writes: Writes) -> None:
    """What a file does not list stays, and that goes for everything."""
    await _apply(writes)
    assert await _apply(writes, text="{}") == "nothing to change"


async def test_rows_hold_what_the_file_says(writes: Writes, rows: Any) -> None:
    """Defaults are filled in, references resolved, lists kept in their order."""
    await _apply(writes)
    assert await rows("SELECT name, org_id, is_primary FROM org_domains ORDER BY org_id, is_primary DESC") == [
        ("savanna.example", 1, 1),
        ("gras.example", 1, 0),
        ("waterhole.example", 2, 1),
    ]
    assert await rows("SELECT key, display_name FROM project_roles ORDER BY position") == [
        ("read", ""),
        ("draw", "Draws"),
    ]
    assert await rows("SELECT id, type, state, user_name, login, display_name, secret_hash FROM users ORDER BY id") == [
        (100, 1, 1, "gigi", "gigi", "Gigi Giraffe", None),
        (101, 2, 1, "bot", "bot", "Bot", "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA"),
    ]
    assert await rows("SELECT id, agent_id, user_id, state FROM sessions") == [(40, 30, 100, 1), (41, 30, 101, 1)]
    assert await rows("SELECT created_at FROM sessions WHERE id = 40") == [(1_741_210_161_303_000,)]
    assert await rows("SELECT id, user_id, org_id, project_id, project_grant_id, role_keys FROM user_grants") == [
        (50, 100, 1, 10, None, "draw\nread"),
        (51, 100, 2, 10, 20, "draw"),
    ]


async def test_every_row_has_its_change(writes: Writes, rows: Any) -> None:
    """Each entity's sequence is the number of its newest change, with its time and the right owner."""
    await _apply(writes)
    await _apply(writes, ("name: Map", "name: Atlas"), ("{id: 40", "{state: terminated, id: 40"), ("Tablet", "Phone"))
    tables = ["orgs", "projects", "project_grants", "users", "user_agents", "sessions", "user_grants"]
    for table in tables:
        kind = table[:-1]
        found = await rows(f"SELECT id, sequence, changed_at FROM {table} ORDER BY id")
        newest = await rows(
            f"SELECT entity_id, max(sequence), max(at) FROM changes WHERE kind = '{kind}' GROUP BY entity_id"
        )
        assert found == newest
    owners = await rows("SELECT DISTINCT kind, entity_id, org_id FROM changes ORDER BY kind, entity_id")
    assert owners == [
        ("org", 1, 1),
        ("org", 2, 2),
        ("project", 10, 1),
        ("project_grant", 20, 1),
        ("session", 40, 1),
        ("session", 41, 1),
        ("user", 100, 1),
        ("user", 101, 1),
        ("user_agent", 30, None),
        ("user_grant", 50, 1),
        ("user_grant", 51, 2),
    ]
    assert await rows("SELECT kind, action FROM changes WHERE action <> 'created' ORDER BY sequence") == [
        ("project", "changed"),
        ("user_agent", "changed"),
        ("session", "terminated"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "report"),
    [
        ("name: Waterhole", "name: Lake", "1 org changed; 10 entries unchanged"),
        ("[savanna.example, gras.example]", "[gras.example, savanna.example]", "1 org changed; 10 entries unchanged"),
        ("[savanna.example, gras.example]", "[savanna.example]", "1 org changed; 10 entries unchanged"),
        ("{key: read}, {key: draw", "{key: read}, {key: fold}, {key: draw", "1 project changed; 10 entries unchanged"),
        ("{key: draw, displayName: Draws}", "{key: draw}", "1 project changed; 10 entries unchanged"),
        ("roles: [read, draw]}", "roles: [draw]}", "1 project grant changed; 10 entries unchanged"),
        ("userName: gigi", "userName: gigi\n        state: initial", "1 user changed; 10 entries unchanged"),
        ("{id: 41, user: 101}", "{id: 41, user: 101, state: terminated}", "1 session changed; 10 entries unchanged"),
        ("{id: 41, user: 101}", "{id: 41, user: 101}\n      - {id: 42, user: 100}",
         "1 session created; 11 entries unchanged"),
        ("10, roles: [draw, read]", "10, roles: [read]", "1 user grant changed; 10 entries unchanged"),
        ("projectGrant: 20, ", "projectGrant: 20, state: inactive, ", "1 user grant changed; 10 entries unchanged"),
    ],
)  # fmt: skip
async def test_one_change_is_one_entry(writes: Writes, rows: Any, old: str, new: str, report: str) -> None:
    """Only what differs is written, and the lists of an entry belong to it."""
    await _apply(writes)
    ((before,),) = await rows("SELECT count(*) FROM changes")
    assert await _apply(writes, (old, new)) == report
    assert await rows("SELECT count(*) FROM changes") == [(before + 1,)]
    assert await _apply(writes, (old, new)) == "nothing to change"


async def test_what_is_not_listed_stays(writes: Writes, rows: Any) -> None:
    """Users, sessions, grants and agents that a file leaves out are not touched."""
    await _apply(writes)
    assert await _apply(writes, text="orgs: [{id: 1, name: Steppe, domains: [steppe.example]}]") == "1 org changed"
    assert await rows("SELECT count(*) FROM users") == [(2,)]
    assert await rows("SELECT count(*) FROM project_roles") == [(2,)]
    assert await rows("SELECT name FROM org_domains ORDER BY name") == [("steppe.example",), ("waterhole.example",)]


async def test_history_that_is_not_given_stays(writes: Writes, rows: Any) -> None:
    """A file without createdAt and passwordChanged does not take them back."""
    given = ("lastName: Giraffe", "lastName: Giraffe, passwordChanged: 2025-01-01T00:00:00Z")
    await _apply(writes, given)
    assert await _apply(writes) == "nothing to change"
    assert await rows("SELECT password_changed_at FROM users WHERE id = 100") == [(1_735_689_600_000_000,)]


async def test_users_may_exchange_names(writes: Writes, rows: Any) -> None:
    """What two users of one file are called depends on the file alone, not on the order of the writes."""
    await _apply(writes)
    renamed = (("userName: gigi", "userName: x"), ("userName: bot", "userName: gigi"), ("userName: x", "userName: bot"))
    by_id = ("user: gigi@savanna.example", "user: 100")
    assert await _apply(writes, *renamed, by_id) == "2 users changed; 9 entries unchanged"
    assert await rows("SELECT id, user_name, login FROM users") == [(100, "bot", "bot"), (101, "gigi", "gigi")]


async def test_domain_may_go_to_another_listed_organization(writes: Writes, rows: Any) -> None:
    """A domain that one organization of the file gives up may be another's."""
    await _apply(writes)
    moved = (("[savanna.example, gras.example]", "[savanna.example]"), ("[waterhole.example]", "[gras.example]"))
    assert await _apply(writes, *moved) == "2 orgs changed; 9 entries unchanged"
    assert await _apply(writes, ("[savanna.example, gras.example]", "[savanna.example, waterhole.example]"),
                        ("domains: [waterhole.example]", "domains: [gras.example]")) == (
        "1 org changed; 10 entries unchanged")  # fmt: skip
    assert await rows("SELECT name, org_id FROM org_domains ORDER BY name") == [
        ("gras.example", 2),
        ("savanna.example", 1),
        ("waterhole.example", 1),
    ]


GRANTED = """\
orgs:
  - {{id: {org}, name: X}}
  - id: 1
    name: X
    projects:
      - id: 10
        name: X
        grants: [{{id: {grant}, org: {org}, roles: [read]}}]
        roles: [{{key: read}}, {{key: draw}}]
"""
# Files that contradict what ZOO has put into the database.
CONFLICTS = [
    ("orgs: [{id: 3, name: X, domains: [x.example, gras.example]}]",
     "1: orgs[0].domains: gras.example belongs to organization 1 in the database"),
    ("orgs:\n - {id: 2, name: X, projects: [{id: 10, name: Map}]}",
     "2: orgs[0].projects[0]: in the database this id has the organization 1, which cannot be changed"),
    ("orgs:\n - {id: 2, name: X, users: [{id: 101, userName: x, machine: {name: X}}]}",
     "2: orgs[0].users[0]: in the database this id has the organization 1, which cannot be changed"),
    ("orgs:\n - {id: 1, name: X, users: [{id: 100, userName: x, machine: {name: X}}]}",
     "2: orgs[0].users[0]: in the database this id has the type human, which cannot be changed"),
    ("orgs:\n - id: 1\n   name: X\n   users: [{id: 102, userName: gigi, login: x, machine: {name: X}}]",
     "4: orgs[0].users[0]: user 100 in the database has this userName already"),
    ("orgs:\n - id: 1\n   name: X\n   users: [{id: 102, userName: x, login: gigi, machine: {name: X}}]",
     "4: orgs[0].users[0]: user 100 in the database has this login already"),
    ("orgs:\n - id: 1\n   name: X\n   projects:\n    - {id: 10, name: X, roles: [{key: read}]}",
     ("5: orgs[0].projects[0].roles: project grant 20 in the database still gives draw\n"
      "zoo.yaml:5: orgs[0].projects[0].roles: user grant 50 in the database still gives draw\n"
      "zoo.yaml:5: orgs[0].projects[0].roles: user grant 51 in the database still gives draw")),
    (GRANTED.format(org=2, grant=20),
     "8: orgs[1].projects[0].grants[0].roles: user grant 51 in the database still gives draw"),
    (GRANTED.format(org=2, grant=21),
     "8: orgs[1].projects[0].grants[0]: the organization has project grant 20 for this project in the database"),
    (GRANTED.format(org=3, grant=20),
     "8: orgs[1].projects[0].grants[0]: in the database this id has the organization 2, which cannot be changed"),
    (ZOO.replace("  - id: 30", "  - id: 31"),
     ("25: agents[0].sessions[0]: in the database this id has the agent 30, which cannot be changed\n"
      "zoo.yaml:26: agents[0].sessions[1]: in the database this id has the agent 30, which cannot be changed")),
    (ZOO.replace("{id: 40, user: 100", "{id: 40, user: 101"),
     "25: agents[0].sessions[0]: in the database this id has the user 100, which cannot be changed"),
    (ZOO.replace("user: 100, org: 2", "user: 101, org: 2"),
     "29: userGrants[1]: in the database this id has the user 100, which cannot be changed"),
    (ZOO.replace("org: 2, project: 10, projectGrant: 20,", "org: 1, project: 10,"),
     "29: userGrants[1]: in the database this id has the organization 2, which cannot be changed"),
    (ZOO.replace("org: 1, project: 10,", "org: 2, project: 10, projectGrant: 20,").replace("id: 51", "id: 52"),
     "28: userGrants[0]: in the database this id has the organization 1, which cannot be changed"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), CONFLICTS)
async def test_what_the_database_has_otherwise_is_refused(writes: Writes, rows: Any, text: str, said: str) -> None:
    """A contradiction is said with its line and path, and nothing of the file is written, `changes` included."""
    tables = ["changes", "orgs", "org_domains", "projects", "project_roles", "project_grants", "users", "user_agents"]
    tables += ["sessions", "user_grants"]
    await _apply(writes)
    before = [await rows(f"SELECT * FROM {table}") for table in tables]
    with pytest.raises(DirectoryError) as caught:
        await apply(writes, _document(text))
    assert str(caught.value) == f"zoo.yaml:{said}"
    assert [await rows(f"SELECT * FROM {table}") for table in tables] == before


async def test_grant_that_gives_a_role_up_in_the_same_file_lets_it_go(writes: Writes) -> None:
    """A role may be removed together with the last grants of it."""
    await _apply(writes)
    without = (
        (", {key: draw, displayName: Draws}", ""),
        ("roles: [read, draw]", "roles: [read]"),
        ("roles: [draw, read]", "roles: [read]"),
        ("roles: [draw]", "roles: [read]"),
    )
    assert await _apply(writes, *without) == ("1 project, 1 project grant, 2 user grants changed; 7 entries unchanged")


class _FailingWrites(Writes):
    """Breaks down before the last write."""

    async def put(self, *arguments: Any, **options: Any) -> Any:
        if arguments[2]["id"] == 51:
            raise RuntimeError
        return await super().put(*arguments, **options)


async def test_breakdown_leaves_nothing(executor: Any, rows: Any) -> None:
    """A file is applied wholly or not at all, whatever happens."""
    with pytest.raises(RuntimeError):
        await apply(_FailingWrites(executor), _document(ZOO))
    for table in ("changes", "orgs", "org_domains", "users", "project_roles"):
        assert await rows(f"SELECT count(*) FROM {table}") == [(0,)]


async def test_file_order_is_the_order_of_creation(writes: Writes, rows: Any) -> None:
    """Entries without createdAt are as old as their place in the file says."""
    sessions = "agents: [{id: 30, sessions: [{id: 9, user: 100}, {id: 7, user: 100}, {id: 8, user: 100}]}]"
    await _apply(writes, text=ZOO[: ZOO.index("agents:")] + sessions)
    assert await rows("SELECT id FROM sessions ORDER BY created_at") == [(9,), (7,), (8,)]
