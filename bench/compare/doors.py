"""The ways into a service: what a call through each needs, alone and as load."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from zitadel import auth_pb2

from bench.compare.load import Load, LoadError, Run, ghz, wrk
from bench.compare.questions import HttpRequest, Question, Tokens
from bench.compare.services import Service

_TIMEOUT = 20.0
_HEAD = 5  # bytes in front of a message
Answer = dict[str, Any] | Message
Ask = Callable[[Question, str], Answer]


class Door(Enum):
    """How a call is made; the value is what tables show."""

    GRPC = "gRPC"
    GRPCIO = "gRPC, grpcio's port"
    WEB = "gRPC-Web"
    JSON = "JSON"
    CONNECT = "Connect JSON"

    @property
    def native(self) -> bool:
        """Whether this is native gRPC, for which ghz is needed."""
        return self in {Door.GRPC, Door.GRPCIO}


OURS = (Door.GRPC, Door.GRPCIO, Door.WEB, Door.JSON)


def press(door: Door, service: Service, question: Question, tokens: Tokens, load: Load, ghz_: Path | None) -> Run:
    """Put load on a service. Raises `LoadError` if calls fail, or the tool is not there."""
    if not door.native:
        return wrk(service.url, http_request(door, question), tokens, load)
    if ghz_ is None:
        raise LoadError("native gRPC needs ghz")
    return ghz(ghz_, service.grpcio if door is Door.GRPCIO else service.address, question, tokens, load)


def http_request(door: Door, question: Question) -> HttpRequest:
    """The request through a door that is not native gRPC."""
    if door is Door.WEB:
        return question.as_web()
    return question.as_connect() if door is Door.CONNECT else question.as_json()


@contextmanager
def asking(door: Door, service: Service) -> Iterator[Ask]:
    """Makes single calls on one connection: JSON gives a document, every other door a message.

    A call raises `LoadError`, or grpc.RpcError, if it is refused.
    """
    if door.native:
        with grpc.insecure_channel(service.grpcio if door is Door.GRPCIO else service.address) as channel:
            yield lambda question, token: _ask_grpc(channel, question, token)
        return
    host, _, port = service.address.rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=_TIMEOUT)

    def ask(question: Question, token: str) -> Answer:
        return _read(door, question, _exchange(connection, http_request(door, question), token))

    try:
        yield ask
    finally:
        connection.close()


def _ask_grpc(channel: grpc.Channel, question: Question, token: str) -> Message:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{question.full_name}")
    metadata = (("authorization", f"Bearer {token}"),)
    return _message(question, call(question.message(), metadata=metadata, timeout=_TIMEOUT))


def _exchange(connection: HTTPConnection, request: HttpRequest, token: str) -> bytes:
    headers = {"authorization": f"Bearer {token}"}
    if request.content_type:
        headers["content-type"] = request.content_type
    connection.request(request.verb, request.path, request.body or None, headers)
    response = connection.getresponse()
    found = response.read()
    if response.status != 200:  # noqa: PLR2004
        raise LoadError(f"{request.path} was refused: {response.status} {found[:500]!r}")
    return found


def _read(door: Door, question: Question, body: bytes) -> Answer:
    if door is not Door.WEB:
        document: dict[str, Any] = json.loads(body)
        return ParseDict(document, _response(question)) if door is Door.CONNECT else document
    size = int.from_bytes(body[1:_HEAD], "big")
    message, trailers = body[_HEAD : _HEAD + size], body[_HEAD + size :]
    if b"grpc-status:0" not in trailers.replace(b" ", b""):
        raise LoadError(f"{question.rpc} was refused: {body!r}")
    return _message(question, message)


def _response(question: Question) -> Message:
    response: Message = getattr(auth_pb2, f"{question.rpc}Response")()
    return response


def _message(question: Question, data: bytes) -> Message:
    response = _response(question)
    response.ParseFromString(data)
    return response
