"""What the library asks of descriptors: names in both spellings, shapes, oneofs."""

from collections.abc import Iterable, Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor
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


def map_entry(field: FieldDescriptor) -> Descriptor | None:
    """Return the entry type if the field is a map, which descriptors spell as repeated entries."""
    kind = field.message_type
    return kind if kind is not None and kind.GetOptions().map_entry else None


def pool_of(descriptor: Descriptor) -> DescriptorPool:
    """Return the pool that knows the types an Any inside the message may name."""
    return descriptor.file.pool


def dotted(parent: str, name: str) -> str:
    """Join a field path and a name."""
    return f"{parent}.{name}" if parent else name


def owner(message: Message, outer: Iterable[FieldDescriptor], field: FieldDescriptor, path: str) -> Message:
    """Return the message that holds a nested field about to be set.

    Raises:
        BadRequest: that would replace another member of a oneof, which the request has given too.

    """
    for each in outer:
        _claim_oneof(message, each, path)
        message = getattr(message, each.name)
    _claim_oneof(message, field, path)
    return message


def _claim_oneof(message: Message, field: FieldDescriptor, path: str) -> None:
    oneof = field.containing_oneof
    if oneof is not None and message.WhichOneof(oneof.name) not in {None, field.name}:
        raise BadRequest(path, ONEOF_TAKEN)
