"""Everything known about an RPC before a request arrives."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from zitadel.options_pb2 import auth_option

from authsvc.errors import StartupError
from authsvc.rpc.status import Status

if TYPE_CHECKING:
    from authsvc.rpc.call import Call
    from authsvc.rpc.pipeline import Pipeline

AUTHENTICATED = "authenticated"


@dataclass(frozen=True, slots=True)
class Method:
    """An RPC. `run` takes a call through the pipeline and returns how it ended; it raises nothing but cancellation.

    `needs_caller` is false for public methods only.
    """

    descriptor: MethodDescriptor
    request_class: type[Message]
    response_class: type[Message]
    needs_caller: bool
    run: Callable[[Call], Awaitable[Status]]

    @property
    def full_name(self) -> str:
        """For example `zitadel.auth.v1.AuthService/GetMyUser`."""
        return full_name(self.descriptor)

    @property
    def path(self) -> str:
        """The path of the RPC in gRPC and gRPC-Web requests."""
        return f"/{self.full_name}"

    @property
    def client_streaming(self) -> bool:
        """Whether the request is a stream of messages."""
        return self.descriptor.client_streaming

    @property
    def server_streaming(self) -> bool:
        """Whether the response is a stream of messages."""
        return self.descriptor.server_streaming


def service_methods(
    service: ServiceDescriptor, servicer: object, pipeline: Pipeline, *, public: frozenset[str] = frozenset()
) -> Iterator[Method]:
    """The methods of a service, wrapped in the pipeline.

    `public` holds the full names of methods that need no caller, or `<service>/*`.

    Raises:
        StartupError: a method declares no permission and is not public, or declares one that nothing checks, or its
            behaviour is not a coroutine function or an asynchronous generator function.
    """
    for descriptor in service.methods:
        needs_caller = _needs_caller(descriptor, public)
        yield Method(
            descriptor=descriptor,
            request_class=GetMessageClass(descriptor.input_type),
            response_class=GetMessageClass(descriptor.output_type),
            needs_caller=needs_caller,
            run=pipeline.wrap(descriptor, _behaviour(descriptor, servicer), needs_caller=needs_caller),
        )


def full_name(descriptor: MethodDescriptor) -> str:
    """The name of a method in logs and sentences: service, slash, method."""
    return f"{descriptor.containing_service.full_name}/{descriptor.name}"


def _needs_caller(descriptor: MethodDescriptor, public: frozenset[str]) -> bool:
    name = full_name(descriptor)
    options: Any = descriptor.GetOptions()
    permission: str = options.Extensions[auth_option].permission
    declared_public = name in public or f"{descriptor.containing_service.full_name}/*" in public
    if permission == AUTHENTICATED and not declared_public:
        return True
    if declared_public and not permission:
        return False
    if declared_public:
        raise StartupError(f"{name}: it is public, yet declares the permission {permission!r}")
    if permission:
        raise StartupError(f"{name}: the permission {permission!r} is not one this server can check")
    raise StartupError(f"{name}: no permission is declared; set zitadel.v1.auth_option or make the method public")


def _behaviour(descriptor: MethodDescriptor, servicer: object) -> Callable[[Any, Any], Any]:
    behaviour: Callable[[Any, Any], Any] | None = getattr(servicer, descriptor.name, None)
    if inspect.iscoroutinefunction(behaviour):
        return behaviour
    if behaviour is not None and inspect.isasyncgenfunction(behaviour) and descriptor.server_streaming:
        return behaviour
    raise StartupError(f"{full_name(descriptor)}: {type(servicer).__name__} must define it as an async function")
