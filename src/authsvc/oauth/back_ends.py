"""Signing people in through a back end with pages of its own: what WorkOS's `authenticate` does, as OAuth (RFC 6749).

Codes and refresh tokens are exchanged by the rules of the token endpoint. Passwords, for which OAuth has no place any
more (RFC 9700, section 2.4), are taken from holders of an API key only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from authsvc.domain.accounts import Proof, Visitor
from authsvc.domain.authorizations import Holder, Terms
from authsvc.domain.clients import Client, ClientState, GrantType
from authsvc.domain.clock import Clock, now
from authsvc.domain.sessions import SessionRecord
from authsvc.domain.tokens import KEY_PREFIX, Permission
from authsvc.domain.ulid import public_id
from authsvc.domain.users import AccessTokenType
from authsvc.errors import Unauthenticated
from authsvc.oauth import scopes
from authsvc.oauth.clients import ClientAuthentication, ClientReader
from authsvc.oauth.code import CodeGrant
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenAnswer, TokenRequest
from authsvc.oauth.guessing import Guessing
from authsvc.oauth.issue import Issuing
from authsvc.oauth.keyring import Keyring
from authsvc.oauth.refresh import RefreshGrant
from authsvc.oauth.sign_in import SecondFactor, SignIns
from authsvc.store.authorizations import Authorizations
from authsvc.store.backends import BackendReads
from authsvc.store.sign_ins import Accounts

PASSWORD = "password"  # noqa: S105 - a word of the protocol
TOTP = "urn:workos:oauth:grant-type:mfa-totp"
_SCOPE = " ".join(scopes.OF_PERSON)
_ALGORITHM = "RS256"  # the only one that WorkOS's SDKs verify


class KeyHolders(Protocol):
    """Tells who holds an API key."""

    async def holder(self, authorization: Sequence[str], permission: str) -> object:
        """The holder, from the values of a header `authorization`, if the key has the permission."""


class SignedIn(NamedTuple):
    """Somebody is signed in: the tokens, whose they are, and the session that they belong to."""

    answer: TokenAnswer
    user_id: int
    session: SessionRecord


class BackEndClients(ClientAuthentication):
    """Tells for which client a back end asks: with an API key for any, else as at the token endpoint, if it is trusted.

    One that is not gets what a person has let it have; here it would get all their data. Whatever the client's own
    tokens are like, these are for WorkOS's SDKs: JWTs that are signed as those expect.
    """

    def __init__(self, clients: ClientReader, guessing: Guessing, keys: KeyHolders) -> None:
        super().__init__(clients, guessing)
        self._keys = keys

    async def client(self, request: TokenRequest) -> Client:
        """The client for which a request is.

        Raises:
            OAuthError: `invalid_client`: there is no such client, or the secret is neither its own nor a usable key;
                `unauthorized_client`: it must be able to renew its tokens, and without an API key be trusted.
            TooManyAttempts: `invalid_client` too often.
            PermissionDenied: the API key does not have the permission.
            TooMany: the API key is used more often than it may be.
        """
        by_key = has_key(request)
        client = await (self._of_key(request) if by_key else super().client(request))
        if not (by_key or client.trusted):
            raise OAuthError(
                "unauthorized_client", "only with an API key as client_secret, as the client is not trusted"
            )
        if not client.may(GrantType.REFRESH_TOKEN):
            raise OAuthError("unauthorized_client", "the client may not use refresh tokens")
        return client._replace(access_token_type=AccessTokenType.JWT.value, signing_algorithm=_ALGORITHM)

    async def trusted(self, request: TokenRequest) -> Client:
        """As `client`, but only with an API key: for passwords."""
        if not has_key(request):
            raise OAuthError("unauthorized_client", "only with an API key as client_secret")
        return await self.client(request)

    async def _of_key(self, request: TokenRequest) -> Client:
        try:
            await self._keys.holder([f"Bearer {request.value('client_secret')}"], Permission.SESSION_WRITE)
        except Unauthenticated:
            raise OAuthError("invalid_client", "the API key cannot be used") from None
        client = await self._clients.by_client_id(request.value("client_id"))
        if client is None or client.state != ClientState.ACTIVE:
            raise OAuthError("invalid_client", "there is no such client")
        return client


class BackEndIssuing(Issuing):
    """Makes tokens as WorkOS's SDKs read them: ids with prefixes, and the organization."""

    def __init__(
        self,
        authorizations: Authorizations,
        keyring: Keyring,
        terms: Terms,
        reads: BackendReads,
        clock: Clock = now,
    ) -> None:
        super().__init__(authorizations, keyring, terms, clock)
        self._reads = reads

    async def claims(
        self, token_id: int, holder: Holder, scope: str, client: Client | None, *, at: int, expires_at: int
    ) -> dict[str, Any]:
        """What an access token says; `sub` and `sid` are ids as back ends see them."""
        claims = await super().claims(token_id, holder, scope, client, at=at, expires_at=expires_at)
        session = await self._reads.session(holder.session_id or 0)
        if session is None:
            raise OAuthError("invalid_grant", "there is no session behind it")
        return claims | _public_ids(session)


class KeyHolderIssuing(BackEndIssuing):
    """Makes them for holders of an API key, which lets them sign people in anyway: always with a refresh token."""

    async def answer(
        self,
        tx: Any,
        holder: Holder,
        client: Client,
        scope: str,
        authorization_id: int,
        *,
        nonce: str | None = None,
    ) -> TokenAnswer:
        """The first tokens of an authorization, a refresh token among them."""
        renewable = " ".join(dict.fromkeys([*scope.split(), scopes.OFFLINE_ACCESS]))
        return await super().answer(tx, holder, client, renewable, authorization_id, nonce=nonce)


class BackEndSignIns:
    """Answers back ends."""

    def __init__(
        self,
        clients: BackEndClients,
        sign_ins: SignIns,
        accounts: Accounts,
        authorizations: Authorizations,
        keyring: Keyring,
        reads: BackendReads,
        terms: Terms,
        clock: Clock = now,
    ) -> None:
        self._clients = clients
        self._sign_ins = sign_ins
        self._accounts = accounts
        self._authorizations = authorizations
        parts = (authorizations, keyring, terms, reads, clock)
        issuing, self._issuing = BackEndIssuing(*parts), KeyHolderIssuing(*parts)
        self._reads = reads
        self._codes = CodeGrant(clients, authorizations, issuing, clock)
        self._codes_by_key = CodeGrant(clients, authorizations, self._issuing, clock)
        self._refreshing = RefreshGrant(clients, authorizations, issuing, terms, clock)

    async def answer(self, request: TokenRequest, person: Visitor) -> SignedIn | SecondFactor:
        """What a back end gets: somebody is signed in, or their second factor is wanted.

        `person` is where they are as the back end says, which counts once it has shown an API key; who cannot show who
        they are is counted by where the request comes from.

        Raises:
            OAuthError: it is refused.
            WrongCredentials: what somebody typed is wrong.
            PendingOver: the code came too late after the password.
            TooManyAttempts: of guessing.
            PermissionDenied: the API key does not have the permission.
            TooMany: the API key is used more often than it may be.
        """
        match request.value("grant_type"):
            case name if name == PASSWORD:
                return await self._password(request, person)
            case name if name == TOTP:
                return await self._code(request, person)
            case GrantType.AUTHORIZATION_CODE:
                codes = self._codes_by_key if has_key(request) else self._codes
                answer = await codes.tokens(await self._with_redirect_uri(request))
            case GrantType.REFRESH_TOKEN:
                await self._check_org(request)
                answer = await self._refreshing.tokens(request)
            case _:
                raise OAuthError("unsupported_grant_type", "there is no such grant type here")
        return await self._signed_in(answer)

    async def _password(self, request: TokenRequest, person: Visitor) -> SignedIn | SecondFactor:
        client = await self._clients.trusted(request)
        email, password = request.value("email"), request.value("password")
        found = await self._sign_ins.password(email, password, person)
        return found if isinstance(found, SecondFactor) else await self._begin(client, found, person)

    async def _code(self, request: TokenRequest, person: Visitor) -> SignedIn:
        client = await self._clients.trusted(request)
        pending, code = request.value("pending_authentication_token"), request.value("code")
        return await self._begin(client, await self._sign_ins.code(pending, code, person), person)

    async def _begin(self, client: Client, proof: Proof, person: Visitor) -> SignedIn:
        """A session of its own: the back end has no browser of ours."""
        begun = await self._sign_ins.begin(proof, None, person)
        account = await self._accounts.by_id(proof.user_id)
        if account is None:
            raise OAuthError("invalid_grant", "the account has gone")
        holder = Holder(proof.user_id, account.org_id, begun.session_id, proof.at, proof.amr)
        async with self._issuing.transaction() as tx:
            authorization_id = await self._authorizations.start(tx, client, holder, _SCOPE)
            answer = await self._issuing.answer(tx, holder, client, _SCOPE, authorization_id)
        return await self._signed_in(answer)

    async def _signed_in(self, answer: TokenAnswer) -> SignedIn:
        record = await self._authorizations.by_access_token(answer.access_token)
        session = await self._reads.session(record.standing.session_id or 0) if record else None
        if record is None or session is None:
            raise OAuthError("invalid_grant", "the session has gone")
        return SignedIn(answer, record.standing.user_id, session)

    async def _with_redirect_uri(self, request: TokenRequest) -> TokenRequest:
        """The request with the redirect URI of the code: WorkOS's SDKs do not repeat it; the verifier binds more."""
        found = await self._authorizations.by_code(None, request.value("code"))
        uri = (found.redirect_uri if found else None) or "unknown"
        return request._replace(form={**request.form, "redirect_uri": uri})

    async def _check_org(self, request: TokenRequest) -> None:
        """A session belongs to one organization for good."""
        wanted = request.form.get("organization_id")
        if not wanted:
            return
        found = await self._authorizations.by_refresh_token(request.value("refresh_token"))
        session = await self._reads.session(found.authorized.standing.session_id or 0) if found else None
        if session is None or _public_ids(session).get("org_id") != wanted:
            raise OAuthError("access_denied", "the session is not for this organization")


def _public_ids(session: SessionRecord) -> dict[str, str]:
    ids = {
        "sub": public_id("user", session.user_created_at, session.user_id, session.user_ulid),
        "sid": public_id("session", session.created_at, session.id, session.ulid),
    }
    if session.org_id is not None and session.org_created_at is not None:
        ids["org_id"] = public_id("org", session.org_created_at, session.org_id, session.org_ulid)
    return ids


def has_key(request: TokenRequest) -> bool:
    """Whether a request comes with what should be an API key; `BackEndClients` tells whether it is one."""
    return request.form.get("client_secret", "").startswith(KEY_PREFIX)
