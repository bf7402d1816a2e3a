"""workos.user_management.v1.AuthenticationService: signing people in for back ends that have pages of their own."""

from __future__ import annotations

from ipaddress import ip_address

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


class AuthenticationServicer(AuthenticationServiceServicer):
    """Answers by the rules of the authorization server."""

    def __init__(self, sign_ins: BackEndSignIns, clients: Clients, keyring: Keyring, reads: BackendReads) -> None:
        self._sign_ins = sign_ins
        self._clients = clients
        self._keyring = keyring
        self._reads = reads

    async def Authenticate(self, request: AuthenticateRequest, context: object) -> AuthenticateResponse:
        """Sign somebody in, or go on with it.

        Raises:
            OAuthRefused: the request is refused in OAuth's words.
            Coded: what somebody typed is wrong.
            StepWanted: their second factor is wanted.
            InvalidParameter: an address is none.
            TooMany: of guessing.
        """
        asked = _asked(request)
        try:
            found = await self._sign_ins.answer(asked)
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


def _asked(request: AuthenticateRequest) -> TokenRequest:
    """The request as the token endpoint takes it; the person is somewhere else than the back end."""
    if request.invitation_token:
        raise InvalidParameter("invitation_token", "invitation_token_unknown", "there are no invitations")
    address = request.ip_address
    if address and not _is_address(address):
        raise InvalidParameter("ip_address", "ip_address_invalid", "must be an IPv4 or IPv6 address")
    form = {field.name: value for field, value in request.ListFields() if isinstance(value, str)}
    return TokenRequest(form, (), Visitor(address or None, request.user_agent or None))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
