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
from authsvc.transcoding.protojson import Codec, EncodeError

_Request = conformance_class("conformance.ConformanceRequest")
_Response = conformance_class("conformance.ConformanceResponse")
_PROTOBUF, _JSON = 1, 2
_INPUTS = {"protobuf_payload", "json_payload"}
_IGNORE_UNKNOWN = 3
_STRICT = Codec(unknown="reject")
_LENIENT = Codec(unknown="ignore")


def answer(request: Any) -> Any:
    """Convert the payload of one request as it asks for."""
    if request.message_type == "conformance.FailureSet":  # which cases are unstable to fail: none
        return _Response(protobuf_payload=b"")
    payload = request.WhichOneof("payload")
    unstable = request.message_type.startswith("protobuf_test_messages.edition_unstable.")
    if unstable or payload not in _INPUTS or request.requested_output_format not in {_PROTOBUF, _JSON}:
        return _Response(skipped="neither binary nor JSON, or no type that released compilers know")
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
    except EncodeError as error:
        return _Response(serialize_error=str(error))


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there are no more requests."""
    while length := requests.read(4):
        request = _Request.FromString(requests.read(int.from_bytes(length, "little")))
        content = answer(request).SerializeToString()
        answers.write(len(content).to_bytes(4, "little") + content)
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
