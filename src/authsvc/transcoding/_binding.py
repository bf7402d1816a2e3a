"""From the parts of an HTTP request to the request message of an RPC (google.api.http).

A `Binding` is compiled once per route. Fields come from the path, the body or the query, never from two:
the path always wins, and a query or body that contradicts it is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from ._errors import BadRequest, RouteError
from ._fields import HTTP_BODY, owner
from ._query import QueryReader
from ._template import Template, Variable
from ._url import decode_capture
from .protojson._body import ABSENT, first_value
from .protojson._decoder import Decoder
from .protojson._scalars import ReadText, read_at, text_reader

WHOLE = "*"

Unknown = Literal["ignore", "reject"]


class Binding:
    """Builds request messages for one route.

    Attributes:
        takes_body: whether the rule has a body; if not, whatever arrives as one is ignored.

    """

    def __init__(
        self, method: MethodDescriptor, template: Template, body: str = "", *, unknown: Unknown = "ignore"
    ) -> None:
        """Check a rule against the request descriptor and compile it.

        Args:
            method: the RPC.
            template: the path.
            body: `*`, the proto name of a top-level field, or empty.
            unknown: whether unknown query parameters and body fields are skipped or refused.

        Raises:
            RouteError: the path or the body refers to a field that is missing or unfit.

        """
        request = method.input_type
        rule = _Rule(method, template)
        self._path = [_PathField.of(rule, variable) for variable in template.variables]
        rule.check_body(body)
        path_bound = [variable.name for variable in template.variables]
        self._query = QueryReader(request, path_bound=path_bound, body=body, reject_unknown=unknown == "reject")
        self._body = body
        self._decoder = Decoder(request, ignore_unknown=unknown == "ignore")
        self._new = GetMessageClass(request)
        self.takes_body = bool(body)

    def bind(self, captures: Mapping[str, str], query_string: bytes = b"", body: bytes = b"") -> Message:
        """Build the request message.

        Args:
            captures: raw text by dotted variable name, from the router.
            query_string: still encoded, without the question mark.
            body: ProtoJSON; blank means the default message.

        Raises:
            BadRequest: some part does not fit the message.

        """
        message = self._new()
        if self._body:
            self._read_body(message, body)
        for field in self._path:
            field.put(message, captures)
        if query_string:
            self._query.read(query_string, message)
        return message

    def _read_body(self, message: Message, body: bytes) -> None:
        value = first_value(body)
        if value is ABSENT:
            return
        if self._body == WHOLE:
            self._decoder.fill(message, value)
        else:
            self._decoder.fill_field(message, self._body, value)


@dataclass(frozen=True, slots=True)
class _PathField:
    """A path variable with its field."""

    variable: str
    path: str
    keep_slashes: bool
    outer: Sequence[FieldDescriptor]
    field: FieldDescriptor
    read: ReadText

    @classmethod
    def of(cls, rule: "_Rule", variable: Variable) -> "_PathField":
        *outer, field = rule.fields(variable)
        path = ".".join(each.json_name for each in [*outer, field])
        return cls(variable.name, path, variable.multi, outer, field, text_reader(field))

    def put(self, message: Message, captures: Mapping[str, str]) -> None:
        value = read_at(self._decode, captures[self.variable], self.path)
        holder = owner(message, self.outer, self.field, self.path)
        if _is_set(holder, self.field) and getattr(holder, self.field.name) != value:
            raise BadRequest(self.path, "differs from the path")
        setattr(holder, self.field.name, value)

    def _decode(self, raw: str) -> Any:
        return self.read(decode_capture(raw, keep_slashes=self.keep_slashes))


def _is_set(message: Message, field: FieldDescriptor) -> bool:
    if field.has_presence:
        return message.HasField(field.name)
    return bool(getattr(message, field.name) != field.default_value)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule being checked, with what its errors have to name."""

    method: MethodDescriptor
    template: Template

    def fields(self, variable: Variable) -> list[FieldDescriptor]:
        inside: Descriptor | None = self.method.input_type
        found: list[FieldDescriptor] = []
        for name in variable.field_path:
            field = inside.fields_by_name.get(name) if inside else None
            if field is None:
                raise self._error(f"the request has no field {variable.name}", variable.column)
            if field.is_repeated:
                raise self._error(f"{variable.name} is repeated, which a path cannot hold", variable.column)
            found.append(field)
            inside = field.message_type
        if inside is not None:
            raise self._error(f"{variable.name} is a message, which a path cannot hold", variable.column)
        return found

    def check_body(self, body: str) -> None:
        request = self.method.input_type
        kinds: list[Descriptor | None] = [request]
        if body not in {"", WHOLE}:
            field = request.fields_by_name.get(body)
            if field is None:
                raise self._error(f"the body field {body} is not a top-level field of the request")
            if any(variable.name == body for variable in self.template.variables):
                raise self._error(f"the body field {body} is also bound by the path")
            kinds.append(field.message_type)
        if any(kind is not None and kind.full_name == HTTP_BODY for kind in kinds):
            raise self._error(f"{HTTP_BODY} is not supported")

    def _error(self, reason: str, column: int = 0) -> RouteError:
        return RouteError(reason, method=self.method.full_name, template=self.template.text, column=column)
