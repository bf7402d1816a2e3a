"""Everything known about an RPC before a request arrives."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from zitadel.options_pb2 import auth_option

from authsvc.domain.tokens import PERMISSIONS
from authsvc.errors import StartupError
from authsvc.identity.caller import SCOPES
from authsvc.rpc.call import Call
from authsvc.rpc.pipeline import Behaviour, Pipeline
from authsvc.rpc.status import Status

# What a method may declare: that it is for tokens of users, or for API keys, which have a permission.
_CHECKED = PERMISSIONS | SCOPES.keys()


@dataclass(frozen=True, slots=True)
class Method:
    """An RPC. `run` takes a call through the pipeline and returns how it ended; it raises nothing but cancellation.

    `full_name` is, for example, `zitadel.auth.v1.AuthService/GetMyUser`. `permission` says who may call: empty for
    everybody, one of `SCOPES` for users with an access token, else the `Permission` that an API key must have.
    """

    full_name: str
    descriptor: MethodDescriptor
    request_class: type[Message]
    response_class: type[Message]
    permission: str
    run: Callable[[Call], Awaitable[Status]]

    @property
    def path(self) -> str:
        """The path of the RPC in gRPC and gRPC-Web requests."""
        return f"/{self.full_name}"

    @property
    def needs_caller(self) -> bool:
        """Whether the method is not public."""
        return bool(self.permission)

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
            servicer does not define it as a function, or defines it as a generator where one response is due.
    """
    for descriptor in service.methods:
        name = f"{service.full_name}/{descriptor.name}"
        permission = declared_permission(descriptor, public)
        behaviour = _behaviour(name, descriptor, servicer)
        yield Method(
            full_name=name,
            descriptor=descriptor,
            request_class=GetMessageClass(descriptor.input_type),
            response_class=GetMessageClass(descriptor.output_type),
            permission=permission,
            run=pipeline.wrap(name, descriptor, behaviour, permission),
        )


def declared_permission(descriptor: MethodDescriptor, public: frozenset[str]) -> str:
    """Who may call a method, as `Method.permission` says it; `public` is as for `service_methods`.

    Raises:
        StartupError: the method declares no permission and is not public, or declares one that nothing checks.
    """
    service = descriptor.containing_service.full_name
    name = f"{service}/{descriptor.name}"
    is_public = name in public or f"{service}/*" in public
    options: Any = descriptor.GetOptions()
    permission: str = options.Extensions[auth_option].permission
    if is_public and permission:
        raise StartupError(f"{name}: it is public, yet declares the permission {permission!r}")
    if not is_public and not permission:
        raise StartupError(f"{name}: no permission is declared; set zitadel.v1.auth_option or make the method public")
    if permission and permission not in _CHECKED:
        raise StartupError(f"{name}: the permission {permission!r} is not one this server can check")
    return permission


def _behaviour(name: str, descriptor: MethodDescriptor, servicer: object) -> Behaviour:
    behaviour: Behaviour | None = getattr(servicer, descriptor.name, None)
    if not callable(behaviour):
        raise StartupError(f"{name}: {type(servicer).__name__} must define it as a function")
    generates = inspect.isasyncgenfunction(behaviour) or inspect.isgeneratorfunction(behaviour)
    if generates and not descriptor.server_streaming:
        raise StartupError(f"{name}: {type(servicer).__name__} must return one response, not yield")
    return behaviour
