"""Machine users at the token endpoint: their secrets, as clients have them (RFC 6749, section 2.3.1), and tokens.

A machine user calls itself by its id or a login name. It has no session and gets no refresh token: it can prove who it
is whenever it likes.
"""

from __future__ import annotations

import hashlib

from authsvc.domain.accounts import Visitor
from authsvc.domain.attempts import Bucket
from authsvc.domain.authorizations import Holder
from authsvc.domain.clock import SECOND
from authsvc.domain.machines import Machine
from authsvc.domain.users import AccessTokenType
from authsvc.errors import TooMany
from authsvc.identity.passwords import Passwords
from authsvc.oauth import scopes
from authsvc.oauth.clients import credentials
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenAnswer, TokenRequest
from authsvc.oauth.guessing import Guessing, TooManyAttempts, address_buckets
from authsvc.oauth.issue import Issuing
from authsvc.store.executor import Transaction
from authsvc.store.machines import Machines

_CREDENTIALS = ("client_secret", "client_assertion", "client_assertion_type")


class MachineAuthentication:
    """Tells which machine user asks. Every refusal takes the same time and says the same, whatever the reason."""

    def __init__(self, machines: Machines, passwords: Passwords, guessing: Guessing) -> None:
        self._machines = machines
        self._passwords = passwords
        self._guessing = guessing

    async def machine(self, request: TokenRequest) -> Machine:
        """The machine user that asks, which has shown its secret.

        Raises:
            OAuthError: `invalid_client`: there is none, it cannot be used, or it is not the one it says;
                `invalid_request`: it says so twice.
            TooManyAttempts: of guessing the secret of this one or from this address.
        """
        name, secret = credentials(request)
        if not secret:
            raise _refused()
        machine = await self._machines.by_name(name)
        buckets = _buckets(str(machine.user_id) if machine else name, request.visitor)
        await self._guessing.take(*buckets)
        usable = machine if machine is not None and machine.is_usable else None
        try:
            verdict = await self._passwords.verify(usable.secret_hash if usable else None, secret)
        except TooMany as error:
            raise TooManyAttempts(error.retry_after) from None
        if usable is None or not verdict.is_right:
            raise _refused()
        await self._guessing.give_back(*buckets)
        return usable


class MachineTokens:
    """Gives machine users their tokens."""

    def __init__(self, issuing: Issuing) -> None:
        self._issuing = issuing

    async def answer(self, tx: Transaction, machine: Machine, request: TokenRequest) -> TokenAnswer:
        """An access token of the sort that the machine user has chosen, with the scope that the request asks for.

        Raises:
            OAuthError: `invalid_scope`.
        """
        scope = asked_scope(request)
        holder = Holder(machine.user_id, machine.org_id, None, None, "")
        as_jwt = machine.access_token_type == AccessTokenType.JWT
        token, expires_in = await self._issuing.access_token(
            tx, holder, scope, client=None, authorization_id=None, as_jwt=as_jwt
        )
        return TokenAnswer(token, expires_in, scope)


def asked_scope(request: TokenRequest) -> str:
    """The scope that a request asks for, `openid` if it does not say; nothing that stands for refresh tokens.

    Raises:
        OAuthError: `invalid_scope`.
    """
    return scopes.known(request.form.get("scope") or scopes.OPENID, offline=False)


def refuse_credentials(request: TokenRequest) -> None:
    """Refuse a request that says in a second way who asks: one of them would go unchecked.

    Raises:
        OAuthError: `invalid_request`.
    """
    if request.authorization or any(request.form.get(name) for name in _CREDENTIALS):
        raise OAuthError("invalid_request", "the request says in two ways who asks")


def _buckets(name: str, visitor: Visitor) -> tuple[Bucket, ...]:
    """Tries of the secret of one machine user, counted for each address apart: a stranger's do not lock it out.

    It may ask for as many tokens at once.
    """
    key = hashlib.sha256(f"machine:{name} {visitor.ip_address}".encode()).digest()
    return (Bucket(key, 30, 30 * SECOND), *address_buckets(visitor.ip_address))


def _refused() -> OAuthError:
    return OAuthError("invalid_client", "the client is not known, or has not shown that it is the one it says")
