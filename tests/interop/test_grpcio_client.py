from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse, HealthListRequest
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse
from harness import Server
from interop.support import (
    BAD_TOKEN,
    CALLS,
    INVALID_TOKEN,
    INVALID_TOKEN_DETAIL,
    SERVICE,
    error_details,
    json_answer,
)
from zitadel import auth_pb2
from zitadel.auth_pb2_grpc import AuthServiceStub

OPTIONS = [("grpc.enable_http_proxy", 0)]
TIMEOUT = 10
SERVICES = ["", SERVICE]
ACCOUNT = "authsvc.account.v1.AccountService"
FOR_BACK_ENDS = [f"workos.user_management.v1.{name}Service" for name in ("Authentication", "Events", "UserManagement")]
SERVING = HealthCheckResponse.SERVING


@pytest.fixture(params=["one address", "grpcio"])
def address(request: pytest.FixtureRequest, server: Server) -> str:
    """Each address that speaks native gRPC."""
    return server.address if request.param == "one address" else server.grpcio_address


@pytest.fixture
def channel(address: str) -> Iterator[grpc.Channel]:
    """A synchronous channel."""
    with grpc.insecure_channel(address, OPTIONS) as opened:
        yield opened


def aio_channel(address: str) -> grpc.aio.Channel:
    """An asynchronous channel, for an `async with`."""
    return grpc.aio.insecure_channel(address, OPTIONS)


def auth_stub(channel: grpc.Channel | grpc.aio.Channel) -> Any:
    """The generated client, which has no types of its own."""
    return AuthServiceStub(channel)  # type: ignore[no-untyped-call]


def bearer(token: str) -> dict[str, Any]:
    """What every call is given beside its request."""
    return {"metadata": (("authorization", f"Bearer {token}"),), "timeout": TIMEOUT}


def request_of(method: str) -> Message:
    """The request of a call in `CALLS`."""
    message: Message = getattr(auth_pb2, f"{method}Request")()
    return ParseDict(CALLS[method][2], message)


def check_refused(error: grpc.RpcError | grpc.aio.AioRpcError, trailing: Any) -> None:
    """A call ended as one with a bad token must: code, message and ErrorDetail."""
    assert (error.code(), error.details()) == (grpc.StatusCode.UNAUTHENTICATED, INVALID_TOKEN)
    trailers: Mapping[str, bytes] = dict(trailing)
    assert error_details(trailers["grpc-status-details-bin"]) == [INVALID_TOKEN_DETAIL]


@pytest.mark.parametrize("method", CALLS)
def test_sync_client_calls(channel: grpc.Channel, server: Server, gigi: str, method: str) -> None:
    """A synchronous stub decodes what plain JSON answers."""
    response = getattr(auth_stub(channel), method)(request_of(method), **bearer(gigi))
    assert MessageToDict(response) == json_answer(server, gigi, method)


@pytest.mark.parametrize("method", CALLS)
async def test_aio_client_calls(address: str, server: Server, gigi: str, method: str) -> None:
    """An asynchronous stub decodes what plain JSON answers."""
    async with aio_channel(address) as channel:
        response = await getattr(auth_stub(channel), method)(request_of(method), **bearer(gigi))
    assert MessageToDict(response) == json_answer(server, gigi, method)


def test_sync_client_with_a_bad_token(channel: grpc.Channel) -> None:
    """A synchronous stub raises with the code, the message and the ErrorDetail."""
    with pytest.raises(grpc.RpcError) as raised:
        auth_stub(channel).GetMyUser(auth_pb2.GetMyUserRequest(), **bearer(BAD_TOKEN))
    check_refused(raised.value, raised.value.trailing_metadata())


async def test_aio_client_with_a_bad_token(address: str) -> None:
    """An asynchronous stub raises with the code, the message and the ErrorDetail."""
    async with aio_channel(address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await auth_stub(channel).GetMyUser(auth_pb2.GetMyUserRequest(), **bearer(BAD_TOKEN))
    check_refused(raised.value, raised.value.trailing_metadata())


@pytest.mark.parametrize("service", SERVICES, ids=["the server", "the service"])
def test_health_check(channel: grpc.Channel, service: str) -> None:
    """The service, and the server under the empty name, are SERVING, without a token."""
    response = HealthStub(channel).Check(HealthCheckRequest(service=service), timeout=TIMEOUT)
    assert response == HealthCheckResponse(status=SERVING)


def test_health_check_of_an_unknown_service(channel: grpc.Channel) -> None:
    """A name that is not served here is NOT_FOUND."""
    with pytest.raises(grpc.RpcError) as raised:
        HealthStub(channel).Check(HealthCheckRequest(service="zitadel.auth.v2.AuthService"), timeout=TIMEOUT)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


def test_health_list(channel: grpc.Channel) -> None:
    """The list tells every service and its state."""
    response = HealthStub(channel).List(HealthListRequest(), timeout=TIMEOUT)
    assert {name: status.status for name, status in response.statuses.items()} == dict.fromkeys(
        [*SERVICES, ACCOUNT, *FOR_BACK_ENDS], SERVING
    )


def test_health_watch_sync(channel: grpc.Channel) -> None:
    """A watch tells the state at once, stays open, and ends as CANCELLED when the client leaves."""
    watch = HealthStub(channel).Watch(HealthCheckRequest(service=SERVICE), timeout=TIMEOUT)
    assert next(watch) == HealthCheckResponse(status=SERVING)
    assert watch.is_active()
    watch.cancel()
    assert watch.code() is grpc.StatusCode.CANCELLED


async def test_health_watch_aio(address: str) -> None:
    """An asynchronous watch tells the state at once and ends with its deadline when nothing changes."""
    async with aio_channel(address) as channel:
        watch = HealthStub(channel).Watch(HealthCheckRequest(service=SERVICE), timeout=1)
        assert await watch.read() == HealthCheckResponse(status=SERVING)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await watch.read()
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_health_watch_of_an_unknown_service(channel: grpc.Channel) -> None:
    """A watch of a name that is not served here says so instead of ending."""
    watch = HealthStub(channel).Watch(HealthCheckRequest(service="nobody"), timeout=TIMEOUT)
    assert next(watch) == HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
    watch.cancel()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection(channel: grpc.Channel, version: str) -> None:
    """Reflection answers several questions on one stream, in both versions, whose messages are the same bytes."""
    ask = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=ServerReflectionRequest.SerializeToString,
        response_deserializer=ServerReflectionResponse.FromString,
    )
    questions = [ServerReflectionRequest(list_services=""), ServerReflectionRequest(file_containing_symbol="nobody")]
    listed, unknown = ask(iter(questions), timeout=TIMEOUT)
    assert {service.name for service in listed.list_services_response.service} == {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        *FOR_BACK_ENDS,
        ACCOUNT,
        SERVICE,
    }
    assert unknown.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
