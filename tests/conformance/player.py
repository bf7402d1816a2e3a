"""Plays a case as a client that writes the bytes itself, over HTTP/1.1 or HTTP/2, with or without TLS."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from typing import Any

from conformance.answers import Answer, of_stream, of_web
from conformance.cases import GRPC, GZIP, Asks, Kind, Raw, Variant
from conformance.servicer import SERVICE
from doors.peers import H2Stream, h2_peer, http1_request, pack, parse_http1
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

DATA = b"what is in an answer, " * 10  # long enough to be worth compressing
SENT = ("x-conformance-test", ("Value1", "Value2"))
HEADER, TRAILER = "x-custom-header", "x-custom-trailer"
_PATIENCE = 5.0  # seconds


class Player:
    """Makes the messages and bytes of one variant. `limit` is the largest message that the server takes, in bytes."""

    def __init__(self, variant: Variant, contract: ServiceDescriptor, limit: int) -> None:
        self._variant = variant
        self._case = variant.case
        self._raw = variant.case.raw or Raw()
        self._gzip = variant.compression == GZIP
        method = contract.methods_by_name[self._case.kind.method]
        self._request_class = GetMessageClass(method.input_type)
        self._response_class = GetMessageClass(method.output_type)
        self.messages = [self._message(number, limit) for number in range(self._case.messages)]

    async def play(self, port: int, trusted: ssl.SSLContext | None = None) -> Answer:
        """Make the call; with TLS where there is a context, which has to offer the version of HTTP by ALPN."""
        async with asyncio.timeout(_PATIENCE):
            if self._variant.http == 1:
                return await self._over_http1(port, trusted)
            async with h2_peer(port, trusted) as peer:
                stream = peer.open(self._path(), self._headers(), self._raw.verb)
                await self._send(stream)
                await stream.over.wait()
                return self._read(stream)

    def _message(self, number: int, limit: int) -> Any:
        message: Any = self._request_class()
        if number:
            message.request_data = DATA
        elif self._case.asks:
            _define(message.response_definition, self._case.asks, single=self._case.kind in {Kind.UNARY, Kind.CLIENT})
        if self._case.kind is Kind.FULL and number == 0:
            message.full_duplex = True
        while self._case.sizes and (missing := limit + self._case.sizes[number] - message.ByteSize()) > 0:
            # Tag and length take four bytes, if they are not there already: the last bytes are added one by one.
            message.request_data += b"x" * max(missing - 4, 1)
        return message

    def _path(self) -> str:
        return self._raw.path or f"/{SERVICE}/{self._case.kind.method}"

    def _headers(self) -> list[tuple[str, str]]:
        native = self._variant.protocol == GRPC
        usual = "application/grpc+proto" if native else "application/grpc-web+proto"
        found: dict[str, str | None] = {
            "content-type": self._raw.content_type or usual,
            "te": "trailers" if native else None,
            "grpc-encoding": self._raw.encoding or ("gzip" if self._gzip else None),
            "grpc-accept-encoding": "gzip" if self._gzip else None,
            "grpc-timeout": f"{self._case.timeout}m" if self._case.timeout else None,
        }
        sent = [(SENT[0], value) for value in SENT[1]] if self._case.sent else []
        return [*((name, value) for name, value in found.items() if value), *sent]

    def _frames(self) -> list[bytes]:
        """What is written, piece by piece."""
        if self._raw.body is not None:
            return [self._raw.body]
        if self._case.raw:
            return [pack(self.messages[0], flags) for flags in self._raw.frames]
        if self._gzip:
            return [pack(gzip.compress(message.SerializeToString(), 1), 1) for message in self.messages]
        return [pack(message) for message in self.messages]

    async def _over_http1(self, port: int, trusted: ssl.SSLContext | None) -> Answer:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusted)
        try:
            writer.write(http1_request(self._raw.verb, self._path(), self._headers(), b"".join(self._frames())))
            response = parse_http1(await reader.read())
        finally:
            writer.close()
        return of_web(response.status, response.headers, response.body, self._response_class)

    async def _send(self, stream: H2Stream) -> None:
        """Write the request. A message too large has to be refused although the request does not end."""
        answers = self._case.asks.data if self._case.asks and self._case.kind is Kind.FULL else 0
        for number, frame in enumerate(self._frames()):
            await _write(stream, frame)
            if self._case.sizes and self._case.sizes[number] > 0:
                return
            if number < answers and not self._case.codes:
                await stream.frames(number + 1)
        stream.send(b"", end=True)

    def _read(self, stream: H2Stream) -> Answer:
        if self._variant.protocol == GRPC:
            return of_stream(stream, self._response_class)
        assert not stream.trailers
        status = int(dict(stream.headers)[":status"])
        return of_web(status, stream.headers, bytes(stream.data), self._response_class)


async def _write(stream: H2Stream, data: bytes) -> None:
    """Send as the server's windows allow; an answer must not leave us waiting for them, unless it resets the stream."""
    while data and stream.reset is None:
        h2 = stream.peer.h2
        size = min(h2.local_flow_control_window(stream.id), h2.max_outbound_frame_size)
        if size:
            stream.send(data[:size])  # as much at once as may be: it arrives faster than it is read
            data = data[size:]
        else:
            await asyncio.sleep(0.001)


def _define(definition: Any, asks: Asks, *, single: bool) -> None:
    if asks.headers:
        definition.response_headers.add(name=HEADER, value=asks.headers)
    if asks.trailers:
        definition.response_trailers.add(name=TRAILER, value=asks.trailers)
    if asks.error:
        definition.error.code, definition.error.message = asks.error
    if single and asks.data:
        definition.response_data = DATA
    elif not single:
        definition.response_data.extend([DATA] * asks.data)
    definition.response_delay_ms = asks.delay
    definition.SetInParent()
