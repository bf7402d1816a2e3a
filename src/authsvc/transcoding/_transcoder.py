"""From descriptors to calls: everything about an RPC over HTTP and JSON but the network (sans-IO)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status

from ._accept import Headers
from ._answer import Answer, answer
from ._binding import Binding
from ._call import Call, Target
from ._dialect import Dialect
from ._errors import MethodNotAllowed, NoRoute, RouteError
from ._fields import is_empty, is_http_body
from ._query import NameTables
from ._router import Route, Router
from ._rules import HttpRule, http_rules
from ._status import ErrorWriter
from ._template import Template, check_prefix, normal_escapes, parse
from ._url import path_text
from ._view import Codecs, Views
from .protojson import Codec, EnumNameError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way to call an RPC over HTTP.

    Attributes:
        method: the RPC.
        rule: as the `google.api.http` option says.
        template: its path, parsed; without the transcoder's prefix.

    """

    method: MethodDescriptor
    rule: HttpRule
    template: Template


class Transcoder:
    """Serves RPCs over HTTP and JSON as their `google.api.http` rules say; immutable once built.

    Attributes:
        prefix: the path before every template.
        dialect: how JSON is spoken.
        endpoints: every binding of every RPC, in the order given.

    """

    def __init__(
        self, methods: Iterable[MethodDescriptor], *, prefix: str = "", dialect: Dialect | None = None
    ) -> None:
        """Compile the rules of the methods; those without one are left out.

        Args:
            methods: from any services and any descriptor pool.
            prefix: literal segments put before every template, such as `/auth/v1`; still percent-encoded.
            dialect: how JSON is spoken; the strict default refuses what it does not know.

        Raises:
            RouteError: a rule is malformed, does not fit its messages, or clashes with another; or the prefix is
                malformed.

        """
        self.prefix = prefix
        self._start = _start(prefix)
        self.dialect = dialect or Dialect()
        usual = Codec(
            self.dialect.style,
            unknown=self.dialect.unknown,
            rest_ignored=self.dialect.lenient_bodies,
            limits=self.dialect.limits,
        )
        self._codecs = Codecs(usual)
        self._errors = ErrorWriter(usual, self.dialect.errors)
        self._tables = NameTables(self.dialect.style)
        self.endpoints = tuple(_endpoint(method, rule) for method in methods for rule in http_rules(method))
        self._router = Router(self._route(endpoint) for endpoint in self.endpoints)

    def match(self, http_method: str, raw_path: bytes | str, query_string: bytes = b"", headers: Headers = ()) -> Call:
        """Find the RPC of a request; its query and headers are looked at later.

        Args:
            http_method: as sent.
            raw_path: without the query, still percent-encoded.
            query_string: still encoded, without the question mark.
            headers: names in lower case, as ASGI gives them.

        Raises:
            NoRoute: no template matches the path.
            MethodNotAllowed: templates match, but for other HTTP methods.

        """
        path = path_text(raw_path)
        if self._start:
            size = len(self._start)
            start, path = path[:size], path[size:]
            if start != self._start and normal_escapes(start) != self._start:
                raise NoRoute
        route, captures = self._router.match(http_method, path)
        return Call(route.target, captures, http_method, query_string, headers)

    def unmatched(self, error: NoRoute | MethodNotAllowed, http_method: str) -> Answer:
        """Return the answer to a request without a call; OPTIONS is answered with the methods that there are."""
        if isinstance(error, NoRoute):
            return self._failure(Status(code=Code.NOT_FOUND, message="Not Found"), 404, http_method)
        allow = (b"allow", ", ".join(error.allowed).encode())
        if http_method == "OPTIONS":
            return Answer(204, [allow], b"")
        status = Status(code=Code.UNIMPLEMENTED, message="Method Not Allowed")
        failure = self._failure(status, 405, http_method)
        return failure._replace(headers=[*failure.headers, allow])

    def _failure(self, status: Status, http_status: int, http_method: str) -> Answer:
        code, body = self._errors.write(status, http_status)
        return answer(code, self.dialect.content_type, body, head=http_method == "HEAD")

    def _route(self, endpoint: Endpoint) -> Route[Target]:
        method, rule, template = endpoint.method, endpoint.rule, endpoint.template
        if method.client_streaming:
            reason = "a stream of requests cannot be sent as JSON; remove the HTTP rule"
            raise RouteError(reason, method=method.full_name, template=rule.path)
        try:
            target = self._target(endpoint, _response_field(method, rule))
        except EnumNameError as error:
            raise RouteError(str(error), method=method.full_name, template=rule.path) from None
        return Route(rule.http_method, template, method.full_name, target)

    def _target(self, endpoint: Endpoint, field: FieldDescriptor | None) -> Target:
        method, rule, template = endpoint.method, endpoint.rule, endpoint.template
        return Target(
            method=method,
            template=template.text,
            binding=Binding(method, rule, template, self._codecs.usual, self.dialect, self._tables),
            views=Views(method, field, self._codecs),
            content=_raw_content(method, field),
            empty=self.dialect.empty_bodies and is_empty(method, field),
            errors=self._errors,
            dialect=self.dialect,
        )


def _endpoint(method: MethodDescriptor, rule: HttpRule) -> Endpoint:
    try:
        return Endpoint(method, rule, parse(rule.path))
    except RouteError as error:
        raise RouteError(error.reason, method=method.full_name, template=rule.path, column=error.column) from None


def _start(prefix: str) -> str:
    """The prefix as paths are compared with it."""
    if prefix:
        try:
            check_prefix(prefix)
        except RouteError as error:
            reason = f"the prefix must be literal segments: {error.reason}"
            raise RouteError(reason, template=prefix, column=error.column) from None
    return normal_escapes(prefix)


def _response_field(method: MethodDescriptor, rule: HttpRule) -> FieldDescriptor | None:
    if not rule.response_body:
        return None
    field = method.output_type.fields_by_name.get(rule.response_body)
    if field is None:
        reason = f"the response has no top-level field {rule.response_body}"
        raise RouteError(reason, method=method.full_name, template=rule.path)
    return field


def _raw_content(method: MethodDescriptor, field: FieldDescriptor | None) -> Callable[[Any], Any] | None:
    """Return what finds the google.api.HttpBody in an answer; None where answers are JSON."""
    if not is_http_body(field or method.output_type):
        return None
    name = field.name if field else ""
    return (lambda message: getattr(message, name)) if name else (lambda message: message)
