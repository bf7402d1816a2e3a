"""Forged tokens, and tokens without the scope, through every door: each answers as it does to any other of its sort."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from forgeries import Forge
from harness import GIGI, Server, query
from joserfc.jwk import OKPKey, RSAKey
from parity.clients import CLIENTS, Client, Outcome, Target
from zitadel import auth_pb2

from authsvc.domain.clock import SECOND, now
from authsvc.domain.ids import IdSource
from authsvc.domain.sealed import SIGNING_KEY
from authsvc.domain.tokens import token_hash
from authsvc.identity.keyfile import KeyFile
from authsvc.oauth.keyring import Keyring
from authsvc.oauth.sealing import open_sealing
from authsvc.store.schema import access_tokens
from authsvc.store.signing_keys import SigningKeys
from authsvc.store.sqlite import SqliteExecutor
from authsvc.store.writes import Writes

UNKNOWN = "A" * 43
_AT_ONCE = 16


@dataclass(frozen=True)
class Scene:
    """The running server, what its own keys have signed and forgers made of it, and a listener that nobody may call."""

    target: Target
    forge: Forge
    file: Path
    trap: socket.socket

    async def register(self, token: str, scope: str | None = "openid") -> None:
        """Have the server know a token of Gigi's."""
        executor = SqliteExecutor(self.file)
        writes, at = Writes(executor), now()
        values: dict[str, Any] = {
            "id": IdSource().next(),
            "token_hash": token_hash(token),
            "user_id": int(self.forge.subject),
            "scope": scope,
            "created_at": at,
            "expires_at": at + 600 * SECOND,
        }
        async with writes.transaction() as tx:
            await writes.put(tx, access_tokens, values)
        await executor.close()

    async def call(self, client: Client, token: str) -> Outcome:
        """What a door answers to a token."""
        headers = {"authorization": f"Bearer {token}"}
        return await client(self.target, "GetMyUser", auth_pb2.GetMyUserRequest(), headers)


async def _keys(file: Path) -> tuple[RSAKey, OKPKey]:
    """The keys that the server signs with; it makes them at the first use, if nobody has."""
    executor = SqliteExecutor(file)
    store = SigningKeys(executor, Writes(executor))
    sealing = await open_sealing(KeyFile("secret_key_file", file.parent / "authsvc.key"), store)
    await Keyring(store, sealing).public()
    private = {key.algorithm: sealing.open(SIGNING_KEY, key.private_key) for key in await store.keys()}
    await executor.close()
    return RSAKey.import_key(json.loads(private["RS256"] or "")), OKPKey.import_key(json.loads(private["EdDSA"] or ""))


@pytest.fixture(scope="module")
def scene(server: Server) -> Iterator[Scene]:
    """The server's own keys in the hands of a forger, whose tokens name a listener for keys to be fetched from."""
    file = Path(server.database_url.removeprefix("sqlite:///"))
    login = GIGI.partition("@")[0]
    ((user_id,),) = query(server.database_url, f"SELECT id FROM users WHERE login = '{login}' OR email = '{GIGI}'")
    rsa, ed25519 = asyncio.run(_keys(file))
    target = Target(server.url, server.address, server.grpcio_address)
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        address = f"http://127.0.0.1:{trap.getsockname()[1]}/jwks"
        forge = Forge(rsa, ed25519, server.url, server.url, str(user_id), now() // SECOND, address)
        yield Scene(target, forge, file, trap)


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS.keys())
async def test_forged_tokens_are_unknown_tokens(scene: Scene, client: Client) -> None:
    """A forged token gets in every field the answer that an unknown one gets, and leads the server nowhere.

    So does a token that the server's own key has signed and that has nothing wrong in it, but that was never given out.
    """
    unknown = await scene.call(client, UNKNOWN)
    assert (unknown.code, unknown.message) == (grpc.StatusCode.UNAUTHENTICATED, "Errors.Token.Invalid (AUTH-7fs1e)")
    assert unknown.metadata["www-authenticate"] == 'Bearer realm="authsvc", error="invalid_token"'
    forged = scene.forge.corpus() | {"signed by ourselves": scene.forge.genuine(jti="never given out")}
    assert len(forged) > 100
    places = asyncio.Semaphore(_AT_ONCE)

    async def differs(token: str) -> bool:
        async with places:
            return await scene.call(client, token) != unknown

    differences = await asyncio.gather(*map(differs, forged.values()))
    assert [name for name, is_different in zip(forged, differences, strict=True) if is_different] == []
    with pytest.raises(BlockingIOError):
        scene.trap.accept()


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS.keys())
async def test_a_token_that_was_given_out(scene: Scene, client: Client) -> None:
    """A JWT that was given out is known by all of it: by every door, and in no other spelling."""
    token = scene.forge.genuine(jti=client.__name__)
    await scene.register(token)
    outcome = await scene.call(client, token)
    assert outcome.code is grpc.StatusCode.OK
    assert str(outcome.answer.user.id) == scene.forge.subject  # type: ignore[union-attr]
    for changed in (token + "=", token[:-1], token + "A", token.replace(".", "..", 1)):
        assert (await scene.call(client, changed)).code is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS.keys())
async def test_a_scope_that_is_not_enough(scene: Scene, client: Client) -> None:
    """A good token without the scope openid is denied, and told which scope it lacks; by every door alike."""
    for scope in ("profile offline_access", ""):
        token = scene.forge.genuine(jti=f"{client.__name__} {scope}")
        await scene.register(token, scope)
        outcome = await scene.call(client, token)
        assert (outcome.code, outcome.message) == (
            grpc.StatusCode.PERMISSION_DENIED,
            "The token does not have the scope openid (AUTHSVC-SC001)",
        )
        challenge = 'Bearer realm="authsvc", error="insufficient_scope", scope="openid"'
        assert outcome.metadata["www-authenticate"] == challenge
        assert outcome == await scene.call(CLIENTS["grpc"], token)
