"""A service this project knows nothing about, built at run time in descriptor pools of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from google.api import annotations_pb2, http_pb2, httpbody_pb2
from google.protobuf import (
    any_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, MethodDescriptor

WELL_KNOWN_FILES = (any_pb2, duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2)
_DEPENDENCIES = (*WELL_KNOWN_FILES, httpbody_pb2)
_SCALARS = {
    name.removeprefix("TYPE_").lower(): number
    for name, number in FieldDescriptorProto.Type.items()
    if name not in {"TYPE_MESSAGE", "TYPE_ENUM", "TYPE_GROUP"}
}

# One line for each field: name, type, and "repeated", "optional", "oneof=<name>" or "json=<name>".
ITEM = """
    id string
    name string
    int32_value int32
    int64_value int64
    uint32_value uint32
    uint64_value uint64
    sint32_value sint32
    fixed64_value fixed64
    float_value float
    double_value double
    bool_value bool
    bytes_value bytes
    colour enum:Colour
    tags string repeated
    sizes int32 repeated
    colours enum:Colour repeated
    maybe_count int32 optional
    child message:Item
    children message:Item repeated
    left string oneof=choice
    right int32 oneof=choice
    nested_choice message:Item oneof=choice
    renamed string json=otherName
    when message:google.protobuf.Timestamp
    pause message:google.protobuf.Duration
    mask message:google.protobuf.FieldMask
    struct message:google.protobuf.Struct
    value message:google.protobuf.Value
    list message:google.protobuf.ListValue
    any message:google.protobuf.Any
    empty message:google.protobuf.Empty
    null_value enum:google.protobuf.NullValue
    wrapped_int message:google.protobuf.Int64Value
    wrapped_text message:google.protobuf.StringValue
    wrapped_bool message:google.protobuf.BoolValue
    whens message:google.protobuf.Timestamp repeated
    values message:google.protobuf.Value repeated
    labels map:string,string
    counts map:int32,int64
    flags map:bool,enum:Colour
    items map:string,message:Item
"""


# A message whose fields are called like system parameters, and one that holds raw content.
CLASH = """
    alt string
    fields string repeated
    pretty_print string
    key int32
"""
FILE = """
    name string
    content message:google.api.HttpBody
    pages message:google.api.HttpBody repeated
"""


def item_class() -> Any:
    """Return the class of the message with a field of every kind."""
    return GetMessageClass(item())


def item() -> Descriptor:
    """Return the descriptor of that message, in a new pool."""
    return _pool().FindMessageTypeByName("shop.Item")


def rule(http_method: str, path: str, **more: Any) -> http_pb2.HttpRule:
    """Write a google.api.http rule; unknown HTTP methods become a custom kind."""
    made = http_pb2.HttpRule(**more)
    if http_method in {"GET", "PUT", "POST", "DELETE", "PATCH"}:
        setattr(made, http_method.lower(), path)
    else:
        made.custom.kind, made.custom.path = http_method, path
    return made


def method(http: http_pb2.HttpRule | None, name: str = "Do", **more: Any) -> MethodDescriptor:
    """Return an RPC from Item to Item with this rule; `more` are fields of MethodDescriptorProto."""
    return methods({name: http}, **more)[0]


def methods(rules: dict[str, http_pb2.HttpRule | None], **more: Any) -> list[MethodDescriptor]:
    """Return the RPCs of one service, by name and rule."""
    file = FileDescriptorProto(name="shop_service.proto", package="shop", syntax="proto3")
    file.dependency.extend(["shop.proto", httpbody_pb2.DESCRIPTOR.name])
    service = file.service.add(name="Shop")
    for name, http in rules.items():
        types = {"input_type": ".shop.Item", "output_type": ".shop.Item", **more}
        made = MethodDescriptorProto(name=name, **types)
        if http is not None:
            made.options.Extensions[annotations_pb2.http].CopyFrom(http)
        service.method.append(made)
    pool = _pool()
    pool.AddSerializedFile(file.SerializeToString())
    return cast("list[MethodDescriptor]", list(pool.FindServiceByName("shop.Shop").methods))


def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    for module in _DEPENDENCIES:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    file = FileDescriptorProto(name="shop.proto", package="shop", syntax="proto3")
    file.dependency.extend(module.DESCRIPTOR.name for module in _DEPENDENCIES)
    colours = file.enum_type.add(name="Colour")
    for number, name in enumerate(("COLOUR_UNSPECIFIED", "RED", "BLUE")):
        colours.value.add(name=name, number=number)
    for made, lines in (("Item", ITEM), ("Clash", CLASH), ("File", FILE)):
        _fill(file.message_type.add(name=made), lines)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _fill(message: DescriptorProto, lines: str) -> None:
    optional = []
    for number, line in enumerate(lines.split("\n")[1:-1], start=1):
        name, kind, *flags = line.split()
        field = message.field.add(name=name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
        if kind.startswith("map:"):
            _map(message, field, *kind.removeprefix("map:").split(","))
        else:
            _type(field, kind)
        for flag in flags:
            word, _, value = flag.partition("=")
            if word == "repeated":
                field.label = FieldDescriptorProto.LABEL_REPEATED
            elif word == "json":
                field.json_name = value
            elif word == "oneof":
                _oneof(message, field, value)
            else:
                optional.append(field)
    # Synthetic oneofs have to come after the written ones.
    for field in optional:
        field.proto3_optional = True
        _oneof(message, field, f"_{field.name}")


def _oneof(message: DescriptorProto, field: FieldDescriptorProto, name: str) -> None:
    names = [each.name for each in message.oneof_decl]
    if name not in names:
        message.oneof_decl.add(name=name)
        names.append(name)
    field.oneof_index = names.index(name)


def _map(message: DescriptorProto, field: FieldDescriptorProto, key: str, value: str) -> None:
    entry = message.nested_type.add(name=f"{field.name.capitalize()}Entry")
    entry.options.map_entry = True
    for number, (name, kind) in enumerate((("key", key), ("value", value)), start=1):
        _type(entry.field.add(name=name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL), kind)
    field.label = FieldDescriptorProto.LABEL_REPEATED
    field.type = FieldDescriptorProto.TYPE_MESSAGE
    field.type_name = f".shop.Item.{entry.name}"


def _type(field: FieldDescriptorProto, kind: str) -> None:
    word, _, name = kind.partition(":")
    if not name:
        field.type = _SCALARS[kind]
        return
    field.type = FieldDescriptorProto.TYPE_ENUM if word == "enum" else FieldDescriptorProto.TYPE_MESSAGE
    field.type_name = f".{name}" if "." in name else f".shop.{name}"
