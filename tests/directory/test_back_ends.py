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
    assert await _apply(writes, ("{id: 41, ", "{id: 41, authMethod: sso, ")) == "1 session changed; 8 entries unchanged"
    assert await rows("SELECT auth_method, expires_at FROM sessions WHERE id = 41") == [(9, at + LIFETIME)]


async def test_history_that_is_not_given_stays(writes: Writes, rows: Any) -> None:
    """A file without public ids, ends and beginnings takes none of them away; without an externalId it does."""
    await _apply(writes)
    gone = [f"    workosId: org_{ORG}\n", f"workosId: user_{USER}, ", f"        workosId: session_{SESSION}\n",
            "        expiresAt: 2125-01-01T00:00:00Z\n"]  # fmt: skip
    assert await _apply(writes, *((text, "") for text in gone)) == "nothing to change"
    assert await _apply(writes, ("externalId: x1, ", "")) == "1 user changed; 8 entries unchanged"
    assert await rows("SELECT ulid, external_id FROM users WHERE id = 100") == [(USER, None)]


async def test_end_of_a_session(writes: Writes, rows: Any) -> None:
    """A terminated session ended when it is applied or when the file says; an active one has not ended."""
    terminated = ("{id: 41, ", "{id: 41, state: terminated, ")
    await _apply(writes, terminated)
    ended = "SELECT ended_at, changed_at, state FROM sessions WHERE id = 41"
    ((ended_at, changed_at, _),) = await rows(ended)
    assert ended_at == changed_at
    assert await _apply(writes, terminated) == "nothing to change"
    assert await rows(ended) == [(ended_at, changed_at, 2)]
    at_noon = ("{id: 41, ", "{id: 41, state: terminated, endedAt: 2025-01-01T12:00:00Z, ")
    assert await _apply(writes, at_noon) == "1 session changed; 8 entries unchanged"
    assert (await rows(ended))[0][0] == 1_735_732_800_000_000
    assert await _apply(writes) == "1 session changed; 8 entries unchanged"
    assert [row[::2] for row in await rows(ended)] == [(None, 1)]
    actions = await rows("SELECT action FROM changes WHERE kind = 'session' AND entity_id = 41 ORDER BY sequence")
    assert actions == [("created",), ("changed",), ("changed",)]


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
