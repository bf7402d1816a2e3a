"""Applying what back ends see: public ids, how somebody signed in, and API keys."""

from __future__ import annotations

from typing import Any

import pytest

from authsvc.directory import DirectoryError, apply, parse
from authsvc.domain.sessions import LIFETIME
from authsvc.domain.tokens import Permission, token_hash
from authsvc.domain.ulid import ulid
from authsvc.store.writes import Writes

ORG, USER, SESSION = "01JNM4QZ8F2V6W7X3Y5Z9ABCDE", "01JNM4R2T0K8M6N4P2Q0R8S6T4", "01JNM4S9XQ1A2B3C4D5E6F7G8H"
OTHER = "01JNM4S9XQ1A2B3C4D5E6F7G8J"
HASH, OTHER_HASH = "ab" * 32, "cd" * 32
ALL = "event.read session.read session.write user.read"

FILE = f"""\
orgs:
  - id: 1
    workosId: org_{ORG}
    name: Savanna
    domains: [savanna.example]
    users:
      - {{id: 100, workosId: user_{USER}, externalId: x1, userName: gigi, human: {{firstName: G, lastName: G}}}}
      - {{id: 101, userName: bot, machine: {{name: Bot}}}}
  - {{id: 2, name: Waterhole}}
agents:
  - id: 30
    sessions:
      - id: 40
        workosId: session_{SESSION}
        user: 100
        createdAt: 2025-01-01T00:00:00Z
        expiresAt: 2125-01-01T00:00:00Z
        authMethod: impersonation
        ipAddress: 2001:DB8:0::1
        userAgent: Browser 1.0
        org: 2
        impersonator: {{email: olli@savanna.example, reason: Looks for a map}}
      - {{id: 41, user: 101}}
apiKeys:
  - {{id: 50, name: Back office, keyHash: "sha256:{HASH}", permissions: [user.read, session.read]}}
  - {{id: 51, name: Bot, keyHash: "sha256:{OTHER_HASH}"}}
"""
CREATED = "2 orgs, 2 users, 1 agent, 2 sessions, 2 API keys created"


async def _apply(writes: Writes, *changes: tuple[str, str], text: str = FILE) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return str(await apply(writes, parse(text.encode(), "zoo.yaml")))


async def _refused(writes: Writes, *changes: tuple[str, str], text: str = FILE) -> str:
    with pytest.raises(DirectoryError) as caught:
        await _apply(writes, *changes, text=text)
    return str(caught.value)


async def test_rows_hold_what_the_file_says(writes: Writes, rows: Any) -> None:
    """Public ids are stored as ULIDs, addresses in their usual form, hashes as bytes, and enums as numbers."""
    assert await _apply(writes) == CREATED
    assert await rows("SELECT id, ulid FROM orgs ORDER BY id") == [(1, ORG), (2, None)]
    assert await rows("SELECT id, ulid, external_id FROM users ORDER BY id") == [(100, USER, "x1"), (101, None, None)]
    about = "ulid, auth_method, ip_address, user_agent, org_id, impersonator_email, impersonator_reason, expires_at"
    assert await rows(f"SELECT {about}, ended_at FROM sessions WHERE id = 40") == [
        (SESSION, 3, "2001:db8::1", "Browser 1.0", 2, "olli@savanna.example", "Looks for a map", 4_891_363_200_000_000,
         None)
    ]  # fmt: skip
    keys = await rows("SELECT id, name, key_hash, permissions, last_used_at, revoked_at FROM api_keys")
    assert keys == [
        (50, "Back office", bytes.fromhex(HASH), "session.read user.read", None, None),
        (51, "Bot", bytes.fromhex(OTHER_HASH), ALL, None, None),
    ]
    assert await rows("SELECT entity_id, action, org_id FROM changes WHERE kind = 'api_key'") == [
        (50, "created", None),
        (51, "created", None),
    ]
    assert await _apply(writes) == "nothing to change"


async def test_session_of_an_unknown_sign_in_lasts_a_year(writes: Writes, rows: Any) -> None:
    """A session of which the file tells nothing is over 365 days after it is first applied, and that stays so."""
    await _apply(writes)
    ((at, *session),) = await rows("SELECT changed_at, auth_method, org_id, expires_at FROM sessions WHERE id = 41")
    assert session == [10, None, at + LIFETIME]
    assert await _apply(writes) == "nothing to change"
    assert await rows("SELECT expires_at FROM sessions WHERE id = 41") == [(at + LIFETIME,)]


async def test_history_that_is_not_given_stays(writes: Writes, rows: Any) -> None:
    """A file without public ids, ends and beginnings takes none of them away; without an externalId it does."""
    await _apply(writes)
    gone = [f"    workosId: org_{ORG}\n", f"workosId: user_{USER}, ", f"        workosId: session_{SESSION}\n",
            "        expiresAt: 2125-01-01T00:00:00Z\n"]  # fmt: skip
    assert await _apply(writes, *((text, "") for text in gone)) == "nothing to change"
    assert await _apply(writes, ("externalId: x1, ", "")) == "1 user changed; 8 entries unchanged"
    assert await rows("SELECT ulid, external_id FROM users WHERE id = 100") == [(USER, None)]


async def test_end_of_a_session(writes: Writes, rows: Any) -> None:
    """A session that a file terminates ended when it is applied or when the file says, and stays ended."""
    await _apply(writes)
    terminated = ("{id: 41, ", "{id: 41, state: terminated, ")
    assert await _apply(writes, terminated) == "1 session changed; 8 entries unchanged"
    ended = "SELECT ended_at, changed_at, state FROM sessions WHERE id = {}"
    ((ended_at, changed_at, _),) = await rows(ended.format(41))
    assert ended_at == changed_at
    for changed in ([terminated], []):
        assert await _apply(writes, *changed) == "nothing to change"
        assert await rows(ended.format(41)) == [(ended_at, changed_at, 2)]
    at_noon = (
        "        user: 100\n",
        "        user: 100\n        state: terminated\n        endedAt: 2025-01-01T12:00:00Z\n",
    )
    assert await _apply(writes, at_noon) == "1 session changed; 8 entries unchanged"
    assert [row[::2] for row in await rows(ended.format(40))] == [(1_735_732_800_000_000, 2)]
    for session_id in (40, 41):
        assert await rows(EVENTS.format(session_id)) == [("created",), ("terminated",)]


async def test_key_is_revoked_for_good(writes: Writes, rows: Any) -> None:
    """A file may revoke a key, once; one that would bring it back is refused, and changes nothing."""
    await _apply(writes)
    revoked = ("{id: 50, ", "{id: 50, state: revoked, ")
    assert await _apply(writes, revoked) == "1 API key changed; 8 entries unchanged"
    ((at, changed_at),) = await rows("SELECT revoked_at, changed_at FROM api_keys WHERE id = 50")
    assert at == changed_at
    assert await rows("SELECT action FROM changes WHERE kind = 'api_key' AND at = (SELECT max(at) FROM changes)") == [
        ("revoked",)
    ]
    assert await _apply(writes, revoked) == "nothing to change"
    said = "has been revoked and stays so: set its state to revoked, or make a new key"
    assert await _refused(writes) == f"zoo.yaml:25: apiKeys[0]: {said}"
    assert await rows("SELECT revoked_at FROM api_keys WHERE id = 50") == [(at,)]


async def test_revocation_by_command_outlives_the_file(writes: Writes) -> None:
    """A key revoked by hand does not come back when the file is applied again."""
    await _apply(writes)
    assert await writes.revoke_key("Back office")
    assert "apiKeys[0]: has been revoked" in await _refused(writes)


BOT = "orgs: [{{id: 2, name: X, users: [{{id: 102, {}userName: x, machine: {{name: X}}}}]}}]\n"
KEY = 'apiKeys: [{{id: {}, name: {}, keyHash: "sha256:{}"}}]\n'
TAKEN = [
    (f"orgs: [{{id: 3, workosId: org_{ORG}, name: X}}]",
     "1: orgs[0].workosId: organization 1 in the database has this workosId already"),
    (BOT.format(f"workosId: user_{USER}, "),
     "1: orgs[0].users[0].workosId: user 100 in the database has this workosId already"),
    (BOT.format("externalId: x1, "),
     "1: orgs[0].users[0].externalId: user 100 in the database has this externalId already"),
    (f"{BOT.format('')}agents: [{{id: 30, sessions: [{{id: 42, workosId: session_{SESSION}, user: 102}}]}}]",
     "2: agents[0].sessions[0].workosId: session 40 in the database has this workosId already"),
    (KEY.format(52, "Back office", "ef" * 32),
     "1: apiKeys[0].name: API key 50 in the database has this name already"),
    (KEY.format(52, "X", HASH), "1: apiKeys[0].keyHash: API key 50 in the database has this keyHash already"),
    (KEY.format(50, "X", "ef" * 32),
     "1: apiKeys[0]: in the database this id has another keyHash, which cannot be changed"),
    # Listed, but not given up.
    (f"orgs:\n  - {{id: 1, name: X}}\n  - {{id: 3, workosId: org_{ORG}, name: X}}",
     "3: orgs[1].workosId: organization 1 in the database has this workosId already"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), TAKEN)
async def test_what_another_has_is_refused(writes: Writes, rows: Any, text: str, said: str) -> None:
    """What only one may have, and an entry has that does not give it up, is told with its line; nothing is written."""
    await _apply(writes)
    before = await rows("SELECT count(*) FROM changes")
    assert await _refused(writes, text=text) == f"zoo.yaml:{said}"
    assert await rows("SELECT count(*) FROM changes") == before


async def test_public_id_that_follows_from_another_entry_is_taken(writes: Writes, rows: Any) -> None:
    """An entry without a workosId has such an id too, made of its time and its id."""
    await _apply(writes)
    ((created_at,),) = await rows("SELECT created_at FROM orgs WHERE id = 2")
    text = f"orgs: [{{id: 3, workosId: org_{ulid(created_at, 2)}, name: X}}]"
    said = "zoo.yaml:1: orgs[0].workosId: organization 2 in the database has this workosId already"
    assert await _refused(writes, text=text) == said


async def test_what_is_given_up_may_be_taken(writes: Writes, rows: Any) -> None:
    """Entries of one file may exchange what only one may have, whatever their order."""
    await _apply(writes, ("{id: 101, ", f"{{id: 101, workosId: user_{OTHER}, externalId: x2, "))
    exchanged = FILE.replace(f"user_{USER}, externalId: x1", f"user_{OTHER}, externalId: x2")
    exchanged = exchanged.replace("{id: 101, ", f"{{id: 101, workosId: user_{USER}, externalId: x1, ")
    exchanged = exchanged.replace("name: Back office", "name: ?").replace("name: Bot, key", "name: Back office, key")
    exchanged = exchanged.replace("name: ?", "name: Bot")
    assert await _apply(writes, text=exchanged) == "2 users, 2 API keys changed; 5 entries unchanged"
    assert await rows("SELECT id, ulid, external_id FROM users ORDER BY id") == [(100, OTHER, "x2"), (101, USER, "x1")]
    assert await rows("SELECT id, name FROM api_keys ORDER BY id") == [(50, "Bot"), (51, "Back office")]


async def test_name_of_a_revoked_key_is_free(writes: Writes, rows: Any) -> None:
    """A new key may have the name of one that is revoked, already or by the same file."""
    await _apply(writes)
    key = 'keyHash: "sha256:{}"'
    new = f"  - {{id: 52, name: Bot, {key.format('ef' * 32)}}}\n"
    replaced = ("{id: 51, ", f"{new.removeprefix('  - ')}  - {{id: 51, state: revoked, ")
    assert await _apply(writes, replaced) == "1 API key created; 1 API key changed; 8 entries unchanged"
    assert await rows("SELECT id FROM api_keys WHERE name = 'Bot' AND revoked_at IS NULL") == [(52,)]
    assert await _apply(writes, replaced) == "nothing to change"


async def test_key_of_a_file_opens_the_door_that_its_permissions_say(writes: Writes, rows: Any) -> None:
    """The hash in a file is that by which a key is looked up, and all permissions are the default."""
    key = "sk_example_123456789_123456789_123456789"
    await _apply(writes, text=KEY.format(1, "X", token_hash(key).hex()))
    assert await rows("SELECT permissions FROM api_keys") == [(" ".join(sorted(Permission)),)]
    assert await writes.revoke_key(key)


# Sessions that have ended, and what a session keeps.


EVENTS = "SELECT action FROM changes WHERE kind = 'session' AND entity_id = {} ORDER BY sequence"


async def test_revoked_session_stays_revoked(writes: Writes, rows: Any) -> None:
    """A file that says nothing of a session's state leaves an end as it is, however the session was ended."""
    await _apply(writes)
    assert await writes.end_session(40)
    before = await rows("SELECT * FROM sessions WHERE id = 40")
    assert await _apply(writes) == "nothing to change"
    assert await _apply(writes, ("{id: 41, ", "{id: 41, state: active, ")) == "nothing to change"
    assert await rows("SELECT * FROM sessions WHERE id = 40") == before


async def test_file_that_would_bring_a_session_back(writes: Writes, rows: Any) -> None:
    """An explicit `active` for a session that has ended is refused with its line, and changes nothing."""
    await _apply(writes)
    assert await writes.end_session(41)
    before = await rows("SELECT * FROM sessions")
    said = "has been terminated and stays so: leave the state out, or say so"
    refused = await _refused(writes, ("{id: 41, ", "{id: 41, state: active, "), ("name: Savanna", "name: X"))
    assert refused == f"zoo.yaml:23: agents[0].sessions[1].state: {said}"
    assert await rows("SELECT * FROM sessions") == before
    assert await rows("SELECT name FROM orgs WHERE id = 1") == [("Savanna",)]


HISTORY = [
    ("authMethod: impersonation", "authMethod: sso", "authMethod impersonation"),
    ("ipAddress: 2001:DB8:0::1", "ipAddress: 198.51.100.1", "ipAddress 2001:db8::1"),
    ("userAgent: Browser 1.0", "userAgent: Browser 2.0", "userAgent Browser 1.0"),
    ("org: 2\n", "org: 1\n", "org 2"),
    ("email: olli@", "email: zora@", "impersonator olli@savanna.example"),
    ("reason: Looks for a map", "reason: None", "impersonator's reason Looks for a map"),
    ("{id: 41, ", "{id: 41, userAgent: Browser, ", "userAgent none"),
    ("{id: 41, ", "{id: 41, authMethod: sso, ", "authMethod unknown"),
]


@pytest.mark.parametrize(("old", "new", "said"), HISTORY)
async def test_history_of_a_session_is_fixed(writes: Writes, rows: Any, old: str, new: str, said: str) -> None:
    """How a session came about is what events have told: another story is refused, and leaving it out changes none."""
    await _apply(writes)
    before = await rows("SELECT * FROM sessions")
    assert f"in the database this id has the {said}, which cannot be changed" in await _refused(writes, (old, new))
    if "{" not in old and "email" not in old and "reason" not in old:
        assert await _apply(writes, (old.removesuffix("\n"), "")) == "nothing to change"
    assert await _apply(
        writes, ("        impersonator: {email: olli@savanna.example, reason: Looks for a map}\n", "")
    ) == ("nothing to change")
    assert await rows("SELECT * FROM sessions") == before


async def test_end_of_a_session_is_fixed(writes: Writes, rows: Any) -> None:
    """When a session ended is told to back ends: a file that knows better comes too late."""
    await _apply(writes)
    assert await writes.end_session(41)
    late = ("{id: 41, ", "{id: 41, state: terminated, endedAt: 2025-01-01T12:00:00Z, ")
    assert "this id has the endedAt 20" in await _refused(writes, late)
    assert await _apply(writes, ("{id: 41, ", "{id: 41, state: terminated, ")) == "nothing to change"
    assert await _apply(writes, ("2125-01-01", "2126-01-01")) == "1 session changed; 8 entries unchanged"


async def test_session_that_is_new_and_over(writes: Writes, rows: Any) -> None:
    """A session first applied as terminated is told twice: it was created, and it has ended, when the file says."""
    ended = ("{id: 41, ", "{id: 41, state: terminated, endedAt: 2025-01-01T12:00:00Z, ")
    assert await _apply(writes, ended) == CREATED
    assert await rows(EVENTS.format(41)) == [("created",), ("terminated",)]
    assert await rows("SELECT ended_at FROM sessions WHERE id = 41") == [(1_735_732_800_000_000,)]
    newest = "SELECT max(sequence), max(at) FROM changes WHERE kind = 'session' AND entity_id = 41"
    assert await rows("SELECT sequence, changed_at FROM sessions WHERE id = 41") == await rows(newest)
    assert await _apply(writes, ended) == "nothing to change"


async def test_user_and_key_that_are_new_and_have_ended(writes: Writes, rows: Any) -> None:
    """They are told twice as well; their rows have the number and time of their ends."""
    assert await _apply(writes, DELETED, ("{id: 51, ", "{id: 51, state: revoked, ")) == CREATED
    for table, entity_id, action in (("user", 101, "deleted"), ("api_key", 51, "revoked")):
        told = f"FROM changes WHERE kind = '{table}' AND entity_id = {entity_id}"
        assert await rows(f"SELECT action {told} ORDER BY sequence") == [("created",), (action,)]
        held = await rows(f"SELECT sequence, changed_at FROM {table}s WHERE id = {entity_id}")
        assert held == await rows(f"SELECT max(sequence), max(at) {told}")


# Users that are deleted.

DELETED = ("userName: bot, ", "userName: bot, state: deleted, ")


async def test_deleted_user_is_signed_out(writes: Writes, rows: Any) -> None:
    """A user's active sessions, listed or not, end with the user, in one transaction, and each is told."""
    await _apply(writes)
    await _apply(writes, ("{id: 41, user: 101}", "{id: 41, user: 101}\n      - {id: 42, user: 101}"))
    assert await _apply(writes, DELETED) == "1 user, 2 sessions changed; 7 entries unchanged"
    for session_id in (41, 42):
        assert await rows(EVENTS.format(session_id)) == [("created",), ("terminated",)]
    held = await rows("SELECT state, ended_at = changed_at FROM sessions WHERE id IN (41, 42)")
    assert held == [(2, 1), (2, 1)]
    assert await rows("SELECT state FROM sessions WHERE id = 40") == [(1,)]
    assert await _apply(writes, DELETED) == "nothing to change"
    # The user comes back; the sessions do not.
    assert await _apply(writes) == "1 user changed; 8 entries unchanged"
    assert await rows("SELECT DISTINCT state FROM sessions WHERE user_id = 101") == [(2,)]


async def test_session_of_a_deleted_user(writes: Writes, rows: Any) -> None:
    """It cannot be active: saying so is a mistake, and one that says nothing is terminated."""
    said = await _refused(writes, DELETED, ("{id: 41, ", "{id: 41, state: active, "))
    assert said == "zoo.yaml:23: agents[0].sessions[1].state: cannot be active: the user is deleted"
    assert await _apply(writes, DELETED) == CREATED
    assert await rows(EVENTS.format(41)) == [("created",), ("terminated",)]


# Public ids within one file.

TIME, AT_TIME = "2025-01-01T00:00:00Z", 1_735_689_600_000_000


async def test_public_id_of_another_entry_of_the_file(writes: Writes) -> None:
    """A workosId that is the one which follows from another entry's createdAt and id is refused, in either order."""
    natively = f"{{id: 7, name: A, createdAt: {TIME}}}"
    brought = f"{{id: 8, name: B, workosId: org_{ulid(AT_TIME, 7)}}}"
    for first, second, key in ((natively, brought, "workosId"), (brought, natively, "createdAt")):
        said = await _refused(writes, text=f"orgs: [{first},\n {second}]")
        assert said == f"zoo.yaml:2: orgs[1].{key}: makes the workosId that of another entry, orgs[0]"


async def test_public_id_that_comes_with_another_time(writes: Writes) -> None:
    """Another createdAt is another public id: it may not be one that the database or the file has."""
    taken = f"{{id: 8, name: B, workosId: org_{ulid(AT_TIME, 7)}}}"
    await _apply(writes, text=f"orgs: [{{id: 7, name: A, createdAt: 2024-01-01T00:00:00Z}}, {taken}]")
    moved = f"{{id: 7, name: A, createdAt: {TIME}}}"
    said = "zoo.yaml:1: orgs[0].createdAt: organization 8 in the database has this workosId already"
    assert await _refused(writes, text=f"orgs: [{moved}]") == said
    assert await _refused(writes, text=f"orgs: [{moved}, {taken}]") == said
    assert await _refused(writes, text=f"orgs: [{moved}, {{id: 8, name: B}}]") == said
    given_up = f"{{id: 8, name: B, workosId: org_{OTHER}}}"
    assert await _apply(writes, text=f"orgs: [{moved}, {given_up}]") == "2 orgs changed"
