"""The decoder against protobuf's own, on texts near the JSON of random messages.

Where the two differ, a row of a table says why; a difference without a row is a fault of ours.
"""

from __future__ import annotations

import re
from itertools import product
from typing import Any, NamedTuple

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given, note
from hypothesis import strategies as st
from transcoding.examples import examples
from transcoding.protojson.documents import changed, planted, spellings_of
from transcoding.protojson.messages import described_pool, subjects, types_in
from transcoding.protojson.strategies import canonical, described_messages, messages, well_known_messages

from authsvc.transcoding import BadRequest
from authsvc.transcoding.protojson import Codec, Style

WRITERS = [
    Codec(Style(defaults=defaults, proto_names=proto_names, enum_numbers=enum_numbers))
    for defaults, proto_names, enum_numbers in product([False, True], repeat=3)
]
READERS = {"reject": Codec(unknown="reject"), "ignore": Codec(unknown="ignore")}
SECRET = "Sesam\u00f6ffnedich"
ITEM = subjects()["item"]
writers, unknowns = st.sampled_from(WRITERS), st.sampled_from(["reject", "ignore"])


class Row(NamedTuple):
    """A difference that is meant: what protobuf's parser accepts, and the reason with which ours does not."""

    why: str
    reasons: str
    examples: list[str]
    drawn: bool = True  # whether texts that run into it are drawn as such; otherwise the reason alone tells


MEANT = {
    "array or string for an object": Row(
        "protobuf's iterates over whatever it is given for a message",
        "must be a JSON object",
        ["[]", '""', '{"child":[]}', '{"child":""}', '{"items":{"a":[]}}', '{"empty":""}'],
        drawn=False,
    ),
    "true for a number": Row(
        "a bool is an int to Python, and protobuf's leaves enums and floats unchecked",
        "must be a number|must be an integer",
        ['{"doubleValue":true}', '{"floatValue":false}', '{"colour":true}'],
        drawn=False,
    ),
    "fraction for an enum": Row("protobuf's cuts it off", "must be an integer", ['{"colour":1.5}'], drawn=False),
    "enum number in quotes": Row(
        "ProtoJSON has names and numbers, and no third form",
        "is not a known value",
        ['{"colour":"1"}', '{"colour":" 1_0"}', '{"flags":{"true":"1"}}'],
        drawn=False,
    ),
    "huge number for an enum": Row(
        "protobuf's looks it up without its upper bits",
        "is out of range for an enum",
        ['{"colour":4294967297}'],
        drawn=False,
    ),
    "loose number": Row(
        "whatever Python's int() and float() take is a number to protobuf's",
        "must be a number|must be an integer|has a repeated key",
        ['{"int32Value":"1_0"}', '{"int32Value":"+1"}', '{"int32Value":"01"}', '{"int32Value":"\\u0661"}',
         '{"int32Value":"\\t1"}', '{"doubleValue":" 1"}', '{"doubleValue":".5"}', '{"doubleValue":"1."}',
         '{"doubleValue":"inf"}', '{"counts":{"+1":"1"}}'],
    ),
    "lowest number of 64 bits with a point or exponent": Row(
        "it, and what is next to it, are the same double",
        "is out of range for int64",
        ['{"int64Value":-9223372036854775808.0}', '{"int64Value":"-9223372036854775807.0"}'],
    ),
    "overflow": Row(
        "a number too large becomes infinity in quotes, and as a long integer",
        "is out of range for (double|float)",
        ['{"doubleValue":"1e400"}', '{"floatValue":"1e39"}', '{"floatValue":1000000000000000000000000000000000000000}'],
        drawn=False,
    ),
    "huge number": Row(
        "in a Value too, a number beyond double becomes infinity, which cannot be written again",
        "out of range",
        ['{"value":1e400}', '{"struct":{"a":[-1e400]}}'],
    ),
    "not JSON": Row(
        "NaN and Infinity are no JSON, but Python's parser reads them",
        "the body is not JSON",
        ['{"value":NaN}', '{"list":[-Infinity]}'],
    ),
    "lone surrogate": Row("protobuf's checks strings of fields only", "not Unicode", []),
    "loose base64": Row(
        "what is not base64 is skipped by protobuf's, and padding may be anything",
        "must be base64",
        ['{"bytesValue":"!!!!"}', '{"bytesValue":"YQ="}', '{"bytesValue":"YQ==="}', '{"bytesValue":"YQ==YQ=="}'],
        drawn=False,
    ),
    "loose time": Row(
        "strptime() takes more than RFC 3339, and the offset is not checked at all",
        "must be a time",
        ['{"when":"2024-1-1T0:0:0Z"}', '{"when":"2024-01-01T00:00:00+99:99"}', '{"when":"2024-01-01T00:00:00.Z"}',
         '{"when":"2024-01-01T00:00:00.1_0Z"}'],
    ),
    "loose duration": Row(
        "int() and float() again",
        "must be a duration",
        ['{"pause":"1_0s"}', '{"pause":"+1s"}', '{"pause":" 1s"}', '{"pause":"1.s"}'],
    ),
    "loose mask": Row(
        "a path may be anything without an underscore",
        "must be field names",
        ['{"mask":"FooBar"}', '{"mask":"fooBar,"}', '{"mask":"a b"}'],
        drawn=False,
    ),
    "two names": Row(
        "one field under both its names, or one map key in two forms: the last wins",
        "is given twice|has a repeated key",
        ['{"int32Value":1,"int32_value":2}', '{"counts":{"1":"1","1.0":"2"}}'],
        drawn=False,
    ),
    "loose Any": Row(
        "the type URL may lack its slash, and a well-known type may have company",
        "must be a type URL|has an unknown field",
        ['{"any":{"@type":"shop.Item"}}', '{"any":{"@type":"/google.protobuf.Duration","value":"1s","more":1}}'],
    ),
    "long number": Row(
        "more digits than any field holds are refused before they are parsed",
        "too many digits",
        [f'{{"doubleValue":{"1" * 65}}}', f'{{"doubleValue":"0.{"1" * 65}"}}'],
    ),
    "depth": Row(
        "ours stops at 64 levels, protobuf's at 100",
        "deeper than 64",
        ['{"child":' * 65 + "{}" + "}" * 65],
        drawn=False,
    ),
}  # fmt: skip

# What ours accepts and protobuf's does not, by a pattern in the text of its error.
MORE = {
    "null in a list or map of NullValue": r"null is not allowed|NoneType",
    "key of an extension where there cannot be one, while unknown fields are skipped": "does not have extensions",
    "null for a list of Value: protobuf's takes the list for one of them": "has no attribute 'null_value'",
    "the largest float as it is printed": "Float value too (large|small)",
}


@pytest.mark.parametrize(("row", "text"), [(row, text) for row in MEANT for text in MEANT[row].examples])
def test_meant_difference_is_one(row: str, text: str) -> None:
    """What the table says is refused here is accepted by protobuf's parser."""
    json_format.Parse(text, ITEM(), descriptor_pool=ITEM.DESCRIPTOR.file.pool)
    with pytest.raises(BadRequest) as caught:
        READERS["reject"].decode(ITEM, text.encode())
    assert re.search(MEANT[row].reasons, caught.value.reason)


def test_largest_float_is_read_as_it_is_printed() -> None:
    """Unlike protobuf's, this parser takes back every float it prints."""
    largest = ITEM(float_value=3.4028234663852886e38)
    text = WRITERS[0].encode(largest)
    assert READERS["reject"].decode(ITEM, text) == largest
    with pytest.raises(json_format.ParseError, match="too large"):
        json_format.Parse(text, ITEM())


def test_json_name_wins_over_another_fields_proto_name() -> None:
    """Where one field's JSON name is another's proto name, the JSON name is read."""
    file = FileDescriptorProto(name="drawn.proto", package="drawn", syntax="proto2")
    message = file.message_type.add(name="M0")
    for number, (name, json_name) in enumerate([("a", "b"), ("b", "a")], start=1):
        field = message.field.add(name=name, number=number, json_name=json_name)
        field.type, field.label = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.LABEL_OPTIONAL
    kind = GetMessageClass(described_pool(file).FindMessageTypeByName("drawn.M0"))
    assert READERS["reject"].decode(kind, b'{"a":"x","b":"y"}') == kind(a="y", b="x")
    assert WRITERS[0].encode(kind(a="y", b="x")) == b'{"b":"y","a":"x"}'


@pytest.mark.parametrize("subject", subjects())
@examples(16)
@given(data=st.data())
def test_known_type_comes_back(subject: str, data: st.DataObject) -> None:
    """What any style has written is read as the same message, to the bit."""
    _check_way_back(data.draw(messages(subjects()[subject])), data.draw(writers), data.draw(unknowns))


@examples(40)
@given(message=described_messages(), writer=writers, unknown=unknowns)
def test_random_type_comes_back(message: Any, writer: Codec, unknown: str) -> None:
    """What has been written is read as the same message, whatever its type."""
    _check_way_back(message, writer, unknown)


@examples(40)
@given(message=well_known_messages(), writer=writers, unknown=unknowns)
def test_well_known_type_comes_back(message: Any, writer: Codec, unknown: str) -> None:
    """So is a well-known type alone, whose JSON need not be an object."""
    _check_way_back(message, writer, unknown)


@pytest.mark.parametrize("subject", subjects())
@examples(40)
@given(data=st.data())
def test_known_type_is_read_as_the_reference_reads_it(subject: str, data: st.DataObject) -> None:
    """Any text near the JSON of a message is read or refused as by protobuf's, but for the table."""
    kind = subjects()[subject]
    text, tags = data.draw(_texts(messages(kind)))
    _compare(kind, text, tags, data.draw(unknowns))


@examples(60)
@given(message=described_messages(), data=st.data())
def test_random_type_is_read_as_the_reference_reads_it(message: Any, data: st.DataObject) -> None:
    """So it is with random types."""
    text, tags = data.draw(_texts(st.just(message)))
    _compare(type(message), text, tags, data.draw(unknowns))


@examples(60)
@given(message=well_known_messages(), data=st.data())
def test_well_known_type_is_read_as_the_reference_reads_it(message: Any, data: st.DataObject) -> None:
    """So it is with well-known types alone."""
    text, tags = data.draw(_texts(st.just(message)))
    _compare(type(message), text, tags, data.draw(unknowns))


@examples(60)
@given(data=st.data())
def test_error_repeats_nothing(data: st.DataObject) -> None:
    """Errors are short, and no key or value of the text is in them."""
    kind = data.draw(st.sampled_from([ITEM, subjects()["proto3"], subjects()["proto2"]]))
    value = json_format.MessageToDict(data.draw(messages(kind)), descriptor_pool=kind.DESCRIPTOR.file.pool)
    text = data.draw(planted(value, spellings_of(kind.DESCRIPTOR), SECRET))
    note(text)
    refusal = _read(kind, text, data.draw(unknowns))
    if isinstance(refusal, BadRequest):
        assert SECRET not in f"{refusal}{refusal.field}{refusal.reason}{refusal.__cause__ or ''}"
        assert refusal.reason
        assert len(str(refusal).encode()) <= 200


@examples(15)
@given(depth=st.integers(1, 63))
def test_error_deep_inside_is_short(depth: int) -> None:
    """However long the path to a fault, its error has at most 200 bytes."""
    with pytest.raises(BadRequest) as caught:
        READERS["reject"].decode(ITEM, b'{"nestedChoice":' * depth + b"1" + b"}" * depth)
    assert len(str(caught.value).encode()) <= 200
    assert str(caught.value).endswith("nestedChoice: must be a JSON object")


@st.composite
def _texts(draw: st.DrawFn, source: st.SearchStrategy[Any]) -> tuple[str, set[str]]:
    message = draw(source)
    value = json_format.MessageToDict(message, descriptor_pool=message.DESCRIPTOR.file.pool)
    return draw(changed(value, spellings_of(message.DESCRIPTOR)))


def _check_way_back(message: Any, writer: Codec, unknown: str) -> None:
    text = writer.encode(message)
    note(text.decode())
    assert canonical(READERS[unknown].decode(type(message), text)) == canonical(message)


def _compare(kind: Any, text: str, rows: set[str], unknown: str) -> None:
    note(f"{unknown} {sorted(rows)} {text!r}")
    pool = kind.DESCRIPTOR.file.pool
    try:
        theirs = json_format.Parse(text, kind(), ignore_unknown_fields=unknown == "ignore", descriptor_pool=pool)
    except json_format.ParseError as error:
        theirs, complaint = None, str(error)
    ours = _read(kind, text, unknown)
    if isinstance(ours, BadRequest):
        assert theirs is None or _meant(ours.reason, rows), f"refused: {ours}"
        return
    if unknown == "ignore" and (theirs is None or canonical(ours) != canonical(theirs)) and _skips(kind, text):
        return
    assert theirs is not None or _more(kind, complaint), f"accepted: {complaint}"
    assert theirs is None or canonical(ours) == canonical(theirs), f"{ours} is not {theirs}"


def _meant(reason: str, rows: set[str]) -> bool:
    return any(re.search(row.reasons, reason) for name, row in MEANT.items() if not row.drawn or name in rows)


def _read(kind: Any, text: str, unknown: str) -> Any:
    try:
        return READERS[unknown].decode(kind, text.encode())
    except BadRequest as error:
        return error


def _skips(kind: Any, text: str) -> bool:
    # Enum values that are skipped here, but not by protobuf's: numbers in quotes, and new ones of a closed enum.
    refusal = _read(kind, text, "reject")
    return isinstance(refusal, BadRequest) and refusal.reason == "is not a known value"


def _more(kind: Any, complaint: str) -> bool:
    found = {name for name, pattern in MORE.items() if re.search(pattern, complaint)}
    if not any(_is_null_list(field) for each in types_in(kind.DESCRIPTOR) for field in each.fields):
        found.discard("null in a list or map of NullValue")
    return bool(found)


def _is_null_list(field: FieldDescriptor) -> bool:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        field = field.message_type.fields_by_name["value"]
    return field.enum_type is not None and field.enum_type.full_name == "google.protobuf.NullValue"
