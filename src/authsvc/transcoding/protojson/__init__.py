"""ProtoJSON, compiled: messages to JSON and back, with one encoder and one decoder built for each message type.

codec = Codec(Style(proto_names=True))
body = codec.encode(message)
message = codec.decode(Book, body)             # BadRequest
"""

from ._codec import Codec
from ._style import Style

__all__ = ["Codec", "Style"]
