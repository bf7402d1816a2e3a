"""The servicer of `connectrpc.conformance.v1.ConformanceService`, in the style of grpc.aio.

Each request says how it is to be answered: with which headers, messages, error and trailers, and after which delay.
What was received is told back: in the first message, or in the details of the error where there is no message. So the
runner sees what arrived.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import grpc
from google.protobuf.any_pb2 import Any as _Any
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.rpc.status_pb2 import Status as StatusProto

from authsvc.rpc.method import Method, service_methods
from authsvc.rpc.pipeline import Pipeline
from authsvc.telemetry.calls import CallLog

SERVICE = "connectrpc.conformance.v1.ConformanceService"
_CODES = {code.value[0]: code for code in grpc.StatusCode}
# Longer than any case: a deadline beyond is the pipeline's own, not the client's.
_LONGEST = 3600.0


def conformance_methods(service: ServiceDescriptor) -> dict[str, Method]:
    """The methods of the conformance service by path, wrapped in the real pipeline; `Unimplemented` is left out."""
    served = [method for method in service.methods if method.name != "Unimplemented"]
    described = cast("ServiceDescriptor", SimpleNamespace(full_name=service.full_name, methods=served))
    pipeline = Pipeline(cast("Any", None), cast("Any", None), CallLog(), _LONGEST)
    public = frozenset({f"{service.full_name}/*"})
    found = service_methods(described, ConformanceServicer(service), pipeline, public=public)
    return {method.path: method for method in found}


class ConformanceServicer:
    """Answers as each request asks. `service` is the contract: the suite's own, or ours of the same shape."""

    def __init__(self, service: ServiceDescriptor) -> None:
        self._responses = {method.name: GetMessageClass(method.output_type) for method in service.methods}
        payload = service.file.message_types_by_name["ConformancePayload"]
        self._info: Any = GetMessageClass(payload.nested_types_by_name["RequestInfo"])

    async def Unary(self, request: Any, context: Any) -> Any:
        """One request, one answer or error."""
        return await self._single("Unary", [request], context)

    async def IdempotentUnary(self, request: Any, context: Any) -> Any:
        """The same, for a method without side effects."""
        return await self._single("IdempotentUnary", [request], context)

    async def ClientStream(self, requests: AsyncIterator[Any], context: Any) -> Any:
        """All requests, then one answer or error, as the first request asks."""
        return await self._single("ClientStream", [request async for request in requests], context)

    async def ServerStream(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """One request, then the answers it asks for."""
        async for response in self._answers("ServerStream", [request], context):
            yield response

    async def BidiStream(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """Half duplex: all requests, then the answers. Full duplex: an answer to each request, then the others."""
        first = await anext(requests, None)
        if first is not None and first.full_duplex:
            responses = self._in_turns(first, requests, context)
        else:
            received = [] if first is None else [first, *[request async for request in requests]]
            responses = self._answers("BidiStream", received, context)
        async for response in responses:
            yield response

    async def _single(self, method: str, requests: Sequence[Any], context: Any) -> Any:
        asked = requests[0].response_definition if requests else None
        info = self._request_info(requests, context)
        if asked is None:
            return self._response(method, b"", info)
        await _begin(asked, context)
        await asyncio.sleep(asked.response_delay_ms / 1000)
        if asked.HasField("error"):
            await _fail(asked, context, info)
        return self._response(method, asked.response_data, info)

    async def _answers(self, method: str, requests: Sequence[Any], context: Any) -> AsyncIterator[Any]:
        if not requests or not requests[0].HasField("response_definition"):
            return
        asked = requests[0].response_definition
        info = self._request_info(requests, context)
        await _begin(asked, context)
        for data in asked.response_data:
            await asyncio.sleep(asked.response_delay_ms / 1000)
            yield self._response(method, data, info)
            info = None
        if asked.HasField("error"):
            await _fail(asked, context, info)

    async def _in_turns(self, first: Any, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        asked = first.response_definition
        await _begin(asked, context)
        info, received = self._request_info([first], context), 1
        for number, data in enumerate(asked.response_data):
            request = first if number == 0 else await anext(requests, None)
            if number and request is not None:
                info, received = self._info(requests=[_packed(request)]), received + 1
            await asyncio.sleep(asked.response_delay_ms / 1000)
            yield self._response("BidiStream", data, info)
            info = None
        if asked.HasField("error"):
            await _fail(asked, context, info)
        async for _ in requests:
            pass

    def _response(self, method: str, data: bytes, info: Any) -> Any:
        response: Any = self._responses[method]()
        response.payload.data = data
        if info is not None:
            response.payload.request_info.CopyFrom(info)
        return response

    def _request_info(self, requests: Sequence[Any], context: Any) -> Any:
        info = self._info(requests=[_packed(request) for request in requests])
        remaining = context.time_remaining()
        if remaining is not None and remaining < _LONGEST / 2:
            info.timeout_ms = int(remaining * 1000)
        headers: dict[str, list[str]] = {}
        for key, value in context.invocation_metadata():
            headers.setdefault(key, []).append(_text(value))
        for key, values in headers.items():
            info.request_headers.add(name=key, value=values)
        return info


async def _begin(asked: Any, context: Any) -> None:
    """Send the headers that are asked for, and keep the trailers; compress where the client lets us."""
    context.set_compression(grpc.Compression.Gzip)
    context.set_trailing_metadata(_metadata(asked.response_trailers))
    await context.send_initial_metadata(_metadata(asked.response_headers))


async def _fail(asked: Any, context: Any, info: Any) -> None:
    """End the call with the error that is asked for; `info` joins its details unless a message has told it."""
    status = StatusProto(code=asked.error.code, message=asked.error.message, details=asked.error.details)
    if info is not None:
        status.details.append(_packed(info))
    await context.abort_with_status(_Status(status, _metadata(asked.response_trailers)))


class _Status(grpc.Status):
    """A status with details, as grpcio's abort_with_status takes it; its trailing metadata replaces what was set."""

    def __init__(self, status: StatusProto, trailing: tuple[tuple[str, str | bytes], ...]) -> None:
        self.code = _CODES[status.code]
        self.details = status.message
        self.trailing_metadata = (("grpc-status-details-bin", status.SerializeToString()), *trailing)


def _metadata(headers: Any) -> tuple[tuple[str, str | bytes], ...]:
    return tuple((header.name.lower(), _value(header.name, value)) for header in headers for value in header.value)


def _value(name: str, value: str) -> str | bytes:
    return base64.b64decode(value + "=" * (-len(value) % 4)) if name.lower().endswith("-bin") else value


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else base64.b64encode(value).rstrip(b"=").decode()


def _packed(message: Any) -> Any:
    packed = _Any()
    packed.Pack(message)
    return packed
