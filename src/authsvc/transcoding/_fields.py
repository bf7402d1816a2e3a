"""What the library asks of descriptors: names in both spellings, shapes, oneofs."""

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from ._errors import BadRequest

ANY_TYPE = "google.protobuf.Any"
NULL_VALUE = "google.protobuf.NullValue"
VALUE = "google.protobuf.Value"
# Messages that ProtoJSON writes as one string, and messages it writes as the bare scalar they wrap.
STRINGS = frozenset(f"google.protobuf.{name}" for name in ("Duration", "FieldMask", "Timestamp"))
WRAPPERS = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Bool", "Bytes", "Double", "Float", "Int32", "Int64", "String", "UInt32", "UInt64")
)
# Messages whose ProtoJSON form does not follow from their fields.
WELL_KNOWN = STRINGS | WRAPPERS | {ANY_TYPE, VALUE, "google.protobuf.ListValue", "google.protobuf.Struct"}
HTTP_BODY = "google.api.HttpBody"

ONEOF_TAKEN = "excludes another field of the request"


def spellings(descriptor: Descriptor) -> dict[str, FieldDescriptor]:
    """Fields by every name ProtoJSON accepts for them: the proto name and the JSON name."""
    by_json_name = {field.json_name: field for field in descriptor.fields}
    return {**descriptor.fields_by_name, **by_json_name}


def reachable(root: Descriptor) -> Iterator[Descriptor]:
    """Yield the message type and every message type inside it, each once."""
    seen: set[str] = set()
    waiting = [root]
    while waiting:
        descriptor = waiting.pop()
        if descriptor.full_name not in seen:
            seen.add(descriptor.full_name)
            yield descriptor
            waiting += [field.message_type for field in descriptor.fields if field.message_type]


def is_http_body(holder: Descriptor | FieldDescriptor) -> bool:
    """Whether a message type, or what a field holds, is one google.api.HttpBody; a list of them is ordinary JSON."""
    if isinstance(holder, FieldDescriptor):
        kind = holder.message_type
        return not holder.is_repeated and kind is not None and kind.full_name == HTTP_BODY
    return bool(holder.full_name == HTTP_BODY)


def is_empty(method: MethodDescriptor, field: FieldDescriptor | None) -> bool:
    """Whether the one answer of a method, or the field of it that is sent, is a message without fields."""
    if method.server_streaming or (field is not None and field.is_repeated):
        return False
    shown = method.output_type if field is None else field.message_type
    return shown is not None and not shown.fields and not shown.is_extendable


def map_entry(field: FieldDescriptor) -> Descriptor | None:
    """Return the entry type if the field is a map, which descriptors spell as repeated entries."""
    kind = field.message_type
    return kind if kind is not None and kind.GetOptions().map_entry else None


def pool_of(descriptor: Descriptor) -> DescriptorPool:
    """Return the pool that knows the types an Any inside the message may name."""
    return descriptor.file.pool


def oneof_name(field: FieldDescriptor) -> str:
    """Return the name of the oneof that a field is a member of; empty where it is in none."""
    return field.containing_oneof.name if field.containing_oneof else ""


def claim_oneof(message: Message, oneof: str, name: str, path: str) -> None:
    """Check that setting a member of a oneof replaces no other; `oneof` is empty where the field is in none.

    Raises:
        BadRequest: the request has given another member too.

    """
    if oneof and message.WhichOneof(oneof) not in {None, name}:
        raise BadRequest(path, ONEOF_TAKEN)
