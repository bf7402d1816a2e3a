"""What is wrong with a file: one sentence each, with the file, the line and the path."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.directory import DirectoryError, parse, read
from authsvc.errors import Refused

# Without a mistake. Each row of the table below replaces a piece of it.
GOOD = """\
orgs:
  - id: 1
    name: Savanna
    domains: [savanna.example]
    projects:
      - id: 10
        name: Map
        roles: [{key: read}, {key: draw}]
        grants:
          - {id: 20, org: 2, roles: [read]}
    users:
      - id: 100
        userName: gigi
        human:
          firstName: Gigi
          lastName: Giraffe
          email: {email: gigi@savanna.example}
      - id: 101
        userName: bot
        machine: {name: Bot}
  - id: 2
    name: Waterhole
    domains: [waterhole.example]
agents:
  - id: 1
    sessions:
      - {id: 1, user: gigi@savanna.example}
userGrants:
  - {id: 1, user: 100, org: 1, project: 10, roles: [read]}
  - {id: 2, user: 100, org: 2, project: 10, projectGrant: 20, roles: [read]}
"""
ID = "must be a decimal number from 1 to 9223372036854775807"
BLANK = "must not be empty, nor begin or end with a space"
TIME = "must be a time with its zone since 1970, such as 2025-03-05T21:29:21.303Z"
NULL = "is a YAML null; write nothing to leave it out, or quote it if it is a text"
HASH = "must be the hash of a secret ($algorithm$...$hash), never the secret itself"
KEY_HASH = (
    "must be sha256: and the key's SHA-256 as 64 hexadecimal digits, never the key itself; "
    "`printf %s KEY | sha256sum` tells it"
)
ULID = "01JNM4QZ8F2V6W7X3Y5Z9ABCDE"
SESSION = "user: gigi@savanna.example}"
LAST = "projectGrant: 20, roles: [read]}\n"
HEX = "ab" * 32


def _twin(line: str) -> str:
    """The end of the program that is the second user, and another one, both with one more line."""
    end = f"        {line}\n        machine: {{name: Bot}}\n"
    return f"{end}      - id: 102\n        userName: twin\n{end}"


def _keys(*keys: str) -> str:
    """The last line of the file, and behind it API keys, from line 32 on."""
    return f"{LAST}apiKeys:\n" + "".join(f"  - {{{key}}}\n" for key in keys)


SHAPES = [
    ("id: 100\n", "id: 0100\n", 12, f"orgs[0].users[0].id: {ID}"),
    ("id: 100\n", "id: 0\n", 12, f"orgs[0].users[0].id: {ID}"),
    ("id: 100\n", "id: -1\n", 12, f"orgs[0].users[0].id: {ID}"),
    ("id: 100\n", "id: 0x64\n", 12, f"orgs[0].users[0].id: {ID}"),
    ("id: 100\n", "id: 9223372036854775808\n", 12, f"orgs[0].users[0].id: {ID}"),
    ("id: 100\n", "id: [100]\n", 12, "orgs[0].users[0].id: must be a single value"),
    ("    name: Savanna\n", "", 2, "orgs[0].name: is missing"),
    ("name: Savanna", "name:", 3, "orgs[0].name: is missing"),
    ("name: Savanna", "name: ~", 3, f"orgs[0].name: {NULL}"),
    ("name: Savanna", "name: Null", 3, f"orgs[0].name: {NULL}"),
    ("name: Savanna", 'name: ""', 3, f"orgs[0].name: {BLANK}"),
    ("name: Savanna", 'name: " Savanna"', 3, f"orgs[0].name: {BLANK}"),
    ("name: Savanna", f"name: {'x' * 201}", 3, "orgs[0].name: is longer than 200 characters"),
    ("name: Savanna", r'name: "Sav\nanna"', 3, "orgs[0].name: holds a line break or another control character"),
    ("name: Savanna", "nmae: x\n    name: y", 3, "orgs[0].nmae: is not a known key here"),
    ("name: Savanna", "na me:\n    name: y", 3, "orgs[0].?: is not a known key here"),
    ("name: Savanna", "name: a\n    name: b", 4, "orgs[0].name: is given twice; the first is on line 3"),
    ("name: Savanna", "name: !!str Savanna", 3, "orgs[0].name: has a YAML tag; write the value alone"),
    ("name: Savanna", "name: x\n    ? [a]\n    : b", 4, "orgs[0]: has a key that is not a text"),
    ("name: Savanna", "name: x\n    state: open", 4, "orgs[0].state: must be one of active, inactive"),
    ("[savanna.example]", "savanna.example", 4, "orgs[0].domains: must be a list"),
    ("[savanna.example]", "[savanna.example, a b]", 4,
     "orgs[0].domains[1]: must be a domain name, such as example.com"),
    ("[savanna.example]", "[savanna.example, -a.b]", 4,
     "orgs[0].domains[1]: must be a domain name, such as example.com"),
    ("[savanna.example]", "[savanna.example, ]\n    state: ~", 5, f"orgs[0].state: {NULL}"),
    ("roles: [read]}\n    users", "roles: []}\n    users", 10,
     "orgs[0].projects[0].grants[0].roles: must not be empty"),
    ("10, roles: [read]}", '10, roles: [""]}', 29, f"userGrants[0].roles[0]: {BLANK}"),
    ("{key: draw}", r'{key: "dr\naw"}', 8,
     "orgs[0].projects[0].roles[1].key: holds a line break or another control character"),
    ("{key: draw}", r'{key: "dr\Law"}', 8,
     "orgs[0].projects[0].roles[1].key: holds a line break or another control character"),
    ("{key: draw}", "draw", 8, "orgs[0].projects[0].roles[1]: must be a mapping (key: value)"),
    ("userName: gigi", "userName: gigi giraffe", 12,
     "orgs[0].users[0]: needs a login, because its userName holds spaces"),
    ("userName: gigi", "userName: gigi\n        login: gi gi", 14, "orgs[0].users[0].login: must not hold spaces"),
    ("userName: gigi", "userName: gigi\n        state: no", 14,
     "orgs[0].users[0].state: must be one of active, inactive, deleted, locked, suspend, initial"),
    ("userName: gigi", "userName: gigi\n        createdAt: 2025-03-05", 14, f"orgs[0].users[0].createdAt: {TIME}"),
    ("userName: gigi", "userName: gigi\n        createdAt: 2025-03-05T01:02:03", 14,
     f"orgs[0].users[0].createdAt: {TIME}"),
    ("userName: gigi", "userName: gigi\n        createdAt: 1969-03-05T01:02:03Z", 14,
     f"orgs[0].users[0].createdAt: {TIME}"),
    ("userName: gigi", "userName: gigi\n        createdAt: 2025-02-30T01:02:03Z", 14,
     "orgs[0].users[0].createdAt: names a day or an hour that does not exist"),
    ("{name: Bot}", "{name: Bot}\n        human: {firstName: B, lastName: ot}", 18,
     "orgs[0].users[1]: must have exactly one of human and machine"),
    ("        machine: {name: Bot}\n", "", 18, "orgs[0].users[1]: must have exactly one of human and machine"),
    ("{name: Bot}", "{name: Bot, secretHash: hunter2}", 20, f"orgs[0].users[1].machine.secretHash: {HASH}"),
    ("{name: Bot}", "{name: Bot, secretHash: $hunter2}", 20, f"orgs[0].users[1].machine.secretHash: {HASH}"),
    ("{name: Bot}", "{name: Bot, secretHash: {hunter2: x}}", 20,
     "orgs[0].users[1].machine.secretHash: must be a single value"),
    ("{name: Bot}", "{name: Bot, accessTokenType: JWT}", 20,
     "orgs[0].users[1].machine.accessTokenType: must be one of bearer, jwt"),
    ("{email: gigi@savanna.example}", "gigi@savanna.example", 17,
     "orgs[0].users[0].human.email: must be a mapping (key: value)"),
    ("{email: gigi@savanna.example}", "{email: gigi}", 17,
     "orgs[0].users[0].human.email.email: must be an e-mail address, such as gigi@example.com"),
    ("{email: gigi@savanna.example}", "{email: a@b, verified: yes}", 17,
     "orgs[0].users[0].human.email.verified: must be true or false"),
    ("lastName: Giraffe", "lastName: Giraffe\n          phone: {phone: none}", 17,
     "orgs[0].users[0].human.phone.phone: must be a telephone number, such as +41 71 000 00 00"),
    ("lastName: Giraffe", "lastName: Giraffe\n          preferredLanguage: english", 17,
     "orgs[0].users[0].human.preferredLanguage: must be a language tag, such as en or de-CH"),
    ("lastName: Giraffe", "lastName: Giraffe\n          gender: unknown", 17,
     "orgs[0].users[0].human.gender: must be one of unspecified, female, male, diverse"),
    ("lastName: Giraffe", "lastName: Giraffe\n          avatarUrl: javascript:alert(1)", 17,
     "orgs[0].users[0].human.avatarUrl: must be an http or https address"),
    ("lastName: Giraffe", 'lastName: Giraffe\n          avatarUrl: "http://[::1"', 17,
     "orgs[0].users[0].human.avatarUrl: must be an http or https address"),
    ("user: gigi@savanna.example}", "user: gigi}", 27,
     "agents[0].sessions[0].user: must be a user's id or login name (login@domain)"),
    ("name: Savanna", f"name: x\n    workosId: user_{ULID}", 4,
     "orgs[0].workosId: must be org_ and a ULID, such as org_01H945H0YD4F97JN9MATX7BYAG"),
    ("name: Savanna", f"name: x\n    workosId: {ULID}", 4,
     "orgs[0].workosId: must be org_ and a ULID, such as org_01H945H0YD4F97JN9MATX7BYAG"),
    ("userName: gigi", f"userName: gigi\n        workosId: user_{ULID.lower()}", 14,
     "orgs[0].users[0].workosId: must be user_ and a ULID, such as user_01H945H0YD4F97JN9MATX7BYAG"),
    ("userName: gigi", 'userName: gigi\n        externalId: ""', 14, f"orgs[0].users[0].externalId: {BLANK}"),
    (SESSION, f"workosId: session_8{ULID[1:]}, {SESSION}", 27,
     "agents[0].sessions[0].workosId: must be session_ and a ULID, such as session_01H945H0YD4F97JN9MATX7BYAG"),
    (SESSION, f"authMethod: SSO, {SESSION}", 27,
     ("agents[0].sessions[0].authMethod: must be one of cross_app_auth, external_auth, impersonation, magic_code, "
      "migrated_session, oauth, passkey, password, sso, unknown")),
    (SESSION, f"ipAddress: 198.51.100.256, {SESSION}", 27,
     "agents[0].sessions[0].ipAddress: must be an IP address, such as 198.51.100.42 or 2001:db8::1"),
    (SESSION, f"ipAddress: 198.51.100.0/24, {SESSION}", 27,
     "agents[0].sessions[0].ipAddress: must be an IP address, such as 198.51.100.42 or 2001:db8::1"),
    (SESSION, f"ipAddress: fe80::1%eth0, {SESSION}", 27,
     "agents[0].sessions[0].ipAddress: must be an IP address without a zone"),
    (SESSION, f"userAgent: {'x' * 2001}, {SESSION}", 27,
     "agents[0].sessions[0].userAgent: is longer than 2000 characters"),
    (SESSION, f"impersonator: {{reason: x}}, {SESSION}", 27, "agents[0].sessions[0].impersonator.email: is missing"),
    (SESSION, f"impersonator: {{email: a@b.c}}, {SESSION}", 27,
     "agents[0].sessions[0].impersonator.reason: is missing"),
    (SESSION, f"impersonator: {{email: x, reason: y}}, {SESSION}", 27,
     "agents[0].sessions[0].impersonator.email: must be an e-mail address, such as gigi@example.com"),
    (SESSION, f"expiresAt: never, {SESSION}", 27, f"agents[0].sessions[0].expiresAt: {TIME}"),
    (LAST, _keys(f"id: 1, name: sk_x, keyHash: sha256:{HEX}"), 32,
     "apiKeys[0].name: must not be a number, nor begin with sk_"),
    (LAST, _keys(f"id: 1, name: 12, keyHash: sha256:{HEX}"), 32,
     "apiKeys[0].name: must not be a number, nor begin with sk_"),
    (LAST, _keys("id: 1, name: x"), 32, "apiKeys[0].keyHash: is missing"),
    (LAST, _keys("id: 1, name: x, keyHash: sk_example_123456789"), 32, f"apiKeys[0].keyHash: {KEY_HASH}"),
    (LAST, _keys(f"id: 1, name: x, keyHash: {HEX}"), 32, f"apiKeys[0].keyHash: {KEY_HASH}"),
    (LAST, _keys(f"id: 1, name: x, keyHash: sha256:{HEX[1:]}"), 32, f"apiKeys[0].keyHash: {KEY_HASH}"),
    (LAST, _keys(f"id: 1, name: x, keyHash: sha256:{HEX}, permissions: []"), 32,
     "apiKeys[0].permissions: must not be empty"),
    (LAST, _keys(f"id: 1, name: x, keyHash: sha256:{HEX}, permissions: [user.write]"), 32,
     "apiKeys[0].permissions[0]: must be one of user.read, session.read, session.write, event.read"),
    (LAST, _keys(f"id: 1, name: x, keyHash: sha256:{HEX}, state: terminated"), 32,
     "apiKeys[0].state: must be one of active, revoked"),
]  # fmt: skip

MEANINGS = [
    ("id: 101\n", "id: 100\n", 18, "orgs[0].users[1].id: 100 is the id of another entry already, orgs[0].users[0]"),
    ("  - id: 2\n", "  - {id: 1, name: Burrow}\n  - id: 2\n", 21,
     "orgs[1].id: 1 is the id of another entry already, orgs[0]"),
    ("{id: 2, user", "{id: 1, user", 30, "userGrants[1].id: 1 is the id of another entry already, userGrants[0]"),
    ("[waterhole.example]", "[a.example, SAVANNA.example]", 23,
     "orgs[1].domains[1]: savanna.example is given already, at orgs[0].domains[0]"),
    ("userName: bot", "userName: gigi", 19,
     "orgs[0].users[1].userName: another user of the organization has this userName, orgs[0].users[0]"),
    ("userName: bot", "userName: bot\n        login: gigi", 20,
     "orgs[0].users[1].login: another user of the organization has this login, orgs[0].users[0]"),
    ("userName: bot\n",
     "userName: bot\n        login: rob\n        machine: {name: B}\n      - id: 102\n        userName: rob\n", 23,
     "orgs[0].users[2].userName: another user of the organization has this login, orgs[0].users[1]"),
    ("{key: draw}", "{key: draw}, {key: read}", 8,
     "orgs[0].projects[0].roles[2].key: read is given already, at orgs[0].projects[0].roles[0].key"),
    ("{id: 20, org: 2, roles: [read]}",
     "{id: 20, org: 2, roles: [read]}\n          - {id: 21, org: 1, roles: [read]}", 11,
     "orgs[0].projects[0].grants[1].org: owns the project and needs no grant of it"),
    ("{id: 20, org: 2, roles: [read]}",
     "{id: 20, org: 2, roles: [read]}\n          - {id: 21, org: 3, roles: [read]}", 11,
     "orgs[0].projects[0].grants[1].org: there is no organization 3 in this file"),
    ("{id: 20, org: 2, roles: [read]}",
     "{id: 20, org: 2, roles: [read]}\n          - {id: 21, org: 2, roles: [read]}", 11,
     "orgs[0].projects[0].grants[1].org: has a grant of this project already, orgs[0].projects[0].grants[0]"),
    ("{id: 20, org: 2, roles: [read]}", "{id: 20, org: 2, roles: [read, erase]}", 10,
     "orgs[0].projects[0].grants[0].roles[1]: project 10 has no role erase"),
    ("user: gigi@savanna.example}", "user: gigi@waterhole.example}", 27,
     "agents[0].sessions[0].user: there is no user gigi@waterhole.example in this file"),
    ("user: gigi@savanna.example}", "user: 7}", 27, "agents[0].sessions[0].user: there is no user 7 in this file"),
    ("user: gigi@savanna.example}", "user: 100, createdAt: 9999-12-31T23:59:59Z}", 27,
     "agents[0].sessions[0].createdAt: lies in the future"),
    ("org: 1, project: 10", "org: 3, project: 10", 29, "userGrants[0].org: there is no organization 3 in this file"),
    ("org: 1, project: 10", "org: 1, project: 11", 29, "userGrants[0].project: there is no project 11 in this file"),
    ("org: 1, project: 10", "org: 2, project: 10", 29,
     "userGrants[0].org: does not own project 10: name the project grant it has, projectGrant: 20"),
    ("projectGrant: 20", "projectGrant: 21", 30,
     "userGrants[1].projectGrant: there is no project grant 21 in this file"),
    ("org: 1, project: 10", "org: 1, projectGrant: 20, project: 10", 29,
     "userGrants[0].projectGrant: is a grant to organization 2, not to 1"),
    ("10, roles: [read]}", "10, roles: [read, read]}", 29, "userGrants[0].roles[1]: read is given twice"),
    ("10, roles: [read]}", "10, roles: [read, erase]}", 29, "userGrants[0].roles[1]: project 10 has no role erase"),
    ("20, roles: [read]}", "20, roles: [draw]}", 30, "userGrants[1].roles[0]: project grant 20 has no role draw"),
    ("        machine: {name: Bot}\n", _twin(f"workosId: user_{ULID}"), 24,
     "orgs[0].users[2].workosId: is that of another entry already, orgs[0].users[1]"),
    ("        machine: {name: Bot}\n", _twin("externalId: x"), 24,
     "orgs[0].users[2].externalId: is that of another entry already, orgs[0].users[1]"),
    (SESSION, f"workosId: session_{ULID}, {SESSION}\n      - {{id: 2, workosId: session_{ULID}, {SESSION}", 28,
     "agents[0].sessions[1].workosId: is that of another entry already, agents[0].sessions[0]"),
    (SESSION, f"org: 3, {SESSION}", 27, "agents[0].sessions[0].org: there is no organization 3 in this file"),
    (SESSION, f"endedAt: 2025-01-01T00:00:00Z, {SESSION}", 27,
     "agents[0].sessions[0].endedAt: is only for a session whose state is terminated"),
    (SESSION, f"state: terminated, endedAt: 9999-01-01T00:00:00Z, {SESSION}", 27,
     "agents[0].sessions[0].endedAt: lies in the future"),
    (LAST, _keys(f"id: 1, name: x, keyHash: sha256:{HEX}", f"id: 2, name: y, keyHash: sha256:{HEX.upper()}"), 33,
     "apiKeys[1].keyHash: is that of another key already, apiKeys[0]"),
    (LAST, _keys(f"id: 1, name: x, keyHash: sha256:{HEX}", f"id: 2, name: x, keyHash: sha256:{'cd' * 32}"), 33,
     "apiKeys[1].name: is that of another key already, apiKeys[0]"),
    (LAST, _keys(f"id: 1, name: x, keyHash: sha256:{HEX}", f"id: 1, name: y, keyHash: sha256:{'cd' * 32}"), 33,
     "apiKeys[1].id: 1 is the id of another entry already, apiKeys[0]"),
    (LAST, _keys(f"id: 1, name: x, keyHash: sha256:{HEX}, createdAt: 9999-01-01T00:00:00Z"), 32,
     "apiKeys[0].createdAt: lies in the future"),
    (LAST, _keys(f"id: 1, name: x, keyHash: sha256:{HEX}, permissions: [user.read, user.read]"), 32,
     "apiKeys[0].permissions[1]: user.read is given twice"),
]  # fmt: skip

WHOLE = [
    (b"", 1, "is empty"),
    (b"# nothing yet\n", 1, "is empty"),
    (b"- orgs\n", 1, "must be a mapping (key: value)"),
    (b"orgs\n", 1, "must be a mapping (key: value)"),
    (b"orgs: 5\n", 1, "orgs: must be a list"),
    (b"orgs: []\nusers: []\n", 2, "users: is not a known key here"),
    (b"orgs: []\n---\norgs: []\n", 2, "holds a second document; one file is one document"),
    (b"orgs:\n  - \xff\n", 2, "is not UTF-8 text"),
    ("orgs: []\n".encode("utf-16"), 1, "is not UTF-8 text"),
    (b"orgs: []\nagents: \x00\n", 2, "holds a character that YAML does not allow"),
    (b"\n" + b"[" * 5_000, 2, "is nested too deeply"),
    (b"orgs: &a []\nagents: *a\n", 2, "agents: is a YAML alias; write the value out"),
]


def _mistakes(data: bytes) -> list[str]:
    with pytest.raises(DirectoryError) as caught:
        parse(data, "zoo.yaml")
    return str(caught.value).split("\n")


def test_good_file_has_no_mistake() -> None:
    """The file that the table spoils is a good one."""
    assert len(parse(GOOD.encode(), "zoo.yaml").directory.orgs) == 2


@pytest.mark.parametrize(("old", "new", "line", "said"), SHAPES + MEANINGS)
def test_each_mistake_is_said_once_with_its_line_and_path(old: str, new: str, line: int, said: str) -> None:
    """A mistake gives exactly one sentence: FILE:LINE: path: what is wrong."""
    assert GOOD.count(old) >= 1
    assert _mistakes(GOOD.replace(old, new, 1).encode()) == [f"zoo.yaml:{line}: {said}"]


@pytest.mark.parametrize(("data", "line", "said"), WHOLE)
def test_unreadable_file_is_said_in_one_sentence(data: bytes, line: int, said: str) -> None:
    """A file that is not such a document at all gives one sentence too."""
    assert _mistakes(data) == [f"zoo.yaml:{line}: {said}"]


@pytest.mark.parametrize(("project_grant", "said"), [
    ("", "org: neither owns project 11 nor has a project grant of it"),
    (", projectGrant: 20", "projectGrant: is a grant of project 10, not of 11"),
])  # fmt: skip
def test_grant_on_another_organizations_project_needs_a_project_grant(project_grant: str, said: str) -> None:
    """An organization gives roles on its own projects, and on those it has a project grant of."""
    well = "    projects: [{id: 11, name: Well, roles: [{key: dip}]}]\nagents:"
    data = (
        GOOD.replace("agents:", well) + f"  - {{id: 3, user: 101, org: 1, project: 11, roles: [dip]{project_grant}}}\n"
    )
    assert _mistakes(data.encode()) == [f"zoo.yaml:32: userGrants[2].{said}"]


def test_all_mistakes_are_said_in_the_order_of_the_lines() -> None:
    """One reading finds everything: mistakes of YAML, of shape and between entries, sorted by line."""
    data = (
        GOOD.replace("name: Savanna", "name: Savanna\n    name: Steppe")
        .replace("{email: gigi@savanna.example}", "{email: gigi}")
        .replace("[waterhole.example]", "[waterhole.example, waterhole.example]")
        .replace("id: 20, org: 2", "id: 20, org: 9")
        .replace("user: 100, org: 1", "user: 77, org: 2")
    )
    assert [line.split(": ")[0] for line in _mistakes(data.encode())] == [
        "zoo.yaml:4",
        "zoo.yaml:18",
        "zoo.yaml:24",
        "zoo.yaml:30",
    ]


@pytest.mark.parametrize(("old", "new"), [
    ("userName: gigi", "userName: [gigi]"),
    ("name: Waterhole", "name: ~"),
    ("name: Map", "name: ~"),
    ("{id: 20, org: 2, ", "{id: 20, org: 0, "),
    ("{key: read}", "{key: read, secret: no}"),
    ("[savanna.example]", "[savanna.example/]"),
    ("id: 101\n", "id: one\n"),
])  # fmt: skip
def test_mistake_in_an_entry_does_not_make_references_to_it_mistakes(old: str, new: str) -> None:
    """What an unreadable entry holds counts as being there, so that one slip is one sentence."""
    assert len(_mistakes(GOOD.replace(old, new, 1).encode())) == 1


@pytest.mark.parametrize(
    "secret",
    [
        "hunter2",
        "$hunter2",
        "{hunter2: 1, hunter2: 2}",
        "*hunter2",
        "!hunter2 x",
        "[hunter2]",
        '"hunter2',
        "{a: hunter2}",
    ],
)
def test_mistakes_never_quote_a_secret(secret: str) -> None:
    """A secret written where its hash belongs does not get into logs."""
    data = GOOD.replace("{name: Bot}", f"\n          name: Bot\n          secretHash: {secret}")
    assert "hunter2" not in "".join(_mistakes(data.encode()))
    data = GOOD + f"apiKeys:\n  - id: 1\n    name: x\n    keyHash: {secret}\n"
    assert "hunter2" not in "".join(_mistakes(data.encode()))


@pytest.mark.parametrize("secret", ["x, hunter2", "$x$m=1,hunter2", "{x, hunter2}, hunter2"])
def test_comma_in_a_secret_does_not_make_keys_that_show_it(secret: str) -> None:
    """What follows a comma in braces is a key for YAML, but may be the rest of a secret."""
    data = GOOD.replace("{name: Bot}", f"{{name: Bot, secretHash: {secret}}}")
    assert "hunter2" not in "".join(_mistakes(data.encode()))
    data = GOOD + f"apiKeys:\n  - {{id: 1, name: x, keyHash: {secret}}}\n"
    assert "hunter2" not in "".join(_mistakes(data.encode()))
    assert "secretletters" not in "".join(_mistakes(data.replace("hunter2", "secretletters").encode()))
    data = GOOD.replace("{name: Bot}", "{name: Bot}\n        more: x")
    assert _mistakes(data.encode()) == ["zoo.yaml:21: orgs[0].users[1].more: is not a known key here"]


def test_syntax_error_is_said_with_its_line() -> None:
    """What is not YAML gives the line where it stops being YAML."""
    (mistake,) = _mistakes(GOOD.replace("userName: bot", "userName: bot: bot").encode())
    assert mistake.startswith("zoo.yaml:19: is not YAML: ")


def test_aliases_do_not_multiply() -> None:
    """A file of a few lines that stands for a million entries is refused at its aliases."""
    lines = ["orgs: &x0 [{id: 1, name: x}]"] + [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 10)]
    mistakes = _mistakes("\n".join(lines).encode())
    assert len([mistake for mistake in mistakes if "is a YAML alias" in mistake]) == 90


def test_missing_file_is_said(tmp_path: Path) -> None:
    """A file that is not there is one sentence with its name, like every mistake."""
    path = tmp_path / "zoo.yaml"
    with pytest.raises(Refused, match=f"^{path}:1: cannot be read: No such file or directory$"):
        read(path)


@pytest.mark.parametrize("second", ["[1, 2, *x]", "{a: *x}", "*x", "[[1, *x]]"])
def test_mistakes_under_a_key_given_twice_are_said_too(second: str) -> None:
    """The second value of a key is read as far as its YAML goes, whatever the first one is."""
    for key in ("name", "domains", "users", "projects"):
        old = f"    {key}:"
        data = GOOD.replace(old, f"    {key}: &x {second}\n{old}", 1).replace("&x", "")
        mistakes = _mistakes(data.encode())
        assert any("is a YAML alias" in mistake for mistake in mistakes)
        assert any("is given twice" in mistake for mistake in mistakes)
        other = GOOD.replace("  - id: 2\n", f"    {key}: {second}\n  - id: 2\n", 1)
        assert any("is given twice" in mistake for mistake in _mistakes(other.encode()))


@given(
    st.integers(0, len(GOOD)), st.integers(0, 40), st.text(alphabet="&*!|>{}[]:-,? \n\t\"'#%@`~ax0\x00é", max_size=8)
)
def test_no_damage_to_a_file_gives_anything_but_mistakes(start: int, length: int, put: str) -> None:
    """Whatever happens to a file, it is read, or refused with its mistakes."""
    data = (GOOD[:start] + put + GOOD[start + length :]).encode()
    with suppress(DirectoryError):
        parse(data, "zoo.yaml")
