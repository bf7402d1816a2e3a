"""The transcoders that the fuzzer throws requests at, and what it asks of each answer."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from time import thread_time
from typing import Any, NamedTuple

import orjson
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status
from transcoding.foreign import methods, rule
from transcoding.fuzz_bombs import MARK, Request
from transcoding.protojson.strategies import canonical

from authsvc.transcoding import BadRequest, Call, Dialect, MethodNotAllowed, NoRoute, Transcoder, aip193_error
from authsvc.transcoding.protojson import Codec, Style, short_enum_name
from authsvc.transcoding.protojson._codec import EncodeError

ERROR_BYTES = 200
_SMALL = 4096
_FAILURE = Status(code=Code.ABORTED, message="the handler failed")
_INDEX = re.compile(r"\[\d+\]")
_BODIES = (
    *("tags", "labels", "items", "struct", "value", "list", "any", "when", "mask", "wrapped_int", "children"),
    *("int64_value", "colour"),
)
_RESPONSES = ("colour", "when", "labels", "children", "value")
_HTTP_BODY = ".google.api.HttpBody"
_FILE = ".shop.File"


class Violation(Exception):
    """The library broke a rule; `kind` stays the same while a request is cut down."""

    def __init__(self, kind: str, detail: str = "") -> None:
        """Keep both parts."""
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind


class Verdict(NamedTuple):
    """What became of a request, in words that are few over all requests; the CPU time of the library's part."""

    outcome: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Face:
    """One dialect over all kinds of rules."""

    name: str
    transcoder: Transcoder
    codec: Codec
    whole: frozenset[str]

    def check(self, request: Request) -> Verdict:
        """Serve a request with an echo.

        Raises:
            Violation: something came out that must not.

        """
        return _check(self, request)


def face(name: str, dialect: Dialect) -> Face:
    """Compile the rules in a dialect."""
    transcoder = Transcoder(rules(), dialect=dialect)
    whole = frozenset(each.template.text for each in transcoder.endpoints if not each.rule.response_body)
    codec = Codec(dialect.style, unknown=dialect.unknown, rest_ignored=dialect.lenient_bodies)
    return Face(name, transcoder, codec, whole)


def rules() -> Iterator[MethodDescriptor]:
    """Make methods with rules of all kinds."""
    more = [
        rule("DELETE", "/items/{id}"),
        rule("GET", "/{name=shelves/*/books/*}"),
        rule("GET", "/{name=shelves/*/books/*}:check"),
        rule("GET", "/files/{name=**}"),
        rule("GET", "/nested/{child.id}/{child.child.int32_value}"),
        rule("GET", "/kinds/{int32_value}/{uint64_value}/{double_value}/{bool_value}/{colour}/{bytes_value}"),
        rule("POST", "/items/{id}:publish", body="*"),
        rule("POST", "/items", body="*"),
        rule("PUT", "/items/{id}", body="*"),
        rule("POST", "/children/{id}", body="child"),
        rule("PATCH", "/{child.name=shelves/*}", body="child"),
        rule("*", "/any/**", body="*"),
        *(rule("POST", f"/body/{field}", body=field) for field in _BODIES),
        *(rule("POST", f"/response/{field}", body="*", response_body=field) for field in _RESPONSES),
    ]
    yield from methods({"Do": rule("GET", "/items/{id}", additional_bindings=more)})
    watch = rule("GET", "/watch/{id}", additional_bindings=[rule("POST", "/watch", body="*")])
    yield from methods({"Watch": watch}, server_streaming=True)
    yield from methods({"In": rule("POST", "/raw/in", body="*")}, input_type=_HTTP_BODY)
    yield from methods({"Out": rule("POST", "/raw/out", body="*")}, output_type=_HTTP_BODY)
    both = rule("POST", "/raw/both/{content_type}", body="*", additional_bindings=[rule("GET", "/raw/both/text")])
    yield from methods({"Both": both}, input_type=_HTTP_BODY, output_type=_HTTP_BODY)
    stream = rule("POST", "/raw/stream", body="*")
    yield from methods({"Stream": stream}, input_type=_HTTP_BODY, output_type=_HTTP_BODY, server_streaming=True)
    upload = rule(
        "POST",
        "/upload",
        body="*",
        additional_bindings=[
            rule("POST", "/upload/content/{name}", body="content"),
            rule("POST", "/upload/pages", body="pages"),
            rule("POST", "/upload/both", body="content", response_body="content"),
            rule("POST", "/upload/all", body="*", response_body="pages"),
            rule("GET", "/upload"),
            rule("GET", "/upload/{name}", response_body="content"),
        ],
    )
    yield from methods({"Upload": upload}, input_type=_FILE, output_type=_FILE)


STRICT = face("strict", Dialect())
LENIENT = face(
    "lenient",
    Dialect(
        style=Style(proto_names=True, enum_numbers=True),
        unknown="ignore",
        lenient_bodies=True,
        errors=aip193_error,
        reserved_expansion=True,
    ),
)
# What no other face chooses, but for what writes more than was read, or less.
NAMED = face(
    "named",
    Dialect(
        style=Style(enum_name=short_enum_name),
        content_type="application/json; charset=utf-8",
        empty_bodies=True,
        explain=True,
    ),
)
CORES = {each.name: each for each in (STRICT, LENIENT, NAMED)}


def _check(face: Face, request: Request) -> Verdict:
    start = thread_time()
    try:
        call = face.transcoder.match(request.method, request.path, request.query, request.headers)
    except (NoRoute, MethodNotAllowed) as error:
        spent = thread_time() - start
        refused = face.transcoder.unmatched(error, request.method)
        sound(refused.headers, refused.body, head=request.method == "HEAD")
        return Verdict((face.name, type(error).__name__, str(refused.status)), spent)
    try:
        message = call.message(request.body)
    except BadRequest as error:
        spent = thread_time() - start
        return Verdict((face.name, call.template, *_refused(call, error)), spent)
    response = response_to(call.method, message)
    try:
        data = call.encode(response)
    except EncodeError as error:
        spent = thread_time() - start
        _excused(call, request, response)
        return Verdict((face.name, call.template, "no JSON", str(error)), spent)
    if call.method.server_streaming:
        kind = _stream(call, data)
        return Verdict((face.name, call.template, kind), thread_time() - start)
    answer = call.answer(data)
    spent = thread_time() - start
    if answer.status != 200:
        raise Violation("an answer that is not 200", str(answer.status))
    sound(answer.headers, answer.body, head=call.head, ours=not call.raw)
    plain = not request.query and not any(name == b"x-goog-fieldmask" for name, _ in request.headers)
    if plain and call.template in face.whole and call.method.output_type.name == "Item" and len(data) < _SMALL:
        _same(face, response, data)
    return Verdict((face.name, call.template, "OK"), spent)


def response_to(method: MethodDescriptor, message: Any) -> Any:
    """Return the message itself if it can be an answer, else one that holds it."""
    output = method.output_type
    if output.full_name == message.DESCRIPTOR.full_name:
        return message
    if output.name == "Item":
        return GetMessageClass(output)(bytes_value=message.data)
    return GetMessageClass(output)(content_type="text/plain", data=message.SerializeToString())


def content_type_of(response: Any) -> str:
    """Return the type of the raw content in an answer; empty if there is none."""
    content = getattr(response, "content", response)
    return getattr(content, "content_type", "")


def _refused(call: Call, error: BadRequest) -> tuple[str, ...]:
    text = str(error)
    if len(text.encode()) > ERROR_BYTES:
        raise Violation("an error that is too long", repr(text))
    if MARK in text or MARK in error.reason:
        raise Violation("an error that repeats what the client sent", repr(text))
    if error.http_status not in {400, 415}:
        raise Violation("a status that no bad request has", str(error.http_status))
    answer = call.failure(call.status_of(error), error.http_status)
    if answer.status != error.http_status:
        raise Violation("a status that is not the error's", str(answer.status))
    sound(answer.headers, answer.body, head=call.head)
    return str(answer.status), _INDEX.sub("[]", error.field).rpartition(".")[2], error.reason


def _excused(call: Call, request: Request, response: Any) -> None:
    """Only a content type that is no header, and that some handler took from path, query or JSON, has no form."""
    if call.raw and not is_visible(content_type_of(response)):
        if all(name != b"content-type" or is_visible(value.decode("latin-1")) for name, value in request.headers):
            return
        raise Violation("a content type that should have been refused")
    detail = repr(str(response)[:200])
    if request.query:
        raise Violation("what a query has made cannot be encoded", detail)
    raise Violation("what was decoded cannot be encoded", detail)


def is_visible(text: str) -> bool:
    """Whether a header can hold a text."""
    return text.isascii() and text.isprintable()


def sound(headers: list[tuple[bytes, bytes]], body: bytes, *, head: bool, ours: bool = True) -> None:
    """Whatever the answer is, a server can send it and a client read it, if the content is `ours`."""
    sendable(headers)
    named = dict(headers)
    if head and body:
        raise Violation("a body for HEAD")
    if head or not body:
        return
    if int(named[b"content-length"]) != len(body):
        raise Violation("a content-length that is wrong", f"{named[b'content-length']!r} for {len(body)}")
    if named.get(b"content-encoding") == b"gzip":
        body = gzip.decompress(body)
    if ours and named[b"content-type"].startswith(b"application/json"):
        read_json(body)


def sendable(headers: list[tuple[bytes, bytes]]) -> None:
    """Whatever the answer is, no header of it ends a line."""
    for name, value in headers:
        if not is_visible((name + value).decode("latin-1")):
            raise Violation("a header that cannot be sent", repr((name, value)))


def read_json(text: bytes) -> Any:
    """Read an answer."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Violation("an answer that is not JSON", f"{error} in {text[:200]!r}") from None


def _stream(call: Call, data: bytes) -> str:
    """Send the message twice, then end well or badly; return the content type."""
    status, headers = call.stream_head()
    failure = None if len(data) % 2 else _FAILURE
    end = call.stream_end(failure) if len(data) % 3 == 0 else None
    if end is None:
        items = [call.item(data), call.item(data)]
        end = call.stream_end(failure)
        body = b"".join(items) + (end or b"")
    else:
        body = end
    if status != 200:
        raise Violation("a stream that is not 200", str(status))
    sendable(headers)
    kind = dict(headers)[b"content-type"].decode("latin-1").partition(";")[0]
    if call.method.output_type.name == "Item":
        read_stream(kind, body)
    return kind


def read_stream(kind: str, body: bytes) -> None:
    """Read a stream of messages."""
    if kind == "application/json":
        read_json(body)
    elif kind == "application/x-ndjson":
        for line in body.splitlines():
            read_json(line)
    elif kind == "text/event-stream":
        for event in body.decode().split("\n\n")[:-1]:
            lines = event.removeprefix("event: error\n").split("\n")
            read_json("\n".join([line.removeprefix("data: ") for line in lines]).encode())
    else:
        raise Violation("a stream of an unknown type", kind)


def _same(face: Face, message: Any, data: bytes) -> None:
    again = face.codec.decode(type(message), data)
    if again != message and canonical(again) != canonical(message):  # NaN is not equal to itself
        raise Violation("an echo that is read as another message", repr(data[:200]))
