"""A program for protobuf's conformance runner to test: it reads requests from stdin and answers on stdout.

Each request and answer is a protobuf message behind its length in four little-endian bytes. JSON is ours,
the binary form is protobuf's, and anything else is skipped.
"""

from __future__ import annotations

import sys
from typing import Any, BinaryIO

from google.protobuf.message import DecodeError
from transcoding.protojson.messages import conformance_class

from authsvc.transcoding import BadRequest
from authsvc.transcoding.protojson import Codec

_Request = conformance_class("conformance.ConformanceRequest")
_Response = conformance_class("conformance.ConformanceResponse")
_PROTOBUF, _JSON = 1, 2
_IGNORE_UNKNOWN = 3
_UNSTABLE = "protobuf_test_messages.edition_unstable."
_STRICT = Codec(unknown="reject")
_LENIENT = Codec(unknown="ignore")


def answer(request: Any) -> Any:
    """Convert the payload of one request as it asks for."""
    payload = request.WhichOneof("payload")
    if request.message_type == "conformance.FailureSet":
        return _Response(protobuf_payload=b"")
    if payload not in {"protobuf_payload", "json_payload"} or request.requested_output_format not in {_PROTOBUF, _JSON}:
        return _Response(skipped="neither binary nor JSON")
    if request.message_type.startswith(_UNSTABLE):
        return _Response(skipped="an edition that released compilers do not know")
    kind = conformance_class(request.message_type)
    try:
        if payload == "protobuf_payload":
            message = kind.FromString(request.protobuf_payload)
        else:
            codec = _LENIENT if request.test_category == _IGNORE_UNKNOWN else _STRICT
            message = codec.decode(kind, request.json_payload.encode())
    except (BadRequest, DecodeError) as error:
        return _Response(parse_error=str(error))
    if request.requested_output_format == _PROTOBUF:
        return _Response(protobuf_payload=message.SerializeToString())
    try:
        return _Response(json_payload=_STRICT.encode(message))
    except Exception as error:  # noqa: BLE001 - the runner counts what is expected here, and what is not
        return _Response(serialize_error=type(error).__name__)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there are no more requests."""
    while length := requests.read(4):
        request = _Request.FromString(requests.read(int.from_bytes(length, "little")))
        content = answer(request).SerializeToString()
        answers.write(len(content).to_bytes(4, "little") + content)
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
