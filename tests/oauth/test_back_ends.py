"""Signing in through a back end: for which clients, with what, and what the tokens say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from oauth.people import GIGI, OLLI, ORG, PASSWORD, TERMS, VISITOR
from oauth.realm import APP, CALLBACK, OTHER, SCOPE, SECRET, SPA, VERIFIER, Realm

from authsvc.domain.accounts import Visitor
from authsvc.domain.authorizations import REUSE_GRACE, CodeRequest, Holder
from authsvc.domain.tokens import Permission, TokenRecord, token_hash
from authsvc.domain.ulid import parse_public_id
from authsvc.errors import PermissionDenied, Unauthenticated
from authsvc.oauth.back_ends import PASSWORD as PASSWORD_GRANT
from authsvc.oauth.back_ends import TOTP, BackEndClients, BackEndSignIns, SignedIn
from authsvc.oauth.code import s256
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenRequest
from authsvc.oauth.guessing import Guessing
from authsvc.oauth.sign_in import SecondFactor, TooManyAttempts, WrongCredentials
from authsvc.store.backends import BackendReads
from authsvc.store.schema import users

KEY, POOR_KEY = "sk_good", "sk_poor"


class _Keys:
    """Two keys: one that may write sessions, and one that may not."""

    async def holder(self, authorization: Sequence[str], permission: str) -> object:
        assert permission == Permission.SESSION_WRITE
        if list(authorization) == [f"Bearer {POOR_KEY}"]:
            raise PermissionDenied("not this")
        if list(authorization) != [f"Bearer {KEY}"]:
            raise Unauthenticated("Unauthorized")
        return None


@pytest.fixture
def back_end(realm: Realm) -> BackEndSignIns:
    """What answers back ends."""
    reads = BackendReads(realm.executor, realm.now)
    clients = BackEndClients(realm.clients, Guessing(realm.attempts), _Keys())
    return BackEndSignIns(
        clients, realm.sign_ins, realm.accounts, realm.authorizations, realm.keyring, reads, TERMS, realm.now
    )


def _request(grant_type: str, **form: str) -> TokenRequest:
    about = {"client_id": APP, "client_secret": KEY, "grant_type": grant_type}
    return TokenRequest(about | form, (), VISITOR)


def _password(**form: str) -> TokenRequest:
    about = {"grant_type": PASSWORD_GRANT, "email": "gigi@savanna.example", "password": PASSWORD}
    return _request(**(about | form))


async def _signed_in(back_end: BackEndSignIns, request: TokenRequest) -> SignedIn:
    found = await back_end.answer(request, VISITOR)
    assert isinstance(found, SignedIn)
    return found


async def _refusal(back_end: BackEndSignIns, request: TokenRequest) -> str:
    with pytest.raises(OAuthError) as refused:
        await back_end.answer(request, VISITOR)
    return refused.value.code


async def _record(realm: Realm, token: str) -> TokenRecord | None:
    return await realm.reads.token(token_hash(token), None)


async def test_password_gives_tokens_of_a_new_session(realm: Realm, back_end: BackEndSignIns) -> None:
    """The token is an RS256 JWT with ids as back ends know them, whatever the client's own tokens are like."""
    found = await _signed_in(back_end, _password())
    claims = await realm.keyring.verify(found.answer.access_token, typ="at+jwt")
    assert claims is not None
    user, session, org = (
        parse_public_id(prefix, claims[name])
        for prefix, name in (("user", "sub"), ("session", "sid"), ("org", "org_id"))
    )
    assert user is not None
    assert session is not None
    assert org is not None
    assert (user.id, session.id, org.id) == (GIGI, found.session.id, ORG)
    assert claims["auth_time"] == realm.at // 1_000_000
    assert claims["client_id"] == APP
    assert (found.user_id, found.session.org_id, found.session.ip_address) == (GIGI, ORG, VISITOR.ip_address)
    assert found.answer.refresh_token
    record = await _record(realm, found.answer.access_token)
    assert record is not None
    assert (record.user_id, record.session_id) == (GIGI, found.session.id)


async def test_every_password_makes_a_session(back_end: BackEndSignIns) -> None:
    """A back end has no browser of ours in which a session could be renewed."""
    first, second = await _signed_in(back_end, _password()), await _signed_in(back_end, _password())
    assert first.session.id != second.session.id


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"client_secret": SECRET}, "unauthorized_client"),
        ({"client_secret": ""}, "unauthorized_client"),
        ({"client_secret": "sk_unknown"}, "invalid_client"),
        ({"client_id": "unknown"}, "invalid_client"),
        ({"email": ""}, "invalid_request"),
        ({"password": ""}, "invalid_request"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
    ],
)
async def test_request_is_refused(back_end: BackEndSignIns, form: dict[str, str], code: str) -> None:
    """Passwords come with an API key and for a client that exists, or not at all."""
    assert await _refusal(back_end, _password(**form)) == code


async def test_client_must_be_usable(realm: Realm, back_end: BackEndSignIns) -> None:
    """An inactive client, and one that may not renew its tokens, gets none; nor does a key without the permission."""
    await realm.put_client(4, OTHER, grant_types="authorization_code")
    assert await _refusal(back_end, _password(client_id=OTHER)) == "unauthorized_client"
    await realm.put_client(4, OTHER, state=2)
    assert await _refusal(back_end, _password(client_id=OTHER)) == "invalid_client"
    with pytest.raises(PermissionDenied):
        await back_end.answer(_password(client_secret=POOR_KEY), VISITOR)


async def test_wrong_password_is_told_as_on_the_pages(back_end: BackEndSignIns) -> None:
    """Names and passwords that are wrong are one refusal."""
    for form in ({"password": "wrong"}, {"email": "nobody@savanna.example"}, {"email": "nobody"}):
        with pytest.raises(WrongCredentials):
            await back_end.answer(_password(**form), VISITOR)


async def test_second_factor_is_asked_for(realm: Realm, back_end: BackEndSignIns) -> None:
    """After the password of somebody who has one, its code gives the session; only together with an API key."""
    asked = await back_end.answer(_password(email="olli@savanna.example"), VISITOR)
    assert isinstance(asked, SecondFactor)
    form: dict[str, Any] = {"pending_authentication_token": asked.pending, "code": realm.code()}
    assert await _refusal(back_end, _request(TOTP, **form, client_secret=SECRET)) == "unauthorized_client"
    found = await _signed_in(back_end, _request(TOTP, **form))
    assert found.user_id == OLLI
    assert await realm.ask("SELECT amr FROM sessions") == [("pwd otp mfa",)]


async def test_email_address_is_as_good_as_a_login_name(realm: Realm, back_end: BackEndSignIns) -> None:
    """It must be one person's, in any case, and theirs for sure."""

    async def give(user_id: int, *, verified: bool) -> None:
        async with realm.writes.transaction() as tx:
            values = {"id": user_id, "email": "G@mail.example", "email_verified": verified}
            await realm.writes.put(tx, users, values, owner=ORG)

    await give(GIGI, verified=False)
    with pytest.raises(WrongCredentials):
        await back_end.answer(_password(email="g@mail.example"), VISITOR)
    await give(GIGI, verified=True)
    assert (await _signed_in(back_end, _password(email="g@MAIL.example"))).user_id == GIGI
    await give(OLLI, verified=True)
    with pytest.raises(WrongCredentials):
        await back_end.answer(_password(email="g@mail.example"), VISITOR)


async def _code(realm: Realm, session_id: int, client_id: str, scope: str = SCOPE) -> str:
    client = await realm.clients.by_client_id(client_id)
    assert client is not None
    holder = Holder(GIGI, ORG, session_id, realm.at, "pwd")
    return await realm.authorizations.grant_code(client, holder, scope, CodeRequest(CALLBACK, s256(VERIFIER), None))


@pytest.mark.parametrize(("client_id", "secret"), [(APP, KEY), (APP, SECRET), (SPA, ""), (SPA, KEY)])
async def test_code_needs_no_redirect_uri(realm: Realm, back_end: BackEndSignIns, client_id: str, secret: str) -> None:
    """The verifier binds it; a trusted client shows its secret, or has none, or shows an API key like any other."""
    if client_id == SPA:
        await realm.put_client(2, SPA, secret_hash=None, trusted=not secret)
    begun = await realm.sign_in()
    code = await _code(realm, begun.session_id, client_id)
    form = {"client_id": client_id, "client_secret": secret, "code": code}
    wrong = await _refusal(back_end, _request("authorization_code", **form, code_verifier="w" * 43))
    assert wrong == "invalid_grant"
    assert await _refusal(back_end, _request("authorization_code", **form)) == "invalid_request"
    found = await _signed_in(back_end, _request("authorization_code", **form, code_verifier=VERIFIER))
    assert (found.user_id, found.session.id) == (GIGI, begun.session_id)
    renewing = {"client_id": client_id, "client_secret": secret, "refresh_token": found.answer.refresh_token or ""}
    renewed = await _signed_in(back_end, _request("refresh_token", **renewing))
    assert renewed.session.id == begun.session_id
    assert await _refusal(back_end, _request("authorization_code", **form, code_verifier=VERIFIER)) == "invalid_grant"
    assert await _refusal(back_end, _request("refresh_token", **renewing)) == "invalid_grant"


@pytest.mark.parametrize(("client_id", "secret"), [(OTHER, SECRET), (SPA, "")])
async def test_untrusted_client_needs_an_api_key(
    realm: Realm, back_end: BackEndSignIns, client_id: str, secret: str
) -> None:
    """A client to which a person has given less than all their data does not get them here, neither first nor later."""
    session_id = (await realm.sign_in()).session_id
    form = {"client_id": client_id, "code": await _code(realm, session_id, client_id), "code_verifier": VERIFIER}
    asked = _request("authorization_code", **form | {"client_secret": secret})
    assert await _refusal(back_end, asked) == "unauthorized_client"
    answer = (await _signed_in(back_end, _request("authorization_code", **form))).answer
    renewing = {"client_id": client_id, "client_secret": secret, "refresh_token": answer.refresh_token or ""}
    assert await _refusal(back_end, _request("refresh_token", **renewing)) == "unauthorized_client"


@pytest.mark.parametrize(("secret", "has_more"), [(SECRET, 0), (KEY, 1)])
async def test_only_an_api_key_gets_more_than_was_granted(
    realm: Realm, back_end: BackEndSignIns, secret: str, has_more: int
) -> None:
    """Without one, even a trusted client has no refresh token unless it has asked for `offline_access`."""
    code = await _code(realm, (await realm.sign_in()).session_id, APP, "openid")
    form = {"client_secret": secret, "code": code, "code_verifier": VERIFIER}
    answer = (await _signed_in(back_end, _request("authorization_code", **form))).answer
    assert (answer.refresh_token is not None, answer.scope == "openid") == (has_more, not has_more)


async def test_who_does_not_show_who_they_are_writes_nothing(
    realm: Realm, back_end: BackEndSignIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strangers do not keep writers waiting, whatever codes they bring."""
    monkeypatch.setattr(realm.authorizations, "transaction", None)
    form = {"client_secret": "wrong", "code": "x", "code_verifier": VERIFIER}
    assert await _refusal(back_end, _request("authorization_code", **form)) == "invalid_client"


@pytest.mark.parametrize("peer", [Visitor("198.51.100.1"), Visitor()])
async def test_strangers_are_counted_by_where_they_are(back_end: BackEndSignIns, peer: Visitor) -> None:
    """Where a person is counts once there is an API key: nobody uses up somebody else's tries, or evades the count."""
    stranger = _request("authorization_code", client_secret="wrong", code="x")._replace(visitor=peer)
    for number in range(50):
        with pytest.raises(OAuthError):
            await back_end.answer(stranger, Visitor(f"203.0.113.{number}"))
    with pytest.raises(TooManyAttempts):
        await back_end.answer(stranger, Visitor("203.0.113.99"))
    await back_end.answer(_password()._replace(visitor=peer), VISITOR)
    elsewhere = Visitor("198.51.100.2")
    with pytest.raises(OAuthError):
        await back_end.answer(stranger._replace(visitor=elsewhere), peer)


async def test_reused_refresh_token_revokes_the_family(realm: Realm, back_end: BackEndSignIns) -> None:
    """As at the token endpoint: after the grace nothing that came from the sign-in is good any more."""
    first = await _signed_in(back_end, _password())
    form = {"refresh_token": first.answer.refresh_token or ""}
    second = await _signed_in(back_end, _request("refresh_token", **form))
    realm.at += REUSE_GRACE + 1
    assert await _refusal(back_end, _request("refresh_token", **form)) == "invalid_grant"
    record = await _record(realm, second.answer.access_token)
    assert record is not None
    assert record.revoked_at is not None


async def test_refresh_keeps_the_organization(back_end: BackEndSignIns) -> None:
    """One that is not the session's is refused, as is a token that nobody knows."""
    found = await _signed_in(back_end, _password())
    form = {"refresh_token": found.answer.refresh_token or "", "organization_id": "org_01H945H0YD4F97JN9MATX7BYAG"}
    assert await _refusal(back_end, _request("refresh_token", **form)) == "access_denied"
    assert await _refusal(back_end, _request("refresh_token", **form | {"refresh_token": "x"})) == "access_denied"
    await _signed_in(back_end, _request("refresh_token", **form | {"organization_id": ""}))


async def test_ended_session_is_not_renewed(realm: Realm, back_end: BackEndSignIns) -> None:
    """After its end there are no more tokens."""
    found = await _signed_in(back_end, _password())
    await realm.writes.end_session(found.session.id)
    request = _request("refresh_token", refresh_token=found.answer.refresh_token or "")
    assert await _refusal(back_end, request) == "invalid_grant"
