"""The `google.api.http` option of an RPC, read once at start."""

import re
from dataclasses import dataclass

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from ._errors import RouteError

# A token (RFC 9110, section 5.6.2) in upper case, as ASGI gives methods: they are told apart by case.
_METHOD = re.compile(r"[A-Z0-9!#$%&'*+.^_`|~-]+")


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
        RouteError: a binding lacks its HTTP method or path, has none that HTTP knows, or nests further bindings.

    """
    # Parsed again because options read before the extension was imported keep it as an unknown field.
    options = MethodOptions.FromString(method.GetOptions().SerializeToString())
    if not options.HasExtension(annotations_pb2.http):
        return []
    rule = options.Extensions[annotations_pb2.http]
    for each in rule.additional_bindings:
        if each.additional_bindings:
            reason = "additional_bindings cannot be nested"
            raise RouteError(reason, method=method.full_name, template=_pattern(each)[1])
    return [_http_rule(method, each) for each in (rule, *rule.additional_bindings)]


def _http_rule(method: MethodDescriptor, rule: http_pb2.HttpRule) -> HttpRule:
    http_method, path = _pattern(rule)
    if not http_method or not path:
        raise RouteError("the HTTP rule lacks its method or path", method=method.full_name, template=path)
    if not _METHOD.fullmatch(http_method):
        reason = "the HTTP method must be a token in upper case, such as PURGE"
        raise RouteError(reason, method=method.full_name, template=path)
    return HttpRule(http_method, path, rule.body, rule.response_body)


def _pattern(rule: http_pb2.HttpRule) -> tuple[str, str]:
    """The HTTP method and the path, each empty if it is missing."""
    pattern = rule.WhichOneof("pattern") or ""
    if pattern == "custom":
        return rule.custom.kind, rule.custom.path
    return pattern.upper(), getattr(rule, pattern, "")
