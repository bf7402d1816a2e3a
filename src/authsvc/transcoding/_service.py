"""From service descriptors to callable routes: the `google.api.http` option, read once at start."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from ._binding import Binding, Unknown
from ._errors import NoRoute, RouteError
from ._fields import HTTP_BODY
from ._router import Route, Router
from ._template import Template, parse
from ._url import path_text
from .protojson._body import FieldEncoder, encode


@dataclass(frozen=True, slots=True)
class HttpRule:
    """One binding of a `google.api.http` option.

    Attributes:
        http_method: `GET`, `POST` and so on, or the custom kind; `*` stands for every method.
        path: the template as written.
        body: `*`, a request field, or empty.
        response_body: a response field, or empty.

    """

    http_method: str
    path: str
    body: str = ""
    response_body: str = ""


def http_rules(method: MethodDescriptor) -> list[HttpRule]:
    """Return the bindings of an RPC, `additional_bindings` included; empty if it has no rule.

    Raises:
        RouteError: a binding lacks its HTTP method or path, or nests further bindings.

    """
    # Parsed again because options read before the extension was imported keep it as an unknown field.
    options = MethodOptions.FromString(method.GetOptions().SerializeToString())
    if not options.HasExtension(annotations_pb2.http):
        return []
    rule = options.Extensions[annotations_pb2.http]
    if any(each.additional_bindings for each in rule.additional_bindings):
        raise RouteError("additional_bindings cannot be nested", method=method.full_name)
    return [_http_rule(method, each) for each in (rule, *rule.additional_bindings)]


def _http_rule(method: MethodDescriptor, rule: http_pb2.HttpRule) -> HttpRule:
    pattern = rule.WhichOneof("pattern") or ""
    if pattern == "custom":
        http_method, path = rule.custom.kind, rule.custom.path
    else:
        http_method, path = pattern.upper(), getattr(rule, pattern, "")
    if not http_method or not path:
        raise RouteError("the HTTP rule lacks its method or path", method=method.full_name)
    return HttpRule(http_method, path, rule.body, rule.response_body)


@dataclass(frozen=True, slots=True)
class _Target:
    method: MethodDescriptor
    template: Template
    binding: Binding
    reply: Callable[[Message], bytes]


@dataclass(frozen=True, slots=True)
class Call:
    """A matched request, before its query and body have been looked at."""

    _target: _Target
    _captures: Mapping[str, str]

    @property
    def method(self) -> MethodDescriptor:
        """The RPC to call."""
        return self._target.method

    @property
    def template(self) -> str:
        """The path template as written: a label with few values, for metrics and logs."""
        return self._target.template.text

    @property
    def takes_body(self) -> bool:
        """Whether the rule has a body; without one, no body needs to be read."""
        return self._target.binding.takes_body

    def message(self, query_string: bytes = b"", body: bytes = b"") -> Message:
        """Build the request message.

        Raises:
            BadRequest: the path, the query or the body does not fit it.

        """
        return self._target.binding.bind(self._captures, query_string, body)

    def reply(self, message: Message) -> bytes:
        """Write the response message, or the part of it that `response_body` names, as ProtoJSON.

        Raises:
            json_format.Error, ValueError: the message has no JSON form.

        """
        return self._target.reply(message)


class Transcoder:
    """Serves RPCs over HTTP and JSON as their `google.api.http` rules say; immutable once built."""

    def __init__(self, methods: Iterable[MethodDescriptor], *, prefix: str = "", unknown: Unknown = "ignore") -> None:
        """Compile the rules of the methods; those without one are left out.

        Args:
            methods: from any services and any descriptor pool.
            prefix: a path put before every template, such as `/auth/v1`; still percent-encoded.
            unknown: whether unknown query parameters and body fields are skipped or refused.

        Raises:
            RouteError: a rule is malformed, does not fit its messages, or clashes with another.

        """
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise RouteError("the prefix must start with a slash and not end with one")
        self._prefix = prefix
        self._router = Router(route for method in methods for route in _routes(method, unknown))

    def match(self, http_method: str, raw_path: bytes | str) -> Call:
        """Find the RPC of a request from its method and its path, still percent-encoded.

        Raises:
            NoRoute: no template matches the path.
            MethodNotAllowed: templates match, but for other HTTP methods.

        """
        path = path_text(raw_path)
        if not path.startswith(self._prefix):
            raise NoRoute
        found = self._router.match(http_method, path[len(self._prefix) :])
        return Call(found.route.target, found.captures)


def _routes(method: MethodDescriptor, unknown: Unknown) -> Iterator[Route[_Target]]:
    for rule in http_rules(method):
        if method.client_streaming or method.server_streaming:
            reason = "streaming methods cannot be served as JSON; remove the HTTP rule"
            raise RouteError(reason, method=method.full_name, template=rule.path)
        template = _parse(method, rule.path)
        binding = Binding(method, template, rule.body, unknown=unknown)
        target = _Target(method, template, binding, _reply(method, rule))
        yield Route(rule.http_method, template, method.full_name, target)


def _parse(method: MethodDescriptor, path: str) -> Template:
    try:
        return parse(path)
    except RouteError as error:
        raise RouteError(error.reason, method=method.full_name, template=path, column=error.column) from None


def _reply(method: MethodDescriptor, rule: HttpRule) -> Callable[[Message], bytes]:
    response, name = method.output_type, rule.response_body
    field = response.fields_by_name.get(name)
    if name and field is None:
        reason = f"the response has no top-level field {name}"
        raise RouteError(reason, method=method.full_name, template=rule.path)
    kind = field.message_type if field else response
    if kind is not None and kind.full_name == HTTP_BODY:
        raise RouteError(f"{HTTP_BODY} is not supported", method=method.full_name, template=rule.path)
    return FieldEncoder(field, GetMessageClass(response)()) if field else encode
