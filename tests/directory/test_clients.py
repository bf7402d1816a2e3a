"""Applying and exporting clients, the keys of programs, passwords and second factors."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from harness import ROOT
from joserfc.jwk import ECKey, OctKey, OKPKey

from authsvc.directory import DirectoryError, apply, export, parse
from authsvc.store.executor import Executor, Prepared
from authsvc.store.writes import Writes

_SIGNER = ed25519.Ed25519PrivateKey.generate()
_PEM = _SIGNER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
_PRIVATE = _SIGNER.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
_SMALL = rsa.generate_private_key(65537, 1024).public_key()
_OTHER_CURVE = ec.generate_private_key(ec.SECP384R1()).public_key()
HASH, OTHER_HASH = "ab" * 32, "cd" * 32
PHC = "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA"
SEALED = "eyJh..bm9uY2U.dGV4dA.dGFn"

FILE: dict[str, Any] = {
    "orgs": [
        {
            "id": "1",
            "name": "Savanna",
            "domains": ["savanna.example"],
            "projects": [{"id": "10", "name": "Map"}],
            "users": [
                {
                    "id": "100",
                    "userName": "gigi",
                    "human": {"firstName": "G", "lastName": "G", "passwordHash": PHC, "totp": SEALED},
                },
                {
                    "id": "101",
                    "userName": "bot",
                    "machine": {
                        "name": "Bot",
                        "mayImpersonate": True,
                        "keys": [{"id": "110", "publicKey": _PEM, "expiresAt": "2035-01-01T00:00:00Z"}],
                    },
                },
            ],
        }
    ],
    "agents": [{"id": "30", "sessions": [{"id": "40", "user": "100"}, {"id": "41", "user": "101"}]}],
    "clients": [
        {
            "id": "50",
            "clientId": "web",
            "name": "Web",
            "secretHash": f"sha256:{HASH}",
            "trusted": True,
            "redirectUris": ["https://a.example/in", "https://b.example/in?x=y"],
            "postLogoutRedirectUris": ["https://a.example/"],
            "grantTypes": ["device_code", "authorization_code"],
            "accessTokenType": "jwt",
            "signingAlgorithm": "EdDSA",
            "project": "10",
        },
        {"id": "51", "clientId": "app", "name": "App", "native": True, "redirectUris": ["http://127.0.0.1/in"]},
    ],
}
CREATED = "1 org, 1 project, 2 users, 1 agent, 2 sessions, 1 machine key, 2 clients created"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def _with(**changes: Any) -> str:
    """The file with some values changed: `clients__0__name` is the name of the first client, None takes a key out."""
    directory = json.loads(json.dumps(FILE))
    for place, value in changes.items():
        *way, last = (int(step) if step.isdecimal() else step for step in place.split("__"))
        target: Any = directory
        for step in way:
            target = target[step]
        if value is None:
            del target[last]
        else:
            target[last] = value
    return yaml.safe_dump(directory, sort_keys=False)


async def _apply(writes: Writes, text: str | None = None) -> str:
    return str(await apply(writes, parse((text or _with()).encode(), "zoo.yaml")))


async def _execute(writes: Writes, *statements: str) -> None:
    async with writes.transaction() as tx:
        for sql in statements:
            await tx.execute(Prepared(sql, (), {}))


async def _refused(writes: Writes, text: str) -> list[str]:
    with pytest.raises(DirectoryError) as caught:
        await _apply(writes, text)
    return [line.split(": ", 1)[1] for line in str(caught.value).splitlines()]


async def test_rows_hold_what_the_file_says(writes: Writes, rows: Any) -> None:
    """Lists become texts, hashes bytes and words numbers; what is left out has its default."""
    assert await _apply(writes) == CREATED
    columns = (
        "id, client_id, name, state, secret_hash, native, trusted, redirect_uris, post_logout_uris, grant_types, "
        "access_token_type, signing_algorithm, project_id"
    )
    assert await rows(f"SELECT {columns} FROM clients") == [
        (50, "web", "Web", 1, bytes.fromhex(HASH), 0, 1, "https://a.example/in\nhttps://b.example/in?x=y",
         "https://a.example/", f"authorization_code {DEVICE}", 1, "EdDSA", 10),
        (51, "app", "App", 1, None, 1, 0, "http://127.0.0.1/in", "", "authorization_code refresh_token", 0, "RS256",
         None),
    ]  # fmt: skip
    assert await rows("SELECT password_hash, totp, may_impersonate FROM users") == [(PHC, SEALED, 0), (None, None, 1)]
    assert await rows("SELECT id, user_id, public_key, expires_at FROM machine_keys") == [
        (110, 101, _PEM.strip(), 2_051_222_400_000_000)
    ]
    kinds = await rows("SELECT kind, entity_id, org_id FROM changes WHERE kind IN ('client', 'machine_key')")
    assert kinds == [("machine_key", 110, 1), ("client", 50, None), ("client", 51, None)]
    assert await _apply(writes) == "nothing to change"


async def test_export_gives_it_all_back(writes: Writes, executor: Executor, rows: Any) -> None:
    """What is exported is what was applied, changes nothing, and makes the same rows again."""
    await _apply(writes)
    text = await export(executor)
    found = yaml.safe_load(text)
    for entry in (*found["clients"], found["orgs"][0]["users"][1]["machine"]["keys"][0]):
        del entry["createdAt"]
    keys = found["orgs"][0]["users"][1]["machine"]["keys"]
    assert keys == [{**FILE["orgs"][0]["users"][1]["machine"]["keys"][0], "publicKey": _PEM.strip()}]
    assert found["orgs"][0]["users"][0]["human"] == FILE["orgs"][0]["users"][0]["human"]
    first = {**FILE["clients"][0], "grantTypes": ["authorization_code", "device_code"]}
    assert found["clients"] == [first, FILE["clients"][1]]
    assert await _apply(writes, text) == "nothing to change"
    before = await rows("SELECT * FROM clients")
    await _execute(writes, "DELETE FROM clients")
    assert await _apply(writes, text) == "2 clients created; 8 entries unchanged"
    assert [row[:13] for row in await rows("SELECT * FROM clients")] == [row[:13] for row in before]


URI = (
    "must be an https address without user and fragment; http is only for localhost, 127.0.0.1 and [::1], and a scheme "
    "with a dot, such as com.example.app, only for native clients"
)
PUBLIC = "must be a public key for RS256 (2048 bits at least), ES256 or EdDSA (Ed25519), in PEM or as a JWK"
PRIVATE = "is a private key, which whoever reads the file could sign with: give the public one"
HEX = (
    "must be sha256: and the secret's SHA-256 as 64 hexadecimal digits, never the secret itself; "
    "`printf %s SECRET | sha256sum` tells it"
)
NATIVE = "cannot be true for a client with a secret: whoever has the app would have it too"
KEY = "orgs__0__users__1__machine__keys__0__publicKey"
KEY_PATH = "orgs[0].users[1].machine.keys[0].publicKey"
HUMAN, HUMAN_PATH = "orgs__0__users__0__human", "orgs[0].users[0].human"
MISTAKES: list[tuple[str, Any, str]] = [
    ("clients__0__clientId", "a b", "clients[0].clientId: must have 1 to 200 visible ASCII characters"),
    (
        *("clients__0__clientId", "authsvc-account"),
        "clients[0].clientId: is that of the account page, a client that the server keeps itself",
    ),
    ("clients__0__clientId", "ä", "clients[0].clientId: must have 1 to 200 visible ASCII characters"),
    ("clients__1__clientId", "web", "clients[1].clientId: is that of another client already, clients[0]"),
    ("clients__1__id", "50", "clients[1].id: 50 is the id of another entry already, clients[0]"),
    ("clients__0__state", "locked", "clients[0].state: must be one of active, inactive"),
    ("clients__0__secretHash", "cs_canary", f"clients[0].secretHash: {HEX}"),
    ("clients__0__native", True, f"clients[0].native: {NATIVE}"),
    ("clients__0__redirectUris__1", "https://a.example/in", "clients[0].redirectUris[1]: is given twice"),
    ("clients__0__redirectUris__1", "http://a.example/in", f"clients[0].redirectUris[1]: {URI}"),
    ("clients__0__redirectUris__1", "https://a.example/in#x", f"clients[0].redirectUris[1]: {URI}"),
    ("clients__0__redirectUris__1", "https://u@a.example/in", f"clients[0].redirectUris[1]: {URI}"),
    ("clients__0__redirectUris__1", "/in", f"clients[0].redirectUris[1]: {URI}"),
    ("clients__0__redirectUris__1", "com.example.app:/in", f"clients[0].redirectUris[1]: {URI}"),
    ("clients__1__redirectUris__0", "javascript:alert(1)", f"clients[1].redirectUris[0]: {URI}"),
    ("clients__0__redirectUris__1", f"https://a.example/{'x' * 2000}", "clients[0].redirectUris[1]: is longer than"),
    ("clients__0__redirectUris", [], "clients[0].redirectUris: must not be empty: authorization_code sends people"),
    ("clients__0__postLogoutRedirectUris__0", "//x", f"clients[0].postLogoutRedirectUris[0]: {URI}"),
    ("clients__0__grantTypes", ["implicit"], "clients[0].grantTypes[0]: must be one of authorization_code, "),
    ("clients__0__grantTypes", [], "clients[0].grantTypes: must not be empty"),
    ("clients__0__grantTypes__0", "authorization_code", "clients[0].grantTypes[1]: is given twice"),
    ("clients__0__grantTypes", ["device_code"], "clients[0].redirectUris: must be empty: without authorization_code"),
    ("clients__0__accessTokenType", "opaque", "clients[0].accessTokenType: must be one of bearer, jwt"),
    ("clients__0__signingAlgorithm", "HS256", "clients[0].signingAlgorithm: must be one of RS256, EdDSA"),
    ("clients__0__project", "11", "clients[0].project: there is no project 11 in this file"),
    ("clients__0__createdAt", "2999-01-01T00:00:00Z", "clients[0].createdAt: lies in the future"),
    ("clients__0__canary", "x", "clients[0].?: is not a known key here"),
    (KEY, "canary", f"{KEY_PATH}: {PUBLIC}"),
    (KEY, _PRIVATE, f"{KEY_PATH}: {PRIVATE}"),
    (KEY, json.dumps(OKPKey.import_key(_PRIVATE).as_dict(private=True)), f"{KEY_PATH}: {PRIVATE}"),
    (KEY, json.dumps(OctKey.generate_key().as_dict()), f"{KEY_PATH}: {PUBLIC}"),
    (KEY, {"kty": "OKP"}, f"{KEY_PATH}: {PUBLIC}"),
    (KEY, _SMALL.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), f"{KEY_PATH}: {PUBLIC}"),
    (KEY, _OTHER_CURVE.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), f"{KEY_PATH}: {PUBLIC}"),
    (f"{HUMAN}__passwordHash", "canary", f"{HUMAN_PATH}.passwordHash: must be the hash of a secret"),
    (f"{HUMAN}__totp", "CANARYCANARY", f"{HUMAN_PATH}.totp: must be a sealed secret as `export` writes it"),
    (f"{HUMAN}__canary", "x", f"{HUMAN_PATH}.?: is not a known key here"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value", "sentence"), MISTAKES, ids=[str(n) for n in range(len(MISTAKES))])
def test_mistakes(place: str, value: Any, sentence: str) -> None:
    """Each mistake is told once, by its place, and without a word of what may be a secret."""
    with pytest.raises(DirectoryError) as caught:
        parse(_with(**{place: value}).encode(), "zoo.yaml")
    told = str(caught.value).split(": ", 1)[1]
    assert told.startswith(sentence)
    assert "\n" not in told
    assert "canary" not in told.lower()


@pytest.mark.parametrize(
    "key",
    [
        json.dumps(OKPKey.import_key(_PEM).as_dict()),
        json.dumps(ECKey.generate_key("P-256").as_dict(private=False)),
        rsa.generate_private_key(65537, 2048)
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    ],
    ids=["Ed25519", "P-256", "RSA"],
)
async def test_public_keys(writes: Writes, rows: Any, key: str) -> None:
    """A public key is kept as it is written, in PEM or as a JWK."""
    await _apply(writes, _with(**{KEY: key}))
    assert await rows("SELECT public_key FROM machine_keys") == [(key.strip(),)]


async def test_what_people_changed_stays(writes: Writes, rows: Any) -> None:
    """An old file undoes neither a new password nor a new second factor, nor the time of the last change."""
    text = _with(**{f"{HUMAN}__passwordChanged": "2025-01-01T00:00:00Z"})
    await _apply(writes, text)
    await _execute(
        writes,
        "UPDATE users SET password_hash = 'new', totp = 'new', password_changed_at = 1800000000000000 WHERE id = 100",
    )
    assert await _apply(writes, text) == "nothing to change"
    assert await rows("SELECT password_hash, totp FROM users WHERE id = 100") == [("new", "new")]
    await _execute(writes, "UPDATE users SET password_hash = NULL, totp = NULL")
    assert await _apply(writes, _with()) == "1 user changed; 9 entries unchanged"
    assert await rows("SELECT password_hash, totp FROM users WHERE id = 100") == [(PHC, SEALED)]


CONFLICTS: list[tuple[str, Any, str]] = [
    ("clients__0__clientId", "other", "clients[0]: in the database this id has the clientId web, which cannot be"),
    ("clients__0__secretHash", None, "clients[0]: in the database this id has a secretHash, which cannot be"),
    ("clients__1", {**FILE["clients"][1], "native": False, "secretHash": f"sha256:{HASH}"},
     "clients[1]: in the database this id has no secretHash, which cannot be"),
    ("clients__1__id", "52", "clients[1].clientId: client 51 in the database has this clientId already"),
    (KEY, json.dumps(ECKey.generate_key("P-256").as_dict(private=False)),
     "orgs[0].users[1].machine.keys[0]: in the database this id has another publicKey, which cannot be changed"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value", "sentence"), CONFLICTS)
async def test_conflicts(writes: Writes, place: str, value: Any, sentence: str) -> None:
    """Who a client is, whether it has a secret, and by which key a program shows who it is, is fixed."""
    await _apply(writes)
    (told,) = await _refused(writes, _with(**{place: value}))
    assert told.startswith(sentence)


async def test_a_secret_stays(writes: Writes, rows: Any) -> None:
    """A file that is older than a new secret of a client or a program goes on working, and undoes nothing."""
    place = "orgs__0__users__1__machine__secretHash"
    await _apply(writes)
    assert await _apply(writes, _with(**{place: PHC})) == "1 user changed; 9 entries unchanged"
    await _execute(writes, "UPDATE users SET secret_hash = 'new' WHERE id = 101")
    await _execute(writes, f"UPDATE clients SET secret_hash = x'{OTHER_HASH}' WHERE id = 50")
    for text in (_with(), _with(**{place: PHC})):
        assert await _apply(writes, text) == "nothing to change"
    assert await rows("SELECT secret_hash FROM users WHERE id = 101") == [("new",)]
    assert await rows("SELECT secret_hash FROM clients WHERE id = 50") == [(bytes.fromhex(OTHER_HASH),)]


async def test_a_state_left_out_stays(writes: Writes, rows: Any) -> None:
    """A client that was disabled stays so by a file that says nothing of it, and works again by one that does."""
    await _apply(writes)
    assert await _apply(writes, _with(clients__0__state="inactive")) == "1 client changed; 9 entries unchanged"
    assert await _apply(writes) == "nothing to change"
    assert await rows("SELECT state FROM clients") == [(2,), (1,)]
    await _apply(writes, _with(clients__0__state="active"))
    assert await rows("SELECT state FROM clients") == [(1,), (1,)]


TOKENS = """
INSERT INTO authorizations (id, client_id, user_id, scope, amr, sequence, created_at, changed_at, ends_at)
VALUES (60, 50, 100, 'openid', 'pwd', 1, 1, 1, 9000000000000000),
(61, 51, 100, 'openid', 'pwd', 1, 1, 1, 9000000000000000)
"""
ACCESS = """
INSERT INTO access_tokens (id, token_hash, user_id, client_id, created_at, expires_at, scope) VALUES
(70, x'01', 100, 50, 1, 9000000000000000, 'openid'), (71, x'02', 100, 51, 1, 9000000000000000, 'openid'),
(72, x'03', 101, NULL, 1, 9000000000000000, 'openid'), (73, x'04', 100, 50, 1, 2, 'openid'),
(74, x'05', 100, NULL, 1, 9000000000000000, NULL)
"""


LOCKED = "1 user, 1 session changed; 9 entries unchanged"


@pytest.mark.parametrize(
    ("place", "state", "report", "revoked", "ended"),
    [
        ("clients__0__state", "inactive", "1 client changed; 9 entries unchanged", [60, 70], []),
        ("orgs__0__users__0__state", "locked", LOCKED, [60, 61, 70, 71], [(40,)]),
        ("orgs__0__users__0__state", "inactive", LOCKED, [60, 61, 70, 71], [(40,)]),
        ("orgs__0__users__0__state", "suspend", LOCKED, [60, 61, 70, 71], [(40,)]),
        ("orgs__0__users__0__state", "initial", "1 user changed; 9 entries unchanged", [], []),
        ("orgs__0__users__1__state", "inactive", LOCKED, [72], [(41,)]),
    ],
)
async def test_what_ends_with_an_entry(
    writes: Writes, rows: Any, place: str, state: str, report: str, revoked: list[int], ended: list[Any]
) -> None:
    """With a client or an account that is out of use end its sessions, authorizations and tokens, for good.

    A token that an operator has made ends with nothing but itself.
    """
    await _apply(writes)
    await _execute(writes, TOKENS, ACCESS)
    assert await _apply(writes, _with(**{place: state})) == report
    await _apply(writes, _with(**{place: "active"}))
    tables = ("authorizations", "access_tokens")
    found = [await rows(f"SELECT id FROM {table} WHERE revoked_at IS NOT NULL ORDER BY id") for table in tables]
    assert [number for part in found for (number,) in part] == revoked
    assert await rows("SELECT id FROM sessions WHERE state = 2") == ended
    assert await rows("SELECT 1 FROM changes WHERE kind IN ('authorization', 'access_token')") == []


async def test_deleting_a_user_ends_it_all(writes: Writes, rows: Any) -> None:
    """Deleting revokes too, and again whatever has appeared since."""
    deleted = _with(orgs__0__users__0__state="deleted", agents__0__sessions=[])
    await _apply(writes)
    await _apply(writes, deleted)
    await _execute(writes, TOKENS)
    await _apply(writes, deleted)
    assert await rows("SELECT id FROM authorizations WHERE revoked_at IS NULL") == []


def test_the_demo_can_sign_in_everywhere() -> None:
    """The demo's file has the client of `authsvc login`, one for a web page, and a program that may impersonate."""
    found = yaml.safe_load((ROOT / "examples" / "demo.yaml").read_text())
    clients = {client["clientId"]: client for client in found["clients"]}
    assert clients["cli"]["native"]
    assert clients["cli"]["redirectUris"] == ["http://127.0.0.1/callback"]
    assert set(clients["cli"]["grantTypes"]) == {"authorization_code", "refresh_token", "device_code"}
    assert len(clients) > 1
    assert [
        user for org in found["orgs"] for user in org.get("users", ()) if user.get("machine", {}).get("mayImpersonate")
    ]
