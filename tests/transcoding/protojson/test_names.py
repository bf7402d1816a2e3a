"""Fields with names that Python or protobuf use for something else."""

from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from authsvc.transcoding.protojson import Codec, Style

NAMES = [
    "HasField", "ListFields", "SetInParent", "WhichOneof", "SerializePartialToString", "ByteSize", "DESCRIPTOR",
    "from", "None", "class", "m", "o", "v", "str", "list", "encode", "extension", "__class__", "_",
]  # fmt: skip


def _odd() -> Any:
    file = FileDescriptorProto(name="odd.proto", package="odd", syntax="proto3")
    message = file.message_type.add(name="Odd")
    optional = FieldDescriptorProto.LABEL_OPTIONAL
    for number, name in enumerate(NAMES, start=1):
        json_name = f"n{number}"
        message.field.add(
            name=name, number=number, label=optional, type=FieldDescriptorProto.TYPE_STRING, json_name=json_name
        )
    number = len(NAMES) + 1
    kind = FieldDescriptorProto.TYPE_MESSAGE
    message.field.add(name="inner", number=number, label=optional, type=kind, type_name=".odd.Odd")
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName("odd.Odd"))


@pytest.mark.parametrize("style", [Style(), Style(proto_names=True), Style(defaults=True)])
def test_any_name_is_a_fields_name(style: Style) -> None:
    """A field may be called like a keyword, a method of messages, or a name inside the generated code."""
    kind, codec = _odd(), Codec(style)
    inside = ",".join(f'"{name}":"{name}"' for name in NAMES)
    message = codec.decode(kind, f'{{{inside},"inner":{{{inside}}}}}'.encode())
    assert [getattr(message, name) for name in NAMES] == NAMES
    assert codec.decode(kind, codec.encode(message)) == message
