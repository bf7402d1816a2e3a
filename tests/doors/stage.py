"""A stage: any servicer behind the real pipeline and every real door, in the event loop of the test."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast

from google.api import annotations_pb2, httpbody_pb2
from google.protobuf import any_pb2, descriptor_pool, timestamp_pb2
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, MethodDescriptorProto
from google.protobuf.message_factory import GetMessageClass
from zitadel import options_pb2

from authsvc.api.health import HealthServicer
from authsvc.app import Service
from authsvc.config import Address, Settings
from authsvc.domain.tokens import KeyRecord, TokenRecord, token_hash
from authsvc.doors.grpcio import grpcio_server
from authsvc.doors.limits import Limits
from authsvc.identity.api_keys import KeyAuthenticator
from authsvc.identity.authenticator import Authenticator
from authsvc.identity.rate import Rate
from authsvc.rpc.method import Method, service_methods
from authsvc.rpc.pipeline import Pipeline
from authsvc.telemetry.calls import CallLog
from authsvc.telemetry.gauges import Counts
from authsvc.workers import WebServer, _add_port, uvicorn_config

NAME = "stage.v1.Stage"
TOKEN = "the-token"
KEY = "sk_the-key"
LIMIT = 4096
LIMITS = Limits(message=LIMIT, metadata=16 * 1024)
Behaviour = Callable[..., Any]
Engine = Literal["zttp", "httptools"]
Guests = Sequence[tuple[ServiceDescriptor, object]]


def _description() -> FileDescriptorProto:
    file = FileDescriptorProto(name="stage/v1/stage.proto", package="stage.v1", syntax="proto3")
    file.dependency.extend(
        dependency.DESCRIPTOR.name
        for dependency in (annotations_pb2, any_pb2, httpbody_pb2, timestamp_pb2, options_pb2)
    )
    line = file.message_type.add(name="Line")
    other = FieldDescriptorProto.TYPE_MESSAGE
    for number, (name, kind, type_name) in enumerate(
        [
            ("text", FieldDescriptorProto.TYPE_STRING, ""),
            ("number", FieldDescriptorProto.TYPE_INT64, ""),
            ("when", other, ".google.protobuf.Timestamp"),
            ("any", other, ".google.protobuf.Any"),
        ],
        start=1,
    ):
        optional = FieldDescriptorProto.LABEL_OPTIONAL
        line.field.add(name=name, number=number, type=kind, type_name=type_name or None, label=optional)
    file.message_type.add(name="Other")
    stage = file.service.add(name="Stage")
    for name in ("Say", "Whisper", "Announce", "Recite", "Collect", "Talk", "Paint", "Play"):
        method = stage.method.add(name=name, input_type=".stage.v1.Line", output_type=".stage.v1.Line")
        if name == "Paint":
            method.input_type = method.output_type = ".google.api.HttpBody"
        if name == "Play":
            method.output_type = ".google.api.HttpBody"
        method.client_streaming = name in {"Collect", "Talk"}
        method.server_streaming = name in {"Recite", "Talk", "Play"}
        _annotate(method)
    return file


def _annotate(method: MethodDescriptorProto) -> None:
    if method.name in {"Collect", "Talk"}:
        return
    rule = method.options.Extensions[annotations_pb2.http]
    if method.name in {"Say", "Paint"}:
        rule.post, rule.body = f"/{method.name.lower()}", "*"
    else:
        rule.get = f"/{method.name.lower()}"
    if method.name == "Say":
        rule.additional_bindings.add(get="/say/{text}")
    if method.name == "Recite":
        rule.additional_bindings.add(get="/recite/texts", response_body="text")
        rule.additional_bindings.add(post="/recite", body="*")
    permissions = {"Whisper": "authenticated", "Announce": "session.write"}
    if method.name in permissions:
        options: Any = method.options
        options.Extensions[options_pb2.auth_option].permission = permissions[method.name]


descriptor_pool.Default().AddSerializedFile(_description().SerializeToString())
FILE = descriptor_pool.Default().FindFileByName("stage/v1/stage.proto")
SERVICE = FILE.services_by_name["Stage"]
Line: Any = GetMessageClass(FILE.message_types_by_name["Line"])
Other: Any = GetMessageClass(FILE.message_types_by_name["Other"])
PUBLIC = frozenset(f"{NAME}/{name}" for name in ("Say", "Recite", "Collect", "Talk", "Paint", "Play"))


def path(method: str = "Say") -> str:
    """The gRPC path of a method."""
    return f"/{NAME}/{method}"


class Tokens:
    """A store that knows one token, of a person who reads German."""

    async def token(self, token_hash: bytes, org_id: int | None) -> TokenRecord | None:
        """The record of `TOKEN`, whatever the hash; nothing is looked up."""
        return TokenRecord(1, 2, 2**62, None, 1, "de-CH", 3, 1, 4, 1, 2**62, 5, None)

    async def foreign_token(self, external_id: str, org_id: int | None) -> TokenRecord | None:
        """Nothing: there are no other issuers."""
        return None


class Keys:
    """A store that knows one API key, with one permission, and notes when it was used."""

    permissions = "session.write"

    def __init__(self) -> None:
        self.used: list[int] = []

    async def key(self, key_hash: bytes) -> KeyRecord | None:
        """The record of `KEY`."""
        known = key_hash == token_hash(KEY)
        return KeyRecord(7, "the key", self.permissions, 0, None, None) if known else None

    async def touch_key(self, key_id: int, at: int) -> None:
        """Note it."""
        self.used.append(key_id)


async def _echo(request: Any, context: Any) -> Any:
    return request


async def _count(request: Any, context: Any) -> AsyncIterator[Any]:
    for number in range(request.number):
        yield Line(text=request.text, number=number)


async def _play(request: Any, context: Any) -> AsyncIterator[Any]:
    for number in range(request.number):
        yield httpbody_pb2.HttpBody(content_type=request.text, data=b"%d\n" % number)


async def _sum(requests: AsyncIterator[Any], context: Any) -> Any:
    return Line(number=sum([request.number async for request in requests]))


async def _parrot(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
    async for request in requests:
        yield request


def servicer(**behaviours: Behaviour) -> object:
    """A servicer whose methods behave as given; the others echo, count, add up, repeat, and count in raw bytes."""
    usual: dict[str, Behaviour] = {
        "Say": _echo,
        "Whisper": _echo,
        "Announce": _echo,
        "Recite": _count,
        "Collect": _sum,
        "Talk": _parrot,
        "Paint": _echo,
        "Play": _play,
    }
    return SimpleNamespace(**usual | behaviours)


def stage_methods(
    unary_timeout: float = 10.0,
    *,
    max_calls: int = 1000,
    threads: int = 32,
    key_rate: float = 0.0,
    in_flight: Counts | None = None,
    guests: Guests = (),
    **behaviours: Behaviour,
) -> dict[str, Method]:
    """The methods of a stage by path, wrapped in the real pipeline; those of guests are public."""
    keys = Keys()
    authenticators = Authenticator(Tokens()), KeyAuthenticator(keys, keys, Rate(key_rate))
    pipeline = Pipeline(*authenticators, CallLog(), unary_timeout, max_calls, threads, in_flight)
    public = PUBLIC | {f"{service.full_name}/*" for service, _ in guests}
    return {
        method.path: method
        for service, made in [(SERVICE, servicer(**behaviours)), *guests]
        for method in service_methods(service, made, pipeline, public=public)
    }


def stage_service(*, limits: Limits | None = None, **more: Any) -> Service:
    """The whole service without a store; `more` is as for `stage_methods`."""

    async def ready() -> bool:
        return True

    nothing = cast("Any", None)
    return Service(stage_methods(**more), HealthServicer([NAME], ready), limits or LIMITS, nothing, nothing, nothing)


@dataclass
class Stage:
    """A running stage: the ports of the one address and of grpcio."""

    service: Service
    port: int
    grpcio_port: int

    @property
    def url(self) -> str:
        """The one address for HTTP clients."""
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def playing(*, http: Engine = "zttp", tls: tuple[Path, Path] | None = None, **more: Any) -> AsyncIterator[Stage]:
    """Serve the methods with uvicorn on an engine and with grpcio, as the workers do, until the end of the block.

    `tls` are the files of a certificate and its key; `more` is as for `stage_service`.
    """
    service = stage_service(**more)
    certificate, key = tls or (None, None)
    settings = Settings(http=http, tls_cert=certificate, tls_key=key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        web = await _web_server(service, listener, settings)
        grpcio = grpcio_server(service.methods, service.limits)
        grpcio_port = _add_port(grpcio, settings, Address("127.0.0.1", 0))
        await grpcio.start()
        try:
            yield Stage(service, listener.getsockname()[1], grpcio_port)
        finally:
            for server in web.servers:
                server.close()
            for connection in web.server_state.connections:
                if connection.transport is not None:
                    connection.transport.abort()
            await grpcio.stop(0)
            if web.server_state.tasks:
                await asyncio.wait(web.server_state.tasks, timeout=5)


async def _web_server(service: Service, listener: socket.socket, settings: Settings) -> WebServer:
    """Uvicorn as the workers configure it, without its main loop, which looks only now and then whether to stop."""
    config = uvicorn_config(settings, service)
    config.load()
    web = WebServer(config)
    web.lifespan = config.lifespan_class(config)
    await web.startup([listener])
    await web.on_tick(0)
    return web


async def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - conditions are anything
            await asyncio.sleep(0.001)


class Sleeper:
    """A behaviour that waits for ever, and notes when it began and how it ended."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.ended = asyncio.Event()
        self.how = ""
        self.at = 0.0

    async def sleep(self) -> None:
        """Wait until cancelled."""
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.how = "cancelled"
            raise
        finally:
            self.at = asyncio.get_running_loop().time()
            self.ended.set()

    async def unary(self, request: Any, context: Any) -> Any:
        """As the behaviour of a unary method."""
        await self.sleep()

    async def stream(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """As the behaviour of a method with a response stream: one message, then nothing."""
        yield Line(number=1)
        await self.sleep()
