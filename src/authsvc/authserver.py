"""The authorization server put together: what the endpoints and pages of one process work with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from authsvc.config import Settings
from authsvc.domain.clients import GrantType
from authsvc.identity.api_keys import KeyAuthenticator
from authsvc.identity.keyfile import KeyFile
from authsvc.identity.passwords import Passwords
from authsvc.oauth.authorization import Authorization
from authsvc.oauth.back_ends import BackEndClients, BackEndSignIns
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
from authsvc.oauth.userinfo import UserInfo, Watch
from authsvc.oidc.engine import Engine
from authsvc.store.attempts import Attempts
from authsvc.store.authorizations import Authorizations
from authsvc.store.backends import BackendReads
from authsvc.store.clients import Clients
from authsvc.store.devices import DeviceCodes
from authsvc.store.executor import Executor
from authsvc.store.impersonations import Impersonations, Impersonators
from authsvc.store.machines import Machines
from authsvc.store.projects import Projects
from authsvc.store.reads import Reads
from authsvc.store.sign_ins import Accounts
from authsvc.store.signing_keys import SigningKeys
from authsvc.store.writes import Writes


class Stores(NamedTuple):
    """The store that a process has, and what reads and writes it for all of its rooms."""

    executor: Executor
    writes: Writes
    reads: Reads
    backends: BackendReads


class AuthServer(NamedTuple):
    """The authorization server by those who ask it.

    These are its own endpoints and pages, back ends with pages of theirs, and people who sign out with a token.
    """

    engine: Engine
    back_ends: BackEndSignIns
    accounts: Accounts


async def open_auth_server(settings: Settings, stores: Stores, keys: KeyAuthenticator, watch: Watch) -> AuthServer:
    """The authorization server over a store; `settings` must have an issuer, `watch` learns which sessions are in use.

    Raises:
        Refused: the file with the secret key cannot be used, or is not the one that the store was sealed with.
    """
    executor, writes, reads, backends = stores
    terms = settings.terms()
    signing_keys, clients, projects = SigningKeys(executor, writes), Clients(executor), Projects(executor)
    sealing = await open_sealing(KeyFile("secret_key_file", settings.secret_key_file), signing_keys)
    keyring = Keyring(signing_keys, sealing)
    hints = Hints(keyring, terms.issuer)
    accounts, authorizations = Accounts(executor, writes), Authorizations(executor, writes)
    attempts, passwords = Attempts(executor, sealing), Passwords()
    guessing = Guessing(attempts)
    client_authentication = ClientAuthentication(clients, guessing)
    issuing = Issuing(authorizations, keyring, terms)
    device_codes, machines = DeviceCodes(executor, sealing, ids=writes.ids), Machines(executor, writes)
    machine_authentication = MachineAuthentication(machines, passwords, guessing)
    actors = Actors(machines, machine_authentication, authorizations)
    impersonations = Impersonations(writes)
    grants: Mapping[str, Grant] = {
        GrantType.AUTHORIZATION_CODE: CodeGrant(client_authentication, authorizations, issuing),
        GrantType.REFRESH_TOKEN: RefreshGrant(client_authentication, authorizations, issuing, terms),
        GrantType.CLIENT_CREDENTIALS: ClientCredentialsGrant(machine_authentication, issuing, projects),
        GrantType.JWT_BEARER: JwtBearerGrant(machines, issuing, projects, terms),
        GrantType.DEVICE_CODE: DeviceGrant(device_codes, client_authentication, authorizations, issuing),
        GrantType.TOKEN_EXCHANGE: TokenExchangeGrant(actors, accounts, impersonations, issuing, projects, terms),
    }
    engine = Engine(
        issuer=terms.issuer,
        authorization=Authorization(clients, projects, authorizations, hints, terms.issuer),
        keyring=keyring,
        tokens=TokenEndpoint(grants),
        introspection=Introspection(client_authentication, clients, authorizations, reads, terms.issuer),
        revocation=Revocation(client_authentication, authorizations),
        user_info=UserInfo(authorizations, reads, watch),
        logout=Logout(clients, hints),
        devices=Devices(device_codes, projects, client_authentication, guessing, terms),
        clients=clients,
        projects=projects,
        impersonators=Impersonators(executor, writes),
        sign_ins=SignIns(accounts, attempts, passwords, sealing, terms),
        sealing=sealing,
        account_page=settings.account_page,
        trusted_proxies=settings.trusted_proxies,
    )
    back_end_clients = BackEndClients(clients, guessing, keys)
    back_ends = BackEndSignIns(back_end_clients, engine.sign_ins, accounts, authorizations, keyring, backends, terms)
    return AuthServer(engine, back_ends, accounts)
