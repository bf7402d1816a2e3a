"""google.api.http for Python: RPCs served over HTTP and JSON, as their descriptors say.

A stand-alone, sans-IO library: descriptors and bytes go in, messages and bytes come out.

    transcoder = Transcoder(service.methods, prefix="/auth/v1")
    call = transcoder.match("POST", raw_path)      # NoRoute, MethodNotAllowed
    request = call.message(query_string, body)     # BadRequest
    reply = call.reply(response)
"""

from ._errors import BadRequest, MethodNotAllowed, NoRoute, RouteError
from ._service import Call, HttpRule, Transcoder, http_rules
from .protojson._body import decode, encode

__all__ = [
    "BadRequest",
    "Call",
    "HttpRule",
    "MethodNotAllowed",
    "NoRoute",
    "RouteError",
    "Transcoder",
    "decode",
    "encode",
    "http_rules",
]
