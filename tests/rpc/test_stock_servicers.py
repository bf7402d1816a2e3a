"""The servicers that come with grpcio, for health and reflection, run unmodified behind our doors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from doors.peers import WEB, http1, http1_request, pack, unpack
from doors.stage import Stage, eventually, playing
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"]
REFLECTION = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
NAMES = [HEALTH.full_name, "stage.v1.Stage"]
REFLECTIONS = [reflection.aio.ReflectionServicer, reflection.ReflectionServicer]


async def told(servicer: Any, name: str, status: int) -> None:
    """Set the status of a service, at a servicer of either kind."""
    setting = servicer.set(name, status)
    if setting is not None:
        await setting


@asynccontextmanager
async def health_stage(made: type) -> AsyncIterator[tuple[Any, Stage, Any]]:
    """A health servicer, its stage and a client of grpcio."""
    servicer = made()
    async with (
        playing(guests=[(HEALTH, servicer)]) as stage,
        grpc.aio.insecure_channel(f"127.0.0.1:{stage.port}") as channel,
    ):
        yield servicer, stage, health_pb2_grpc.HealthStub(channel)


async def web(stage: Stage, path: str, *requests: Any) -> tuple[list[bytes], bytes]:
    """Call a method by gRPC-Web: the messages and the trailers."""
    request = http1_request("POST", path, [("content-type", WEB)], b"".join(map(pack, requests)))
    *frames, (flags, trailers) = unpack((await http1(stage.port, request)).body)
    assert flags == 0x80
    return [message for _, message in frames], trailers


@pytest.mark.parametrize("made", [health.aio.HealthServicer, health.HealthServicer], ids=["aio", "sync"])
async def test_health_is_checked(made: type, logs: list[Any]) -> None:
    """Check answers what was set, NOT_FOUND for what was not; List, which neither has, is UNIMPLEMENTED."""
    async with health_stage(made) as (servicer, stage, stub):
        await told(servicer, "stage.v1.Stage", NOT_SERVING)
        for name, status in (("", SERVING), ("stage.v1.Stage", NOT_SERVING)):
            request = health_pb2.HealthCheckRequest(service=name)
            assert (await stub.Check(request)).status == status
            (message,), trailers = await web(stage, "/grpc.health.v1.Health/Check", request)
            assert health_pb2.HealthCheckResponse.FromString(message).status == status
            assert trailers.startswith(b"grpc-status: 0\r\n")
        request = health_pb2.HealthCheckRequest(service="nobody")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Check(request)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert (await web(stage, "/grpc.health.v1.Health/Check", request))[1].startswith(b"grpc-status: 5\r\n")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.List(health_pb2.HealthListRequest())
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert {entry["log_level"] for entry in logs} == {"info"}


@pytest.mark.parametrize("made", [health.aio.HealthServicer, health.HealthServicer], ids=["aio", "sync"])
async def test_health_is_watched(made: type) -> None:
    """Watch tells each change as it happens, and lets go of its watcher when the client leaves."""
    async with health_stage(made) as (servicer, _, stub):
        watch = stub.Watch(health_pb2.HealthCheckRequest(service="s"))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        for status in (SERVING, NOT_SERVING, SERVING):
            await told(servicer, "s", status)
            async with asyncio.timeout(1):
                assert (await watch.read()).status == status
        watchers = servicer._send_response_callbacks if made is health.HealthServicer else servicer._server_watchers
        assert watchers["s"]
        watch.cancel()
        await eventually(lambda: not watchers.get("s"), 2)


@pytest.mark.parametrize("made", [health.aio.HealthServicer, health.HealthServicer], ids=["aio", "sync"])
async def test_health_is_watched_until_the_deadline(made: type) -> None:
    """By gRPC-Web a watch with a deadline gives what it saw, then DEADLINE_EXCEEDED; no thread is left waiting."""
    async with playing(threads=1, guests=[(HEALTH, made())]) as stage:
        for _ in range(2):
            request = pack(health_pb2.HealthCheckRequest())
            headers = [("content-type", WEB), ("grpc-timeout", "1S")]
            sent = http1_request("POST", "/grpc.health.v1.Health/Watch", headers, request)
            (_, message), (flags, trailers) = unpack((await http1(stage.port, sent)).body)
            assert health_pb2.HealthCheckResponse.FromString(message).status == SERVING
            assert flags == 0x80
            assert trailers.startswith(b"grpc-status: 4\r\n")


@pytest.mark.parametrize("made", REFLECTIONS, ids=["aio", "sync"])
async def test_reflection_answers_in_turn(made: Any) -> None:
    """A client of grpcio asks, reads the answer, and asks again on the same stream."""
    asks = reflection_pb2.ServerReflectionRequest
    async with playing(guests=[(REFLECTION, made(NAMES))]) as stage:
        for port in (stage.port, stage.grpcio_port):
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                talk = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
                await talk.write(asks(list_services=""))
                answer = await talk.read()
                assert [service.name for service in answer.list_services_response.service] == sorted(NAMES)
                await talk.write(asks(file_containing_symbol="stage.v1.Line"))
                files = (await talk.read()).file_descriptor_response.file_descriptor_proto
                assert "stage/v1/stage.proto" in {FileDescriptorProto.FromString(file).name for file in files}
                await talk.write(asks(file_by_filename="no such file"))
                assert (await talk.read()).error_response.error_code == 5
                await talk.done_writing()
                assert await talk.read() is grpc.aio.EOF
                assert await talk.code() is grpc.StatusCode.OK


@pytest.mark.parametrize("made", REFLECTIONS, ids=["aio", "sync"])
async def test_reflection_answers_by_web(made: Any) -> None:
    """All questions of a request body are answered, one by one."""
    asks = [reflection_pb2.ServerReflectionRequest(list_services="", host=str(number)) for number in range(3)]
    async with playing(guests=[(REFLECTION, made(NAMES))]) as stage:
        messages, trailers = await web(stage, f"/{REFLECTION.full_name}/ServerReflectionInfo", *asks)
    answers = [reflection_pb2.ServerReflectionResponse.FromString(message) for message in messages]
    assert [answer.original_request.host for answer in answers] == ["0", "1", "2"]
    assert trailers.startswith(b"grpc-status: 0\r\n")
