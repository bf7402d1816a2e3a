"""Token exchange (RFC 8693) for impersonation: a machine user with the right to acts as a person, for a reason.

The person's id stands for a token of theirs. What comes of it is marked in the session, ends within the hour, and is
never renewed.
"""

from __future__ import annotations

import structlog

from authsvc.domain.accounts import Account
from authsvc.domain.authorizations import Holder, Terms
from authsvc.domain.clock import Clock, now
from authsvc.domain.ids import parse_id
from authsvc.domain.machines import IMPERSONATION_LIFE, MAX_REASON, Machine, is_reason
from authsvc.domain.sessions import AuthMethod, SignIn
from authsvc.domain.users import AccessTokenType, UserType
from authsvc.errors import Refused
from authsvc.oauth import scopes
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenAnswer, TokenRequest
from authsvc.oauth.issue import Issuing
from authsvc.oauth.machines import MachineAuthentication, asked_scope, refuse_credentials
from authsvc.store.authorizations import Authorizations
from authsvc.store.impersonations import Impersonations
from authsvc.store.machines import Machines
from authsvc.store.sign_ins import Accounts

USER_ID = "urn:zitadel:params:oauth:token-type:user_id"
"""The type of a subject token that is a person's id."""
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a word of the protocol
JWT = "urn:ietf:params:oauth:token-type:jwt"


class Actors:
    """Finds the machine user that wants to act: it shows an access token of its own, or its secret."""

    def __init__(
        self,
        machines: Machines,
        authentication: MachineAuthentication,
        authorizations: Authorizations,
        clock: Clock = now,
    ) -> None:
        self._machines = machines
        self._authentication = authentication
        self._authorizations = authorizations
        self._clock = clock

    async def actor(self, request: TokenRequest) -> Machine:
        """The machine user that wants to act as somebody, if it has the right to.

        Raises:
            OAuthError: `invalid_client` or `invalid_request`: it does not show who it is; `unauthorized_client`: it has
                no such right.
            TooManyAttempts: of guessing secrets.
        """
        token, token_type = request.form.get("actor_token"), request.form.get("actor_token_type")
        if token or token_type:
            refuse_credentials(request)
            if token_type != ACCESS_TOKEN:
                raise OAuthError("invalid_request", f"actor_token_type is {ACCESS_TOKEN}")
            machine = await self._by_token(request.value("actor_token"))
        else:
            machine = await self._authentication.machine(request)
        if not machine.may_impersonate:
            raise OAuthError("unauthorized_client", "only who has been given the right may act as somebody else")
        return machine

    async def _by_token(self, token: str) -> Machine:
        record = await self._authorizations.by_access_token(token)
        is_good = record is not None and record.is_good(self._clock()) and scopes.has(record.scope, scopes.OPENID)
        machine = await self._machines.by_id(record.standing.user_id) if record is not None and is_good else None
        if machine is None:
            raise OAuthError("invalid_request", "the actor token cannot be used")
        return machine


class TokenExchangeGrant:
    """The grant `urn:ietf:params:oauth:grant-type:token-exchange`."""

    def __init__(
        self,
        actors: Actors,
        accounts: Accounts,
        impersonations: Impersonations,
        issuing: Issuing,
        projects: scopes.ProjectReader,
        terms: Terms,
    ) -> None:
        self._actors = actors
        self._accounts = accounts
        self._impersonations = impersonations
        self._issuing = issuing
        self._projects = projects
        self._life = min(terms.access_life, IMPERSONATION_LIFE)
        self._log = structlog.get_logger("authsvc.oauth")

    async def tokens(self, request: TokenRequest) -> TokenAnswer:
        """An access token for the person whose id is the subject token; session and token end together.

        Raises:
            OAuthError: `invalid_client`, `unauthorized_client`, `invalid_scope`, `invalid_target`, or `invalid_request`
                for anything else (RFC 8693, section 2.2.2), be it that nobody may act as this person.
            TooManyAttempts: of guessing secrets.
        """
        actor = await self._actors.actor(request)
        reason, scope, wanted = _reason(request), await asked_scope(request, self._projects), _wanted(request)
        if request.form.get("audience") or request.form.get("resource"):
            raise OAuthError("invalid_target", "scope says what a token is meant for")
        person = await self._person(actor, request)
        as_jwt = wanted == JWT or actor.access_token_type == AccessTokenType.JWT
        sign_in = SignIn(
            auth_method=AuthMethod.IMPERSONATION,
            ip_address=request.visitor.ip_address,
            user_agent=request.visitor.user_agent,
            impersonator_email=actor.address,
            impersonator_reason=reason,
            lifetime=self._life,
        )
        async with self._issuing.transaction() as tx:
            try:
                session_id = await self._impersonations.begin(tx, person.user_id, sign_in)
            except Refused:
                raise _no_person() from None
            holder = Holder(person.user_id, person.org_id, session_id, None, "", actor.address)
            token, expires_in = await self._issuing.access_token(
                tx, holder, scope, client=None, authorization_id=None, as_jwt=as_jwt, life=self._life
            )
        ids = {"user_id": person.user_id, "impersonator_id": actor.user_id, "session_id": session_id}
        self._log.info("impersonated", **{name: str(value) for name, value in ids.items()})
        return TokenAnswer(token, expires_in, scope, issued_token_type=wanted)

    async def _person(self, actor: Machine, request: TokenRequest) -> Account:
        """The person of the actor's own organization whose id is the subject token."""
        subject, subject_type = request.value("subject_token"), request.value("subject_token_type")
        if subject_type != USER_ID:
            raise OAuthError("invalid_request", f"subject_token_type is {USER_ID}")
        user_id = parse_id(subject)
        account = await self._accounts.by_id(user_id) if user_id is not None else None
        if account is None or account.type != UserType.HUMAN or account.org_id != actor.org_id:
            raise _no_person()
        return account


def _reason(request: TokenRequest) -> str:
    """Why somebody acts as the person, for them to read."""
    reason = request.value("reason").strip()
    if not is_reason(reason):
        raise OAuthError("invalid_request", f"reason has 1 to {MAX_REASON} characters that can be printed")
    return reason


def _wanted(request: TokenRequest) -> str:
    """The type of token that is asked for (RFC 8693, section 3)."""
    wanted = request.form.get("requested_token_type") or ACCESS_TOKEN
    if wanted not in {ACCESS_TOKEN, JWT}:
        raise OAuthError("invalid_request", "requested_token_type is none that can be had here")
    return wanted


def _no_person() -> OAuthError:
    return OAuthError("invalid_request", "there is nobody with the id in subject_token whom this actor may act as")
