"""One request that has found its RPC: its message, and the answer in the form that it asks for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from ._accept import Headers, header, is_json
from ._answer import Answer, HeaderList, answer
from ._binding import Binding
from ._dialect import Dialect
from ._errors import BadRequest, UnsupportedMediaType
from ._framing import ARRAY, EVENTS, LINES, Framing, Raw, choose
from ._status import ErrorWriter, status_of
from ._view import Views
from .protojson import EncodeError

_MASK = b"x-goog-fieldmask"
_UNTYPED = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Target:
    """What a route leads to, compiled."""

    method: MethodDescriptor
    template: str
    binding: Binding
    views: Views
    # Finds the google.api.HttpBody in an answer; None where answers are JSON.
    content: Callable[[Any], Any] | None
    # Whether answers have no body at all.
    empty: bool
    errors: ErrorWriter
    dialect: Dialect


class Call:
    """A request on its way.

    Take the message first, for its query decides how the answer is written. A unary call then ends in `answer` or
    `failure`. A stream begins with `stream_head`, goes on with `item` and ends in `stream_end`; before it has begun,
    an error is a `failure` too.
    """

    _chosen: Framing | None = None

    def __init__(
        self, target: Target, captures: Mapping[str, str], http_method: str, query_string: bytes, headers: Headers
    ) -> None:
        """Keep the parts; nothing is read yet."""
        self._target = target
        self._captures = captures
        self._http_method = http_method
        self._query_string = query_string
        self._headers = headers
        self._view = target.views.usual
        self._content_type = target.dialect.content_type if target.content is None else _UNTYPED

    @property
    def method(self) -> MethodDescriptor:
        """The RPC to call."""
        return self._target.method

    @property
    def template(self) -> str:
        """The path template as written: a label with few values, for metrics and logs."""
        return self._target.template

    @property
    def takes_body(self) -> bool:
        """Whether the rule has a body; without one, no body needs to be read."""
        return self._target.binding.takes_body

    @property
    def raw(self) -> bool:
        """Whether the answer is a google.api.HttpBody, whose first piece has to be encoded before its stream begins."""
        return self._target.content is not None

    @property
    def head(self) -> bool:
        """Whether only the head of the answer is wanted."""
        return self._http_method == "HEAD"

    def message(self, body: bytes = b"") -> Message:
        """Build the request message.

        Raises:
            BadRequest: the path, the query or the body does not fit it; `http_status` is 415 where the body is
                of a type that is not read here.

        """
        binding = self._target.binding
        content_type = self._body_type() if self.takes_body and (body or binding.raw_body) else ""
        message, parameters = binding.bind(self._captures, self._query_string, content_type, body)
        mask = self._mask_header()
        if parameters or mask:
            self._view = self._target.views.view(parameters, mask)
        return message

    def encode(self, message: Message) -> bytes:
        """Write a response message, or the part of it that `response_body` names.

        Raises:
            EncodeError: it has no JSON form.

        """
        if self._target.empty:
            return b""
        if self._target.content is None:
            if self.method.server_streaming:
                self._framing()
            return self._view.write(message, one_line=self._content_type == LINES)
        content = self._target.content(message)
        self._content_type = _checked_type(content.content_type) or self._content_type
        data: bytes = content.data
        return data

    def answer(self, body: bytes) -> Answer:
        """Return the answer of a unary call that ended well; the body is what `encode` returned."""
        if self._target.empty:
            return answer(200, "", body, head=self.head)
        accepted = self._accepted_encoding()
        return answer(200, self._content_type, body, accept_encoding=accepted, vary=self._vary(), head=self.head)

    def status_of(self, error: BadRequest) -> Status:
        """Return how a call ends whose request has been refused; `failure` then takes `error.http_status` too."""
        return status_of(error, explain=self._target.dialect.explain)

    def failure(self, status: Status, http_status: int | None = None) -> Answer:
        """Return the answer of a call that failed before anything was sent.

        `http_status` replaces that of the table of google.rpc.Code, where HTTP has a better one.
        """
        code, body = self._target.errors.write(status, http_status, pretty=self._view.pretty)
        return answer(
            code, self._target.dialect.content_type, body, accept_encoding=self._accepted_encoding(), head=self.head
        )

    def stream_head(self) -> tuple[int, HeaderList]:
        """Return the status and the headers a stream begins with, `encode` having seen its first message if any."""
        self._framing()
        headers = [
            (b"content-type", self._content_type.encode("latin-1")),
            (b"x-content-type-options", b"nosniff"),
            (b"x-accel-buffering", b"no"),  # proxies are to pass on each message when it comes
        ]
        if not self.raw:
            headers.append((b"vary", b", ".join([b"accept", *self._vary()])))
        return 200, headers

    def item(self, data: bytes) -> bytes:
        """Frame one message of a stream, as `encode` returned it."""
        return self._framing().item(data)

    def stream_end(self, failure: Status | None = None) -> bytes | None:
        """Return the end of a stream; None if a failure can only be told by breaking the answer off."""
        if failure is None:
            return self._framing().end()
        return self._framing().error(self._target.errors.write_item(failure))

    def _framing(self) -> Framing:
        if self._chosen is None:
            if self._target.content is not None:
                self._chosen = Raw()
            else:
                accept = EVENTS if self._view.events else header(self._headers, b"accept")
                content_type, self._chosen = choose(accept)
                self._content_type = self._target.dialect.content_type if content_type == ARRAY else content_type
        return self._chosen

    def _accepted_encoding(self) -> str | None:
        return header(self._headers, b"accept-encoding") if self._target.dialect.compress else None

    def _mask_header(self) -> str:
        return header(self._headers, _MASK) if self._target.dialect.system_parameters else ""

    def _vary(self) -> list[bytes]:
        """Return the header that a mask may come in: caches have to know it also from an answer without one."""
        return [_MASK] if self._target.dialect.system_parameters and not self.raw else []

    def _body_type(self) -> str:
        encoding = header(self._headers, b"content-encoding")
        if encoding.lower() not in {"", "identity"}:
            raise UnsupportedMediaType("content-encoding", "is not supported; send the body as it is")
        content_type = header(self._headers, b"content-type")
        lenient = self._target.dialect.lenient_bodies or self._target.binding.raw_body
        if not lenient and not is_json(content_type):
            raise UnsupportedMediaType("content-type", "must be application/json, in UTF-8")
        if self._target.binding.raw_body and not _is_printable(content_type):
            raise UnsupportedMediaType("content-type", "must be printable ASCII")
        return content_type


def _checked_type(content_type: str) -> str:
    if not _is_printable(content_type):
        raise EncodeError("the content type of an HttpBody cannot be a header")
    return content_type.strip()


def _is_printable(content_type: str) -> bool:
    return content_type.isascii() and content_type.isprintable()
