"""The `google.api.http` option of an RPC, read once at start."""

from dataclasses import dataclass

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from ._errors import RouteError


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
