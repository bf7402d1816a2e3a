"""The composition root: puts the rooms together. The only module that knows them all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from authsvc_account.v1 import account_pb2
from authsvc_workos.user_management.v1 import authentication_pb2, events_pb2, user_management_pb2
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2
from zitadel import auth_pb2

from authsvc.api.account import AccountServicer
from authsvc.api.auth import AuthServicer
from authsvc.api.authentication import AuthenticationServicer
from authsvc.api.events import EventsServicer
from authsvc.api.health import HealthServicer
from authsvc.api.reflection import V1ALPHA, V1AlphaServicer, V1Servicer, v1_service
from authsvc.api.user_management import UserManagementServicer
from authsvc.authserver import Stores, open_auth_server
from authsvc.config import Settings
from authsvc.domain.ids import IdSource
from authsvc.doors.asgi import OneAddress
from authsvc.doors.asgi_types import App
from authsvc.doors.cors import CLOSED, Cors
from authsvc.doors.grpc_h2 import GrpcH2
from authsvc.doors.grpc_web import GrpcWeb
from authsvc.doors.json import ZITADEL, Json
from authsvc.doors.limits import Limits
from authsvc.doors.openapi import contract, describe
from authsvc.doors.probes import Probes
from authsvc.doors.workos import WORKOS
from authsvc.errors import Refused, StartupError, Unavailable
from authsvc.identity.activity import Activity
from authsvc.identity.api_keys import KeyAuthenticator
from authsvc.identity.authenticator import Authenticator
from authsvc.identity.foreign import ForeignTokens
from authsvc.identity.rate import Rate
from authsvc.oidc.app import PATHS, oidc_app
from authsvc.rpc.method import Method, declared_permission, service_methods
from authsvc.rpc.pipeline import Pipeline
from authsvc.store.activity import SessionActivity
from authsvc.store.backends import BackendReads
from authsvc.store.client_writes import ClientWrites
from authsvc.store.executor import Executor
from authsvc.store.open import Pooling, open_replica, open_store
from authsvc.store.reads import Reads
from authsvc.store.revision import answers
from authsvc.store.writes import Writes
from authsvc.telemetry.calls import CallLog
from authsvc.telemetry.gauges import Counts
from authsvc.transcoding import Transcoder
from authsvc.web.account import account_page, keep_account_client
from authsvc.web.docs import docs

AUTH: ServiceDescriptor = auth_pb2.DESCRIPTOR.services_by_name["AuthService"]
ACCOUNT: ServiceDescriptor = account_pb2.DESCRIPTOR.services_by_name["AccountService"]
USER_MANAGEMENT: ServiceDescriptor = user_management_pb2.DESCRIPTOR.services_by_name["UserManagementService"]
AUTHENTICATION: ServiceDescriptor = authentication_pb2.DESCRIPTOR.services_by_name["AuthenticationService"]
EVENTS: ServiceDescriptor = events_pb2.DESCRIPTOR.services_by_name["EventsService"]
JSON_PREFIX = "/auth/v1"
# Methods that need no caller; every other must say in the contract what it needs, or the start fails.
PUBLIC = frozenset(
    {
        "zitadel.auth.v1.AuthService/Healthz",
        "workos.user_management.v1.AuthenticationService/*",
        "grpc.health.v1.Health/*",
        "grpc.reflection.v1.ServerReflection/*",
        "grpc.reflection.v1alpha.ServerReflection/*",
    }
)


Action = Callable[[], Awaitable[None]]


async def _nothing() -> None:
    """There is nothing to do."""


@dataclass(frozen=True, slots=True)
class Service:
    """The service in one process: its methods by path, its health, and the store behind them.

    `warm` makes ready what the first request would have to wait for, in its own time once the service serves.
    `endings` write what is still to be written when the service closes, `apart` are the endpoints and pages of signing
    in by path. `docs` tells whether the description of the JSON API is served, `account` whether the account page is,
    `cors` which pages may call the one address.
    """

    methods: dict[str, Method]
    health: HealthServicer
    limits: Limits
    executor: Executor
    backends: BackendReads
    writes: Writes
    endings: Sequence[Action] = ()
    apart: Mapping[str, App] = field(default_factory=dict)
    docs: bool = True
    account: bool = True
    cors: Cors = CLOSED
    warm: Action = _nothing

    def one_address(self) -> OneAddress:
        """The ASGI application with the doors of the one address."""
        zitadel = Json([each for each in self.methods.values() if not _of_workos(each)], JSON_PREFIX, self.limits)
        workos = Json([each for each in self.methods.values() if _of_workos(each)], "", self.limits, WORKOS)
        fixed: dict[str, App] = dict.fromkeys(Probes.PATHS, Probes(self.health.serving))
        if self.docs:
            permissions = {each.descriptor.full_name: each.permission for each in self.methods.values()}
            faces = [zitadel.transcoder, workos.transcoder]
            # What is installed later has nothing to say about this release, but describing takes a part of the start.
            described = docs(partial(describe, contract(), faces, lambda method: permissions[method.full_name]))
            fixed |= dict.fromkeys(described.paths, described)
        if self.account:
            page = account_page()
            fixed |= dict.fromkeys(page.paths, page)
        return OneAddress(
            grpc=GrpcH2(self.methods, self.limits),
            grpc_web=GrpcWeb(self.methods, self.limits),
            json=zitadel,
            faces=dict.fromkeys(workos.segments(), workos),
            fixed=fixed,
            apart=self.apart,
            rpcs=self.methods.keys(),
            longest=self.limits.target,
            cors=self.cors,
        )

    async def close(self) -> None:
        """Let go of the store, when all that is to be written has been."""
        for ending in self.endings:
            await ending()
        await self.executor.close()


def _of_workos(method: Method) -> bool:
    """Whether a method is of the face of WORKOS; all others speak JSON as ZITADEL does."""
    return method.descriptor.containing_service.file.package == USER_MANAGEMENT.file.package


async def open_service(settings: Settings, node: int | None = None, in_flight: Counts | None = None) -> Service:
    """Open the store and build every method; `node` tells this process's ids from those of others.

    Calls are counted in `in_flight` while they wait for something.

    Raises:
        StartupError: the database does not have the schema this version needs, the file with the secret key cannot be
            used, or a method cannot be served.
    """
    settings = settings.at(settings.listen)
    pooling = Pooling(settings.database_connections, settings.database_prepared)
    executor = await open_store(settings.database_url, pooling)
    url = settings.database_replica_url
    replica = open_replica(url, executor, pooling) if url else None
    reads = Reads(executor, lagging=replica)
    backends, writes = BackendReads(executor), Writes(executor, ids=IdSource(node=node))
    keys = KeyAuthenticator(backends, writes, Rate(settings.api_key_rate))
    activity = Activity(SessionActivity(executor))
    stores = Stores(executor, writes, reads, backends)
    try:
        engine, sign_ins, accounts = await open_auth_server(settings, stores, keys, activity)
        served = bool(settings.account_page)
        if settings.account and not served:
            structlog.get_logger("authsvc.app").warning(
                "no account page: it needs an issuer with https, or with http on this machine", issuer=settings.issuer
            )
        await keep_account_client(engine.clients, ClientWrites(writes), settings.issuer, served=served)
    except (Refused, Unavailable) as error:
        await executor.close()
        raise StartupError(str(error)) from None
    foreign = ForeignTokens(settings.issuers())
    users = Authenticator(reads, foreign=foreign if settings.trusted_issuers else None, watch=activity)
    pipeline = Pipeline(users, keys, CallLog(), settings.call_timeout, settings.max_calls, in_flight=in_flight)
    api: list[tuple[ServiceDescriptor, object]] = [
        (AUTH, AuthServicer(reads)),
        (ACCOUNT, AccountServicer(accounts)),
        (USER_MANAGEMENT, UserManagementServicer(backends, writes)),
        (
            AUTHENTICATION,
            AuthenticationServicer(sign_ins, engine.clients, engine.keyring, backends, engine.trusted_proxies),
        ),
        (EVENTS, EventsServicer(backends)),
    ]
    health = HealthServicer([service.full_name for service, _ in api], partial(answers, executor))
    services = [
        *api,
        (health_pb2.DESCRIPTOR.services_by_name["Health"], health),
    ]
    if settings.reflection:
        services += _reflection([service.full_name for service, _ in services])
    methods = {
        method.path: method
        for service, servicer in services
        for method in service_methods(service, servicer, pipeline, public=PUBLIC)
    }
    return Service(
        methods,
        health,
        settings.limits(),
        executor,
        backends,
        writes,
        (keys.close, activity.close, foreign.close, replica.close if replica else _nothing),
        dict.fromkeys(PATHS, oidc_app(engine)),
        settings.docs,
        served,
        settings.cors(),
        engine.keyring.warm,
    )


def api_document() -> dict[str, Any]:
    """The OpenAPI document of the JSON API; needs no store."""
    transcoders = [
        Transcoder([*AUTH.methods, *ACCOUNT.methods], prefix=JSON_PREFIX, dialect=ZITADEL),
        Transcoder([*USER_MANAGEMENT.methods, *AUTHENTICATION.methods, *EVENTS.methods], dialect=WORKOS),
    ]
    return describe(contract(), transcoders, partial(declared_permission, public=PUBLIC))


def _reflection(names: list[str]) -> list[tuple[ServiceDescriptor, object]]:
    """Reflection in both versions, which list themselves too."""
    v1 = v1_service()
    names = [*names, v1.full_name, V1ALPHA.full_name]
    return [(v1, V1Servicer(names, v1)), (V1ALPHA, V1AlphaServicer(names))]
