"""The composition root: puts the rooms together. The only module that knows them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from grpc_health.v1 import health_pb2
from zitadel import auth_pb2

from authsvc.api.auth import AuthServicer
from authsvc.api.health import HealthServicer
from authsvc.api.reflection import V1ALPHA, V1AlphaServicer, V1Servicer, v1_service
from authsvc.config import Settings
from authsvc.doors.asgi import OneAddress
from authsvc.doors.asgi_types import App
from authsvc.doors.cors import CLOSED, Cors
from authsvc.doors.docs import Docs
from authsvc.doors.grpc_h2 import GrpcH2
from authsvc.doors.grpc_web import GrpcWeb
from authsvc.doors.json import ZITADEL, Json
from authsvc.doors.limits import Limits
from authsvc.doors.openapi import describe
from authsvc.doors.probes import Probes
from authsvc.identity.authenticator import Authenticator
from authsvc.rpc.method import Method, needs_caller, service_methods
from authsvc.rpc.pipeline import Pipeline
from authsvc.store.executor import Executor
from authsvc.store.open import open_store
from authsvc.store.reads import Reads
from authsvc.store.revision import answers
from authsvc.telemetry.calls import CallLog
from authsvc.transcoding import Transcoder
from authsvc.transcoding.openapi import comments

AUTH: ServiceDescriptor = auth_pb2.DESCRIPTOR.services_by_name["AuthService"]
JSON_PREFIX = "/auth/v1"
# Methods that need no caller; every other must say in the contract what it needs, or the start fails.
PUBLIC = frozenset(
    {
        "zitadel.auth.v1.AuthService/Healthz",
        "grpc.health.v1.Health/*",
        "grpc.reflection.v1.ServerReflection/*",
        "grpc.reflection.v1alpha.ServerReflection/*",
    }
)


@dataclass(frozen=True, slots=True)
class Service:
    """The service in one process: its methods by path, its health, and the store behind them.

    `docs` tells whether the description of the JSON API is served, `cors` which pages may call the one address.
    """

    methods: dict[str, Method]
    health: HealthServicer
    limits: Limits
    executor: Executor
    docs: bool = True
    cors: Cors = CLOSED

    def one_address(self) -> OneAddress:
        """The ASGI application with the doors of the one address."""
        json = Json(self.methods.values(), JSON_PREFIX, self.limits)
        fixed: dict[str, App] = dict.fromkeys(Probes.PATHS, Probes(self.health.serving))
        if self.docs:
            guarded = {method.descriptor.full_name for method in self.methods.values() if method.needs_caller}
            document = _described(json.transcoder, lambda method: method.full_name in guarded)
            fixed |= dict.fromkeys(Docs.PATHS, Docs(document))
        return OneAddress(
            grpc=GrpcH2(self.methods, self.limits),
            grpc_web=GrpcWeb(self.methods, self.limits),
            json=json,
            fixed=fixed,
            rpcs=self.methods.keys(),
            longest=self.limits.target,
            cors=self.cors,
        )


async def open_service(settings: Settings) -> Service:
    """Open the store and build every method.

    Raises:
        StartupError: the database does not have the schema this version needs, or a method cannot be served.
    """
    executor = await open_store(settings.database_url)
    reads = Reads(executor)
    health = HealthServicer([AUTH.full_name], partial(answers, executor))
    pipeline = Pipeline(Authenticator(reads), CallLog(), settings.call_timeout, settings.max_calls)
    services: list[tuple[ServiceDescriptor, object]] = [
        (AUTH, AuthServicer(reads)),
        (health_pb2.DESCRIPTOR.services_by_name["Health"], health),
    ]
    if settings.reflection:
        services += _reflection([service.full_name for service, _ in services])
    methods = {
        method.path: method
        for service, servicer in services
        for method in service_methods(service, servicer, pipeline, public=PUBLIC)
    }
    return Service(methods, health, settings.limits(), executor, settings.docs, settings.cors())


def api_document() -> dict[str, Any]:
    """The OpenAPI document of the JSON API; needs no store."""
    transcoder = Transcoder(AUTH.methods, prefix=JSON_PREFIX, dialect=ZITADEL)
    return _described(transcoder, partial(needs_caller, public=PUBLIC))


def _described(transcoder: Transcoder, guarded: Callable[[MethodDescriptor], bool]) -> dict[str, Any]:
    contract = (files("zitadel") / "descriptors.binpb").read_bytes()
    return describe(transcoder, comments(contract), guarded)


def _reflection(names: list[str]) -> list[tuple[ServiceDescriptor, object]]:
    """Reflection in both versions, which list themselves too."""
    v1 = v1_service()
    names = [*names, v1.full_name, V1ALPHA.full_name]
    return [(v1, V1Servicer(names, v1)), (V1ALPHA, V1AlphaServicer(names))]
