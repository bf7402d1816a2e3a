"""One way to call through each door, written against the protocols and not with our own code."""

from __future__ import annotations

import base64
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from urllib.parse import unquote

import grpc
import httpx2
from authsvc_account.v1 import account_pb2
from authsvc_workos.user_management.v1 import events_pb2, user_management_pb2
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from harness import NO_CERTIFICATES
from zitadel import auth_pb2, message_pb2

Headers = Mapping[str, str]
_SERVICES: dict[str, ModuleType] = {
    "zitadel.auth.v1.AuthService": auth_pb2,
    "authsvc.account.v1.AccountService": account_pb2,
    "workos.user_management.v1.UserManagementService": user_management_pb2,
    "workos.user_management.v1.EventsService": events_pb2,
}
_DETAILS = (message_pb2.ErrorDetail, error_details_pb2.BadRequest)  # imported so that details can be printed
_ROUTES = {
    "Healthz": ("GET", "/auth/v1/healthz"),
    "GetMyUser": ("GET", "/auth/v1/users/me"),
    "ListMyUserSessions": ("POST", "/auth/v1/users/me/sessions/_search"),
    "ListMyUserGrants": ("POST", "/auth/v1/usergrants/me/_search"),
    "SignOut": ("DELETE", "/auth/v1/users/me/sessions/{session_id}"),
    "SignOutAll": ("POST", "/auth/v1/users/me/sessions/_sign_out_all"),
}
# Entries of the response that differ from call to call, or that the protocol itself adds.
_VOLATILE = {
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "grpc-accept-encoding",
    "vary",
    "x-content-type-options",
    "x-request-id",
}


@dataclass
class Outcome:
    """What a client sees: the answer or the error, and metadata that should not depend on the door."""

    code: grpc.StatusCode
    message: str = ""
    details: list[str] = field(default_factory=list)
    answer: Message | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    @classmethod
    def failed(cls, status: Status, metadata: Headers) -> Outcome:
        """From a google.rpc.Status."""
        code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
        details = [json_format.MessageToJson(detail, sort_keys=True) for detail in status.details]
        return cls(code, status.message, details, None, _stable(metadata))


@dataclass(frozen=True)
class Target:
    """Where the doors are."""

    url: str
    address: str
    grpcio_address: str


Client = Callable[[Target, str, Message, Headers], Awaitable[Outcome]]


def path(method: str) -> str:
    """The gRPC path of a method; one that no service has is asked of AuthService."""
    return f"/{_service_of(method)}/{method}"


def _service_of(method: str) -> str:
    for service, module in _SERVICES.items():
        if method in module.DESCRIPTOR.services_by_name[service.rpartition(".")[2]].methods_by_name:
            return service
    return next(iter(_SERVICES))


def _stable(metadata: Headers) -> dict[str, str]:
    kept = {key: value for key, value in metadata.items() if key not in _VOLATILE and not key.startswith("grpc-")}
    return dict(sorted(kept.items()))


def _answer(method: str, data: bytes) -> Message:
    answer: Message = getattr(_SERVICES[_service_of(method)], f"{method}Response").FromString(data)
    return answer


async def grpc_one_address(target: Target, method: str, request: Message, headers: Headers) -> Outcome:
    """Native gRPC on the one address."""
    return await _native(target.address, method, request, headers)


async def grpc_grpcio(target: Target, method: str, request: Message, headers: Headers) -> Outcome:
    """Native gRPC on grpcio's port."""
    return await _native(target.grpcio_address, method, request, headers)


async def _native(address: str, method: str, request: Message, headers: Headers) -> Outcome:
    metadata = [(key, value) for key, value in headers.items() if key != "grpc-timeout"]
    timeout = 1e-9 if "grpc-timeout" in headers else None  # the client writes this header itself
    async with grpc.aio.insecure_channel(address) as channel:
        call_method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path(method))
        call = call_method(request.SerializeToString(), metadata=metadata, timeout=timeout)
        try:
            data = await call
        except grpc.aio.AioRpcError as error:
            seen = dict((*(error.initial_metadata() or ()), *(error.trailing_metadata() or ())))
            status = Status.FromString(seen.get("grpc-status-details-bin", b""))
            status.code, status.message = error.code().value[0], error.details() or ""
            return Outcome.failed(status, {key: str(value) for key, value in seen.items()})
        seen = dict((*await call.initial_metadata(), *await call.trailing_metadata()))
        return Outcome(grpc.StatusCode.OK, answer=_answer(method, data), metadata=_stable(seen))


async def web_binary(target: Target, method: str, request: Message, headers: Headers) -> Outcome:
    """gRPC-Web in binary mode."""
    return await _web(target, method, _frame(request), headers, "application/grpc-web+proto", lambda body: body)


async def web_text(target: Target, method: str, request: Message, headers: Headers) -> Outcome:
    """gRPC-Web in text mode."""
    body = base64.b64encode(_frame(request))
    return await _web(target, method, body, headers, "application/grpc-web-text", base64.b64decode)


def _frame(request: Message) -> bytes:
    data = request.SerializeToString()
    return struct.pack(">BI", 0, len(data)) + data


async def _web(
    target: Target, method: str, body: bytes, headers: Headers, kind: str, decode: Callable[[bytes], bytes]
) -> Outcome:
    async with httpx2.AsyncClient(verify=NO_CERTIFICATES) as client:
        response = await client.post(target.url + path(method), content=body, headers={**headers, "content-type": kind})
    assert response.status_code == 200, response.text
    data, trailers = _frames(decode(response.content))
    seen = {**response.headers, **trailers}
    if trailers["grpc-status"] == "0":
        return Outcome(grpc.StatusCode.OK, answer=_answer(method, data), metadata=_stable(seen))
    packed = trailers.get("grpc-status-details-bin", "")
    status = Status.FromString(base64.b64decode(packed + "=" * (-len(packed) % 4)))
    status.code, status.message = int(trailers["grpc-status"]), unquote(trailers.get("grpc-message", ""))
    return Outcome.failed(status, seen)


def _frames(body: bytes) -> tuple[bytes, dict[str, str]]:
    data = b""
    while body:
        flags, length = struct.unpack(">BI", body[:5])
        part, body = body[5 : 5 + length], body[5 + length :]
        if flags & 0x80:
            lines = part.decode().split("\r\n")
            return data, dict(line.split(": ", 1) for line in lines if line)
        data = part
    raise AssertionError("no trailers frame")


async def json(target: Target, method: str, request: Message, headers: Headers) -> Outcome:
    """JSON transcoding."""
    verb, route = _ROUTES.get(method, ("POST", f"/auth/v1/{method}"))
    body = json_format.MessageToJson(request).encode() if verb == "POST" else b""
    async with httpx2.AsyncClient(verify=NO_CERTIFICATES) as client:
        url = target.url + route.format(**{field.name: value for field, value in request.ListFields()})
        response = await client.request(verb, url, content=body, headers=dict(headers))
    assert response.headers["content-type"] == "application/json"
    if response.status_code == 200:
        answer = _answer(method, b"")
        json_format.Parse(response.content, answer)
        return Outcome(grpc.StatusCode.OK, answer=answer, metadata=_stable(response.headers))
    status = Status()
    json_format.Parse(response.content, status)
    return Outcome.failed(status, response.headers)


CLIENTS: dict[str, Client] = {
    "grpc": grpc_one_address,
    "grpcio": grpc_grpcio,
    "web": web_binary,
    "web-text": web_text,
    "json": json,
}
