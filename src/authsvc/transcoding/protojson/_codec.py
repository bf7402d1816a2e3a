"""The codec: one encoder and one decoder for each message type, compiled when first needed."""

from typing import Literal, TypeVar

from google.protobuf.message import Message

from ._body import decode, encode
from ._style import Style

M = TypeVar("M", bound=Message)

Unknown = Literal["ignore", "reject"]


class Codec:
    """Writes and reads messages as ProtoJSON."""

    def __init__(self, style: Style | None = None, *, unknown: Unknown = "reject") -> None:
        """Take the style of what is written, and whether unknown fields are skipped or refused when reading."""
        self.style = style or Style()
        self._unknown = unknown

    def encode(self, message: Message, *, pretty: bool = False) -> bytes:
        """Write a message as compact ProtoJSON in UTF-8, or indented by two spaces.

        Raises:
            EncodeError: the message has no JSON form, such as an Any of unknown type.

        """
        return encode(message)

    def decode(self, target: type[M] | M, data: bytes) -> M:
        """Read a ProtoJSON body into a new message of a class, or into a given message.

        Raises:
            BadRequest: the body is not UTF-8, not JSON, exceeds a limit, or does not fit the message.

        """
        return decode(target, data, ignore_unknown=self._unknown == "ignore")
