"""google.api.http for Python: RPCs served over HTTP and JSON, as their descriptors say.

A stand-alone library. Its core does no I/O: descriptors and bytes go in, messages and bytes come out.

    transcoder = Transcoder(service.methods, prefix="/v1")
    call = transcoder.match("POST", raw_path, query_string, headers)      # NoRoute, MethodNotAllowed
    answer = call.answer(call.encode(handle(call.message(body))))         # BadRequest

Further façades: `asgi` (an application around handlers), `metadata` (headers), `protojson` (the codec alone),
`openapi`.
"""

from ._accept import accepts_gzip
from ._answer import Answer
from ._call import Call
from ._dialect import Dialect
from ._errors import BadRequest, MethodNotAllowed, NoRoute, RouteError
from ._rules import HttpRule, http_rules
from ._status import ErrorFormat, aip193_error, status_error
from ._transcoder import Endpoint, Transcoder
from .metadata import HeaderRules

__all__ = [
    "Answer",
    "BadRequest",
    "Call",
    "Dialect",
    "Endpoint",
    "ErrorFormat",
    "HeaderRules",
    "HttpRule",
    "MethodNotAllowed",
    "NoRoute",
    "RouteError",
    "Transcoder",
    "accepts_gzip",
    "aip193_error",
    "http_rules",
    "status_error",
]
