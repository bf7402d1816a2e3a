"""The JSON cases of protobuf's conformance suite, kept as data: they run where its runner does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from transcoding.protojson.messages import conformance_class, conformance_pool

from authsvc.transcoding import BadRequest
from authsvc.transcoding.protojson import Codec

CASES = json.loads(Path(__file__).parents[1].joinpath("vectors", "protojson.json").read_text())
PROTO2 = "protobuf_test_messages.proto2.TestAllTypesProto2"
PROTO3 = "protobuf_test_messages.proto3.TestAllTypesProto3"
CODEC = Codec(unknown="reject")

refused = [pytest.param(case["json"], id=case["name"]) for case in CASES["refused"]]
read = [
    pytest.param(kind, case["json"], case["text"], id=f"{case['name']}-{short}")
    for case in CASES["read"]
    for short, kind in (("proto3", PROTO3), ("proto2", PROTO2))
    if case.get("only", short) == short
]


def test_no_case_is_lost() -> None:
    """The suite has 143 documents to refuse and 158 to read, each with a name of its own."""
    assert (len(CASES["refused"]), len(CASES["read"])) == (143, 158)
    assert len({case["name"] for case in CASES["refused"] + CASES["read"]}) == 301


@pytest.mark.parametrize("text", refused)
def test_document_is_refused(text: str) -> None:
    """What the suite says must not be read is a BadRequest."""
    with pytest.raises(BadRequest):
        CODEC.decode(conformance_class(PROTO3), text.encode())


@pytest.mark.parametrize(("kind", "text", "expected"), read)
def test_document_is_read(kind: str, text: str, expected: str) -> None:
    """What the suite says must be read gives the message it says, and still does after being written."""
    message: Any = text_format.Parse(expected, conformance_class(kind)(), descriptor_pool=conformance_pool())
    found = CODEC.decode(conformance_class(kind), text.encode())
    assert _bits(found) == _bits(message)
    assert _bits(CODEC.decode(conformance_class(kind), CODEC.encode(found))) == _bits(message)


def _bits(message: Any) -> Any:
    # Unlike ==, bytes tell -0.0 from 0.0, and find NaN equal to itself.
    return message.SerializeToString(deterministic=True)
