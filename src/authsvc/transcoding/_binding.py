"""From the parts of an HTTP request to the request message of an RPC (google.api.http).

A `Binding` is compiled once per route. Fields come from the path, the body or the query, never from two:
the path always wins, and a query or body that contradicts it is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from ._dialect import Dialect
from ._errors import BadRequest, RouteError, Unreadable
from ._fields import WELL_KNOWN, claim_oneof, is_http_body, oneof_name
from ._query import NameTables, QueryReader
from ._rules import HttpRule
from ._template import Template, Variable
from ._url import decode_capture
from .protojson import Codec
from .protojson._scalars import ReadText, text_reader

WHOLE = "*"


class Binding:
    """Builds request messages for one route.

    Attributes:
        takes_body: whether the rule has a body; if not, whatever arrives as one is ignored.
        raw_body: whether the body is taken as it is, into a google.api.HttpBody.

    """

    def __init__(
        self,
        method: MethodDescriptor,
        rule: HttpRule,
        template: Template,
        codec: Codec,
        dialect: Dialect,
        tables: NameTables,
    ) -> None:
        """Check a rule against the request descriptor and compile it.

        Raises:
            RouteError: the path or the body refers to a field that is missing or unfit, or to two of one oneof.

        """
        request = method.input_type
        check = _Check(method, template)
        self._path = [_PathField.of(check, variable, dialect) for variable in template.variables]
        body_field = check.body_field(rule.body)
        check.oneofs(body_field)
        self._query = QueryReader(
            request,
            path_bound=[variable.name for variable in template.variables],
            body=rule.body,
            reject_unknown=dialect.unknown == "reject",
            system_parameters=dialect.system_parameters,
            tables=tables,
        )
        self._codec = codec
        self._decode = codec.field_decoder(request, body_field) if body_field else codec.message_decoder(request)
        self._body_name = body_field.name if body_field else ""
        self._new = GetMessageClass(request)
        self.takes_body = bool(rule.body)
        self.raw_body = self.takes_body and is_http_body(body_field or request)

    def bind(
        self, captures: Mapping[str, str], query_string: bytes, content_type: str, body: bytes
    ) -> tuple[Message, Mapping[str, str]]:
        """Build the request message.

        Args:
            captures: raw text by dotted variable name, from the router.
            query_string: still encoded, without the question mark.
            content_type: of the body, as the header says; looked at for a google.api.HttpBody only.
            body: ProtoJSON, where blank means the default message, or raw content.

        Returns:
            The message, and the system parameters of the query by name.

        Raises:
            BadRequest: some part does not fit the message.

        """
        message = self._new()
        if self.raw_body:
            content: Any = getattr(message, self._body_name) if self._body_name else message
            content.content_type, content.data = content_type, body
        elif self.takes_body:
            self._codec.read(body, message, self._decode)
        for field in self._path:
            field.put(message, captures)
        return message, self._query.read(query_string, message) if query_string else {}


@dataclass(frozen=True, slots=True)
class _PathField:
    """A path variable with its field."""

    variable: str
    path: str
    multi: bool
    reserved_expansion: bool
    outer: Sequence[FieldDescriptor]
    field: FieldDescriptor
    read: ReadText

    @classmethod
    def of(cls, check: "_Check", variable: Variable, dialect: Dialect) -> "_PathField":
        *outer, field = check.path_fields(variable)
        path = ".".join(dialect.style.field_name(each) for each in [*outer, field])
        read = text_reader(field, dialect.style.enum_name)
        return cls(variable.name, path, variable.multi, dialect.reserved_expansion, outer, field, read)

    def put(self, message: Message, captures: Mapping[str, str]) -> None:
        raw = captures[self.variable]
        try:
            text = decode_capture(raw, multi=self.multi, reserved_expansion=self.reserved_expansion)
            value = self.read(text)
        except Unreadable as error:
            raise BadRequest(self.path, error.reason) from None
        holder: Any = message
        for field in self.outer:
            claim_oneof(holder, oneof_name(field), field.name, self.path)
            holder = getattr(holder, field.name)
        claim_oneof(holder, oneof_name(self.field), self.field.name, self.path)
        if _is_set(holder, self.field) and getattr(holder, self.field.name) != value:
            raise BadRequest(self.path, "differs from the path")
        setattr(holder, self.field.name, value)


def _is_set(message: Message, field: FieldDescriptor) -> bool:
    if field.has_presence:
        return message.HasField(field.name)
    return bool(getattr(message, field.name) != field.default_value)


@dataclass(frozen=True, slots=True)
class _Check:
    """A rule being checked, with what its errors have to name."""

    method: MethodDescriptor
    template: Template

    def path_fields(self, variable: Variable) -> list[FieldDescriptor]:
        inside: Descriptor | None = self.method.input_type
        found: list[FieldDescriptor] = []
        for name in variable.field_path:
            field = inside.fields_by_name.get(name) if inside else None
            if field is None:
                raise self._error(f"the request has no field {variable.name}", variable.column)
            if field.is_repeated:
                raise self._error(f"{variable.name} is repeated, which a path cannot hold", variable.column)
            if inside is not None and inside.full_name in WELL_KNOWN:
                raise self._error(f"{variable.name} is inside a well-known type", variable.column)
            found.append(field)
            inside = field.message_type
        if inside is not None:
            raise self._error(f"{variable.name} is a message, which a path cannot hold", variable.column)
        return found

    def body_field(self, body: str) -> FieldDescriptor | None:
        if body in {"", WHOLE}:
            return None
        field = self.method.input_type.fields_by_name.get(body)
        if field is None:
            raise self._error(f"the body field {body} is not a top-level field of the request")
        for variable in self.template.variables:
            if variable.name == body:
                raise self._error(f"the body field {body} is also bound by the path", variable.column)
        return field

    def oneofs(self, body_field: FieldDescriptor | None) -> None:
        """Refuse a rule that binds two members of one oneof: it would have to refuse every request."""
        claimed: dict[tuple[str, ...], tuple[str, str]] = {}
        if body_field and body_field.containing_oneof:
            claimed[(body_field.containing_oneof.name,)] = body_field.name, f"the body field {body_field.name}"
        for variable in self.template.variables:
            for depth, field in enumerate(self.path_fields(variable)):
                if field.containing_oneof:
                    place = (*variable.field_path[:depth], field.containing_oneof.name)
                    member, owner = claimed.setdefault(place, (field.name, variable.name))
                    if member != field.name:
                        raise self._error(f"{variable.name} and {owner} exclude each other", variable.column)

    def _error(self, reason: str, column: int = 0) -> RouteError:
        return RouteError(reason, method=self.method.full_name, template=self.template.text, column=column)
