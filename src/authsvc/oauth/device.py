"""Device authorization (RFC 8628): a device without a browser shows a code, and a person lets it in elsewhere."""

from __future__ import annotations

from typing import Any

from authsvc.domain.accounts import BrowserSession, Visitor
from authsvc.domain.attempts import Bucket
from authsvc.domain.authorizations import DEVICE_INTERVAL, DEVICE_LIFE, DeviceState, Terms
from authsvc.domain.clients import Client, GrantType
from authsvc.domain.clock import SECOND, Clock, now
from authsvc.domain.devices import Device, PendingDevice, new_user_code, parse_user_code
from authsvc.domain.tokens import new_token, token_hash
from authsvc.oauth import scopes
from authsvc.oauth.clients import ClientAuthentication
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenAnswer, TokenRequest
from authsvc.oauth.guessing import Guessing, address_buckets
from authsvc.oauth.issue import Issuing
from authsvc.store.authorizations import Authorizations
from authsvc.store.devices import DeviceCodes
from authsvc.store.executor import Transaction

SLOWER = 5
"""Seconds by which a device that asks too often has to wait longer (RFC 8628, section 3.5)."""
_DRAWS = 5  # of a user code that nobody else has; one in 10^7 is taken when thousands wait


class Devices:
    """The side of the device, up to its codes, and the side of the person who types one.

    Nobody finds a code by trying: wrong ones are counted by address and by person.
    """

    def __init__(
        self,
        devices: DeviceCodes,
        projects: scopes.ProjectReader,
        authentication: ClientAuthentication,
        guessing: Guessing,
        terms: Terms,
    ) -> None:
        self._devices = devices
        self._projects = projects
        self._authentication = authentication
        self._guessing = guessing
        self._issuer = terms.issuer

    async def start(self, request: TokenRequest) -> dict[str, Any]:
        """The answer of the device authorization endpoint (RFC 8628, section 3.2); times in seconds.

        Raises:
            OAuthError: the client is not who it says, or may not have devices; or the scope is refused.
            TooManyAttempts: from this address.
        """
        client = await _client(self._authentication, request)
        scope = scopes.known(request.form.get("scope") or scopes.OPENID, offline=client.may(GrantType.REFRESH_TOKEN))
        scope = scopes.existing(scope, await self._projects.names(scopes.projects(scope)))
        await self._guessing.take(*_starts(request.visitor))
        device_code, user_code = await self._draw_codes(client, scope)
        uri = f"{self._issuer}/device"
        return {
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": uri,
            "verification_uri_complete": f"{uri}?user_code={user_code}",
            "expires_in": DEVICE_LIFE // SECOND,
            "interval": DEVICE_INTERVAL,
        }

    async def pending(self, user_code: str, visitor: Visitor) -> PendingDevice | None:
        """The device whose code somebody typed, if one waits with it.

        Raises:
            TooManyAttempts: with wrong codes from this address.
        """
        code = parse_user_code(user_code)
        if code is None:
            return None
        buckets = address_buckets(visitor.ip_address)
        await self._guessing.take(*buckets)
        found = await self._devices.pending(code)
        if found is not None:
            await self._guessing.give_back(*buckets)
        return found

    async def decide(self, user_code: str, session: BrowserSession, *, allow: bool) -> bool:
        """Let the device with this code in or not; False if it does not wait, or the session may not decide.

        An impersonator may not: the device would go on for as long as it likes.

        Raises:
            TooManyAttempts: of this person, with wrong codes.
        """
        code = parse_user_code(user_code)
        if code is None or session.impersonator is not None or not session.is_active:
            return False
        bucket = _decisions(session.user_id)
        await self._guessing.take(bucket)
        is_decided = await self._devices.decide(code, session.user_id, session.id, allow=allow)
        if is_decided:
            await self._guessing.give_back(bucket)
        return is_decided

    async def _draw_codes(self, client: Client, scope: str) -> tuple[str, str]:
        """The codes of a new device, its own and that for a person; the store has nothing but their hashes."""
        device_code = new_token()
        for _ in range(_DRAWS):
            user_code = new_user_code()
            if await self._devices.add(client.id, scope, token_hash(device_code), user_code):
                return device_code, user_code
        raise OAuthError("temporarily_unavailable", "no code is free")


class DeviceGrant:
    """The grant `urn:ietf:params:oauth:grant-type:device_code`: a device asks whether it has been let in.

    It gets tokens once. Whoever presents its code after that has it from somewhere else: then its tokens are dead.
    """

    def __init__(
        self,
        devices: DeviceCodes,
        authentication: ClientAuthentication,
        authorizations: Authorizations,
        issuing: Issuing,
        clock: Clock = now,
    ) -> None:
        self._devices = devices
        self._authentication = authentication
        self._authorizations = authorizations
        self._issuing = issuing
        self._clock = clock

    async def tokens(self, request: TokenRequest) -> TokenAnswer:
        """The tokens of a device that has been let in.

        Raises:
            OAuthError: `authorization_pending`, `slow_down`, `access_denied` or `expired_token` (section 3.5);
                `invalid_grant`: the code is not that of a device of this client, or has been used, or who let the
                device in is signed out; or the client is not who it says, or may not have devices.
            TooManyAttempts: client authentication has failed too often.
        """
        client = await _client(self._authentication, request)
        device_hash = token_hash(request.value("device_code"))
        # What no device has keeps no writer waiting.
        _known(await self._devices.device(None, device_hash), client)
        async with self._issuing.transaction() as tx:
            device = _known(await self._devices.device(tx, device_hash), client)
            answer = await self._answer(tx, client, device)
        if isinstance(answer, OAuthError):  # raised in the transaction, it would undo what has been written down
            raise answer
        return answer

    async def _answer(self, tx: Transaction, client: Client, device: Device) -> TokenAnswer | OAuthError:
        if device.authorization_id is not None:
            await self._authorizations.revoke(tx, device.authorization_id)
            return OAuthError("invalid_grant", "the device code has been used")
        if device.expires_at <= self._clock():
            return OAuthError("expired_token", "the device code has expired")
        if device.state == DeviceState.DENIED:
            return OAuthError("access_denied", "the device was not let in")
        if device.session_id is None:
            return await self._wait(tx, device)
        return await self._give(tx, client, device, device.session_id)

    async def _wait(self, tx: Transaction, device: Device) -> OAuthError:
        is_early = device.asked_at is not None and self._clock() < device.asked_at + device.interval * SECOND
        await self._devices.ask(tx, device, device.interval + SLOWER if is_early else device.interval)
        if is_early:
            return OAuthError("slow_down", "the device asks too often")
        return OAuthError("authorization_pending", "nobody has decided yet")

    async def _give(self, tx: Transaction, client: Client, device: Device, session_id: int) -> TokenAnswer | OAuthError:
        holder = await self._devices.holder(tx, session_id)
        if holder is None:
            return OAuthError("invalid_grant", "who let the device in is signed out")
        authorization_id = await self._authorizations.start(tx, client, holder, device.scope)
        await self._devices.use(tx, device, authorization_id)
        return await self._issuing.answer(tx, holder, client, device.scope, authorization_id)


def _known(device: Device | None, client: Client) -> Device:
    """A device of this client."""
    if device is None or device.client_id != client.id:
        raise OAuthError("invalid_grant", "there is no such device code")
    return device


async def _client(authentication: ClientAuthentication, request: TokenRequest) -> Client:
    """Who asks, if it may have devices."""
    client = await authentication.client(request)
    if not client.may(GrantType.DEVICE_CODE):
        raise OAuthError("unauthorized_client", "the client may not have devices")
    return client


def _starts(visitor: Visitor) -> tuple[Bucket, ...]:
    """Devices that begin at one address, counted apart from tries of secrets: each is a row, whoever asks for it."""
    return tuple(bucket._replace(name=f"devices:{bucket.name}") for bucket in address_buckets(visitor.ip_address))


def _decisions(user_id: int) -> Bucket:
    """Codes that a person who is signed in tries, from whatever address."""
    return Bucket(f"user_code:{user_id}", 10, 30 * SECOND)
