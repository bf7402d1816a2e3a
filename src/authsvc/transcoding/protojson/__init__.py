"""ProtoJSON, compiled: messages to JSON and back, with one encoder and one decoder built for each message type.

    codec = Codec(Style(proto_names=True))
    body = codec.encode(message)                   # EncodeError
    message = codec.decode(Book, body)             # BadRequest

A codec keeps what it has compiled: make one and keep it.
"""

from ._codec import Codec, EncodeError
from ._enums import EnumNameError, short_enum_name
from ._parse import Limits
from ._style import Style

__all__ = ["Codec", "EncodeError", "EnumNameError", "Limits", "Style", "short_enum_name"]
