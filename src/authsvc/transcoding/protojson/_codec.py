"""The codec: one encoder and one decoder for each message type, compiled when first needed."""

from typing import Any, Literal, TypeVar, cast

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from .._errors import BadRequest, Unreadable
from ._decoder import Decoders, Fill
from ._encoder import Encode, Encoders
from ._enums import EnumNameError
from ._parse import ABSENT, Limits, parse
from ._style import Style

M = TypeVar("M", bound=Message)

Unknown = Literal["ignore", "reject"]


class EncodeError(ValueError):
    """A message has no JSON form: an Any of unknown type, a time outside the calendar, an empty Value."""


class Codec:
    """Writes and reads messages as ProtoJSON."""

    def __init__(
        self,
        style: Style | None = None,
        *,
        unknown: Unknown = "reject",
        rest_ignored: bool = False,
        limits: Limits | None = None,
    ) -> None:
        """Make a codec.

        Args:
            style: how messages are written, and what enum values and fields are called where they are read.
            unknown: whether unknown fields and enum names are skipped or refused.
            rest_ignored: whether what follows the first JSON value of a body is skipped rather than refused.
            limits: how much JSON a body may hold.

        """
        self.style = style or Style()
        self._encoders = Encoders(self.style)
        self._decoders = Decoders(self.style, lenient=unknown == "ignore")
        self._rest_ignored = rest_ignored
        self._limits = limits or Limits()

    def encode(self, message: Message, *, pretty: bool = False) -> bytes:
        """Write a message in UTF-8, compact or indented by two spaces.

        Raises:
            EncodeError: the message has no JSON form.

        """
        return dump(self.value(message), pretty=pretty)

    def value(self, message: Message) -> Any:
        """Return the JSON value of a message: dicts, lists, strings, numbers; raises as `encode` does."""
        try:
            return self._encoders.encode(cast("Descriptor", type(message).DESCRIPTOR))(message)
        except (ValueError, RecursionError) as error:
            raise EncodeError(str(error)) from None

    def decode(self, kind: type[M], data: bytes) -> M:
        """Read a body into a new message; a blank one is the default message.

        Raises:
            BadRequest: the body is not UTF-8, not JSON, exceeds a limit, or does not fit the message.

        """
        message = kind()
        self.read(data, message, self._decoders.fill(cast("Descriptor", kind.DESCRIPTOR)))
        return message

    def read(self, data: bytes, message: Message, fill: Fill) -> None:
        """Read a body into a message by one of this codec's decoders; raises as `decode` does."""
        value = parse(data, self._limits, rest_ignored=self._rest_ignored)
        if value is not ABSENT:
            try:
                fill(message, value)
            except Unreadable as error:
                raise BadRequest(error.path, error.reason, unknown=error.unknown) from None
            except EnumNameError:  # of a type that an Any has named, or an extension
                raise BadRequest("", "the body holds a type that cannot be read") from None

    def message_decoder(self, descriptor: Descriptor) -> Fill:
        """Return the function that `read` needs for a body that is the whole message."""
        return self._decoders.fill(descriptor)

    def field_decoder(self, descriptor: Descriptor, field: FieldDescriptor) -> Fill:
        """Return the function that `read` needs for a body that is one field of the message."""
        return self._decoders.field(descriptor, field)

    def message_encoder(self, descriptor: Descriptor) -> Encode:
        """Return the function that makes the JSON value of a message of this type; it raises as `encode` does."""
        return _checked(self._encoders.encode(descriptor))

    def field_encoder(self, descriptor: Descriptor, field: FieldDescriptor) -> Encode:
        """Return the function that makes the JSON value of one field of a message; it raises as `encode` does."""
        return _checked(self._encoders.encode_field(descriptor, field))


def _checked(encode: Encode) -> Encode:
    def value(message: Any) -> Any:
        try:
            return encode(message)
        except (ValueError, RecursionError) as error:
            raise EncodeError(str(error)) from None

    return value


def dump(value: object, *, pretty: bool = False) -> bytes:
    """Write a JSON value.

    Raises:
        EncodeError: it cannot be written, as an integer beyond 64 bits.

    """
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 if pretty else None)
    except orjson.JSONEncodeError as error:
        raise EncodeError(str(error)) from None
