"""Making tokens: what the store then knows, and that a new keyring does not stand in the way."""

from __future__ import annotations

import asyncio

from oauth.people import GIGI, ORG, TERMS
from oauth.realm import SCOPE, Realm

from authsvc.domain.authorizations import Holder
from authsvc.domain.clock import SECOND
from authsvc.domain.tokens import token_hash
from authsvc.oauth.issue import Issuing

HOLDER = Holder(GIGI, ORG, None, None, "")


async def test_access_token_is_known_by_the_hash_of_all_of_it(realm: Realm) -> None:
    """Opaque or signed, the store finds a token by the SHA-256 of the whole, with whom and what it is for."""
    client = await realm.client()
    async with realm.issuing.transaction() as tx:
        authorization_id = await realm.authorizations.start(tx, client, HOLDER, SCOPE)
        about = {"client": client, "authorization_id": authorization_id}
        opaque, life = await realm.issuing.access_token(tx, HOLDER, SCOPE, as_jwt=False, **about)  # type: ignore[arg-type]
        signed, short = await realm.issuing.access_token(
            tx, HOLDER, "openid", client=None, authorization_id=None, as_jwt=True, life=90 * SECOND
        )
    assert (life, short, opaque.count("."), signed.count(".")) == (3600, 90, 0, 2)
    rows = await realm.ask(
        "SELECT token_hash, user_id, session_id, client_id, authorization_id, scope, created_at, expires_at, revoked_at"
        " FROM access_tokens ORDER BY id"
    )
    ends = (realm.at + TERMS.access_life, None)
    assert rows == [
        (token_hash(opaque), GIGI, None, client.id, authorization_id, SCOPE, realm.at, *ends),
        (token_hash(signed), GIGI, None, None, None, "openid", realm.at, realm.at + 90 * SECOND, None),
    ]


async def test_every_token_is_told_in_changes(realm: Realm) -> None:
    """Authorizations and tokens appear in `changes`, for the person's organization."""
    await realm.tokens()
    assert await realm.ask("SELECT kind, action, org_id FROM changes ORDER BY sequence DESC LIMIT 3") == [
        ("access_token", "created", ORG),
        ("refresh_token", "created", ORG),
        ("authorization", "created", ORG),
    ]


async def test_nothing_is_left_of_an_answer_that_fails(realm: Realm) -> None:
    """If signing fails, neither the code is used up nor is there any token."""
    code = await realm.granted()
    sign = realm.keyring.sign

    async def fail(*_: object, **__: object) -> str:
        raise RuntimeError("no key")

    realm.keyring.sign = fail  # type: ignore[method-assign]
    try:
        (error,) = await asyncio.gather(realm.exchange(code), return_exceptions=True)
    finally:
        realm.keyring.sign = sign  # type: ignore[method-assign]
    assert isinstance(error, RuntimeError)
    assert await realm.ask("SELECT count(*) FROM access_tokens") == [(0,)]
    await realm.exchange(code)


async def test_keys_are_made_before_the_transaction(realm: Realm) -> None:
    """Where there are no keys yet, they are made first: inside, the keyring would wait for the transaction forever."""
    events: list[str] = []

    class Keyring:
        async def public(self) -> list[dict[str, str]]:
            events.append("keys")
            return []

    issuing = Issuing(realm.authorizations, Keyring(), TERMS, realm.now)  # type: ignore[arg-type]
    async with issuing.transaction():
        events.append("transaction")
    assert events == ["keys", "transaction"]
