"""The encoder against protobuf's own, on random messages of every kind."""

from __future__ import annotations

import json
import math
from itertools import product
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st
from transcoding.examples import examples
from transcoding.protojson.messages import described_pool, subjects
from transcoding.protojson.strategies import described_messages, messages, well_known_messages

from authsvc.transcoding.protojson import Codec, EncodeError, Style

CODECS = {
    style: Codec(style)
    for style in (
        Style(defaults=defaults, proto_names=proto_names, enum_numbers=enum_numbers)
        for defaults, proto_names, enum_numbers in product([False, True], repeat=3)
    )
}
styles = st.sampled_from(list(CODECS))


@pytest.mark.parametrize("subject", subjects())
@examples(32)
@given(data=st.data())
def test_known_type_is_written_as_the_reference_writes_it(subject: str, data: st.DataObject) -> None:
    """In every style, the JSON says what protobuf's own says, with its fields in the same order."""
    _check(data.draw(messages(subjects()[subject])), data.draw(styles))


@examples(80)
@given(message=described_messages(), style=styles)
def test_random_type_is_written_as_the_reference_writes_it(message: Any, style: Style) -> None:
    """Whatever a type is made of, and whatever its names, the JSON says what protobuf's own says."""
    _check(message, style)


@examples(60)
@given(message=well_known_messages(), style=styles)
def test_well_known_type_is_written_as_the_reference_writes_it(message: Any, style: Style) -> None:
    """A well-known type alone, whose JSON need not be an object, says what protobuf's own says."""
    _check(message, style)


@examples(16)
@given(message=messages(subjects()["item"]), style=styles)
def test_pretty_form_says_the_same(message: Any, style: Style) -> None:
    """Indenting changes blanks only."""
    compact, pretty = CODECS[style].encode(message), CODECS[style].encode(message, pretty=True)
    assert json.dumps(json.loads(compact)) == json.dumps(json.loads(pretty))


@pytest.mark.parametrize(
    "fields",
    [
        {"when": {"seconds": 253_402_300_800}}, {"when": {"seconds": -62_135_596_801}}, {"when": {"nanos": -1}},
        {"when": {"nanos": 1_000_000_000}}, {"pause": {"seconds": 315_576_000_001}},
        {"pause": {"seconds": 1, "nanos": -1}}, {"pause": {"nanos": 1_000_000_000}},
        {"mask": {"paths": ["Foo"]}}, {"mask": {"paths": ["a__b"]}},
        {"mask": {"paths": ["a_"]}}, {"mask": {"paths": ["a_1"]}}, {"value": {"number_value": math.inf}},
        {"list": {"values": [{"number_value": math.nan}]}}, {"any": {"type_url": "/no.Such"}}, {"any": {"value": b"x"}},
        {"any": {"type_url": "/shop.Item", "value": b"x"}}, {"children": [{"whens": [{"nanos": -1}]}]},
    ],
)  # fmt: skip
def test_what_has_no_json_form_is_not_written(fields: dict[str, Any]) -> None:
    """Content that no JSON can say is an error, as it is to protobuf's."""
    message = subjects()["item"](**fields)
    with pytest.raises((json_format.SerializeToJsonError, ValueError, TypeError, DecodeError)):
        json_format.MessageToDict(message, descriptor_pool=message.DESCRIPTOR.file.pool)
    with pytest.raises(EncodeError):
        Codec().encode(message)


def test_value_that_holds_nothing_is_not_written() -> None:
    """Unlike protobuf's, this encoder does not call it null, since it would come back as another message."""
    message = subjects()["item"](value={})
    assert json_format.MessageToDict(message) == {"value": None}
    with pytest.raises(EncodeError):
        Codec().encode(message)


def test_enums_are_told_apart() -> None:
    """An enum `b_c` beside a message `b` with an enum `c`, and one of the same name elsewhere, keep their names."""
    codec = Codec()
    for prefix in ("ONE", "TWO"):
        file = FileDescriptorProto(name="drawn.proto", package="drawn", syntax="proto3")
        message = file.message_type.add(name="b")
        for enum, name in ((message.enum_type.add(name="c"), "IN"), (file.enum_type.add(name="b_c"), "OUT")):
            for number in range(2):
                enum.value.add(name=f"{prefix}_{name}_{number}", number=number)
        for number, kind in enumerate((".drawn.b.c", ".drawn.b_c"), start=1):
            field = message.field.add(name=f"f{number}", number=number, type_name=kind)
            field.type, field.label = FieldDescriptorProto.TYPE_ENUM, FieldDescriptorProto.LABEL_OPTIONAL
        made = GetMessageClass(described_pool(file).FindMessageTypeByName("drawn.b"))(f1=1, f2=1)
        assert json.loads(codec.encode(made)) == {"f1": f"{prefix}_IN_1", "f2": f"{prefix}_OUT_1"}


def _check(message: Any, style: Style) -> None:
    ours = json.loads(CODECS[style].encode(message))
    theirs = json_format.MessageToDict(
        message,
        always_print_fields_with_no_presence=style.defaults,
        preserving_proto_field_name=style.proto_names,
        use_integers_for_enums=style.enum_numbers,
        descriptor_pool=message.DESCRIPTOR.file.pool,
    )
    assert _difference(ours, theirs, style) == ""
    if isinstance(ours, dict) and not style.defaults:  # protobuf's puts the defaults behind everything else
        assert _fields(ours) == _fields(theirs)


def _fields(value: dict[str, Any]) -> list[str]:
    # Extensions come last, in any order.
    return [key for key in value if not key.startswith("[")]


def _difference(ours: Any, theirs: Any, style: Style, path: str = "") -> str:
    """Compare as JSON does: 1 and 1.0 are one number, but 1 is not true, and 0.0 is not -0.0."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        if ours.keys() != theirs.keys():
            return f"{path}: only one has {sorted(ours.keys() ^ theirs.keys())[:5]}"
        found = (_difference(ours[key], theirs[key], style, f"{path}.{key}") for key in ours)
        return next(filter(None, found), "")
    if isinstance(theirs, list) and isinstance(ours, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        found = (_difference(our, their, style, f"{path}[{index}]") for index, (our, their) in pairs)
        return next(filter(None, found), "")
    if isinstance(theirs, float):
        same = type(ours) in {int, float} and repr(float(ours)) == repr(theirs)
    else:
        same = type(ours) is type(theirs) and bool(ours == theirs)
        # protobuf's writes a NullValue as 0 in this style, though its own reader takes null for it.
        same = same or (style.enum_numbers and ours is None and type(theirs) is int and theirs == 0)
    return "" if same else f"{path}: {ours!r} is not {theirs!r}"
