"""The authorization server put together: what the endpoints and pages of one process work with."""

from __future__ import annotations

from collections.abc import Mapping

from authsvc.config import Settings
from authsvc.domain.authorizations import Terms
from authsvc.domain.clients import GrantType
from authsvc.identity.api_keys import KeyAuthenticator
from authsvc.identity.keyfile import KeyFile
from authsvc.identity.passwords import Passwords
from authsvc.oauth.authorization import Authorization
from authsvc.oauth.back_ends import BackEndClients, BackEndIssuing, BackEndSignIns
from authsvc.oauth.client_credentials import ClientCredentialsGrant
from authsvc.oauth.clients import ClientAuthentication
from authsvc.oauth.code import CodeGrant
from authsvc.oauth.device import DeviceGrant, Devices
from authsvc.oauth.exchange import Grant
from authsvc.oauth.guessing import Guessing
from authsvc.oauth.hints import Hints
from authsvc.oauth.introspection import Introspection
from authsvc.oauth.issue import Issuing
from authsvc.oauth.jwt_bearer import JwtBearerGrant
from authsvc.oauth.keyring import Keyring
from authsvc.oauth.logout import Logout
from authsvc.oauth.machines import MachineAuthentication
from authsvc.oauth.refresh import RefreshGrant
from authsvc.oauth.revocation import Revocation
from authsvc.oauth.sealing import open_sealing
from authsvc.oauth.sign_in import SignIns
from authsvc.oauth.token import TokenEndpoint
from authsvc.oauth.token_exchange import Actors, TokenExchangeGrant
from authsvc.oauth.userinfo import UserInfo
from authsvc.oidc.engine import Engine
from authsvc.store.attempts import Attempts
from authsvc.store.authorizations import Authorizations
from authsvc.store.backends import BackendReads
from authsvc.store.clients import Clients
from authsvc.store.devices import DeviceCodes
from authsvc.store.executor import Executor
from authsvc.store.impersonations import Impersonations
from authsvc.store.machines import Machines
from authsvc.store.reads import Reads
from authsvc.store.sign_ins import Accounts
from authsvc.store.signing_keys import SigningKeys
from authsvc.store.writes import Writes


async def open_engine(settings: Settings, executor: Executor, writes: Writes, reads: Reads) -> Engine:
    """The authorization server over a store; `settings` must have an issuer.

    Raises:
        Refused: the file with the secret key cannot be used, or is not the one that the store was sealed with.
    """
    terms = settings.terms(settings.issuer)
    signing_keys, clients = SigningKeys(executor, writes), Clients(executor)
    sealing = await open_sealing(KeyFile("secret_key_file", settings.secret_key_file), signing_keys)
    keyring = Keyring(signing_keys, sealing)
    hints = Hints(keyring, terms.issuer)
    accounts, authorizations = Accounts(executor, writes), Authorizations(executor, writes)
    attempts, passwords = Attempts(executor), Passwords()
    guessing = Guessing(attempts)
    client_authentication = ClientAuthentication(clients, guessing)
    issuing = Issuing(authorizations, keyring, terms)
    device_codes, machines = DeviceCodes(executor), Machines(executor)
    machine_authentication = MachineAuthentication(machines, passwords, guessing)
    actors = Actors(machines, machine_authentication, authorizations)
    impersonations = Impersonations(writes)
    grants: Mapping[str, Grant] = {
        GrantType.AUTHORIZATION_CODE: CodeGrant(client_authentication, authorizations, issuing),
        GrantType.REFRESH_TOKEN: RefreshGrant(client_authentication, authorizations, issuing, terms),
        GrantType.CLIENT_CREDENTIALS: ClientCredentialsGrant(machine_authentication, issuing),
        GrantType.JWT_BEARER: JwtBearerGrant(machines, issuing, terms),
        GrantType.DEVICE_CODE: DeviceGrant(device_codes, client_authentication, authorizations, issuing),
        GrantType.TOKEN_EXCHANGE: TokenExchangeGrant(actors, accounts, impersonations, issuing, terms),
    }
    return Engine(
        issuer=terms.issuer,
        authorization=Authorization(clients, authorizations, hints, terms.issuer),
        keyring=keyring,
        tokens=TokenEndpoint(grants),
        introspection=Introspection(client_authentication, clients, authorizations, reads, terms.issuer),
        revocation=Revocation(client_authentication, authorizations),
        user_info=UserInfo(authorizations, reads),
        logout=Logout(clients, hints),
        devices=Devices(device_codes, client_authentication, guessing, terms),
        clients=clients,
        sign_ins=SignIns(accounts, attempts, passwords, sealing, terms),
        sealing=sealing,
        trusted_proxies=settings.trusted_proxies,
    )


def back_end_sign_ins(
    engine: Engine,
    terms: Terms,
    executor: Executor,
    writes: Writes,
    reads: BackendReads,
    keys: KeyAuthenticator,
) -> BackEndSignIns:
    """What signs people in for back ends, over the same store and with the same keys."""
    accounts, authorizations = Accounts(executor, writes), Authorizations(executor, writes)
    clients = BackEndClients(engine.clients, Guessing(Attempts(executor)), keys)
    issuing = BackEndIssuing(authorizations, engine.keyring, terms, reads)
    return BackEndSignIns(clients, engine.sign_ins, accounts, authorizations, issuing, reads, terms)
