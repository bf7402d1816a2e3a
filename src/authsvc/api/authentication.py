"""workos.user_management.v1.AuthenticationService: signing people in for back ends that have pages of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from authsvc_workos.user_management.v1.authentication_pb2 import (
    AuthenticateRequest,
    AuthenticateResponse,
    GetJwksRequest,
    GetJwksResponse,
)
from authsvc_workos.user_management.v1.authentication_pb2_grpc import AuthenticationServiceServicer
from authsvc_workos.user_management.v1.user_management_pb2 import Session

from authsvc.api.convert_workos import fill_person, fill_session
from authsvc.domain.accounts import Visitor
from authsvc.domain.clients import ClientState
from authsvc.domain.sessions import AuthMethod
from authsvc.errors import Coded, EntityNotFound, InvalidParameter, OAuthRefused, StepWanted, TooMany
from authsvc.oauth.back_ends import TOTP, BackEndSignIns, SignedIn
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenRequest
from authsvc.oauth.keyring import Keyring
from authsvc.oauth.sign_in import PendingOver, SecondFactor, TooManyAttempts, WrongCredentials
from authsvc.oauth.visitor import Network, caller, told
from authsvc.store.backends import BackendReads
from authsvc.store.clients import Clients

# What the words of sessions are called here; of accounts elsewhere it would say which.
_METHODS = {
    AuthMethod.PASSWORD: "Password",
    AuthMethod.PASSKEY: "Passkey",
    AuthMethod.MAGIC_CODE: "MagicAuth",
    AuthMethod.SSO: "SSO",
    AuthMethod.IMPERSONATION: "Impersonation",
}


class PeerContext(Protocol):
    """The context of a call, as far as it tells who is at the other end of the connection."""

    def peer(self) -> str:
        """The client's address as gRPC writes it."""

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """The metadata that the client sent."""


class AuthenticationServicer(AuthenticationServiceServicer):
    """Answers by the rules of the authorization server."""

    def __init__(
        self,
        sign_ins: BackEndSignIns,
        clients: Clients,
        keyring: Keyring,
        reads: BackendReads,
        trusted_proxies: Sequence[Network] = (),
    ) -> None:
        self._sign_ins = sign_ins
        self._clients = clients
        self._keyring = keyring
        self._reads = reads
        self._trusted_proxies = trusted_proxies

    async def Authenticate(self, request: AuthenticateRequest, context: PeerContext) -> AuthenticateResponse:
        """Sign somebody in, or go on with it.

        Raises:
            OAuthRefused: the request is refused in OAuth's words.
            Coded: what somebody typed is wrong.
            StepWanted: their second factor is wanted.
            InvalidParameter: an address is none.
            TooMany: of guessing.
        """
        person = _person(request)
        form = {field.name: value for field, value in request.ListFields() if isinstance(value, str)}
        back_end = caller(context.peer(), context.invocation_metadata() or (), self._trusted_proxies)
        try:
            found = await self._sign_ins.answer(TokenRequest(form, (), back_end), person)
        except OAuthError as error:
            raise OAuthRefused(error.code, f"{error.description[:1].upper()}{error.description[1:]}.") from None
        except WrongCredentials:
            if request.grant_type == TOTP:
                raise Coded("invalid_one_time_code", "Invalid one-time code.") from None
            raise Coded("invalid_credentials", "Invalid credentials.") from None
        except PendingOver:
            sentence = "Invalid pending authentication token."
            raise Coded("invalid_pending_authentication_token", sentence) from None
        except TooManyAttempts as error:
            raise TooMany("Too many requests.", error.retry_after) from None
        if isinstance(found, SecondFactor):
            sentence = "The user must complete an MFA challenge to finish authenticating."
            raise StepWanted("mfa_challenge", sentence, pending_authentication_token=found.pending)
        return await self._response(found)

    async def GetJwks(self, request: GetJwksRequest, context: object) -> GetJwksResponse:
        """The keys that sign access tokens. Raises `EntityNotFound` for a client that does not exist."""
        client = await self._clients.by_client_id(request.client_id)
        if client is None or client.state != ClientState.ACTIVE:
            raise EntityNotFound("Client", request.client_id)
        response = GetJwksResponse()
        for key in await self._keyring.with_certificates():
            response.keys.add().update(key)
        return response

    async def _response(self, found: SignedIn) -> AuthenticateResponse:
        person = await self._reads.person_by_id(found.user_id)
        if person is None:
            raise OAuthRefused("invalid_grant", "The user has gone.")
        response = AuthenticateResponse(
            access_token=found.answer.access_token, refresh_token=found.answer.refresh_token or ""
        )
        fill_person(response.user, person)
        shown = Session()
        fill_session(shown, found.session)
        if shown.organization_id:
            response.organization_id = shown.organization_id
        if shown.HasField("impersonator"):
            response.impersonator.CopyFrom(shown.impersonator)
        method = _METHODS.get(AuthMethod(found.session.auth_method))
        if method:
            response.authentication_method = method
        return response


def _person(request: AuthenticateRequest) -> Visitor:
    """Where the person is, as the back end says, which is somewhere else itself."""
    if request.invitation_token:
        raise InvalidParameter("invitation_token", "invitation_token_unknown", "there are no invitations")
    person = told(request.ip_address, request.user_agent)
    if person is None:
        raise InvalidParameter("ip_address", "ip_address_invalid", "must be an IPv4 or IPv6 address")
    return person
