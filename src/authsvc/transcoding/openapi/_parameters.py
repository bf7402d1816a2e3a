"""The parameters of an operation: those in its path, and every field that neither path nor body takes."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from .. import Endpoint
from .._binding import WHOLE
from .._fields import NULL_VALUE, STRINGS, WELL_KNOWN, WRAPPERS, is_http_body
from .._query import MAX_PARAMETERS
from .._template import Variable
from ._kinds import Json
from ._paths import Hole, part_text
from ._schemas import Schemas, about, behaviour

# The parameters that Google's APIs take with every call, by the names of their components.
SYSTEM_PARAMETERS: Mapping[str, Json] = {
    "fields": {
        "name": "fields",
        "in": "query",
        "description": "The fields of the answer that are wanted, as a field mask; all of them if it is not given.",
        "schema": {"type": "string"},
    },
    "fieldMask": {
        "name": "X-Goog-FieldMask",
        "in": "header",
        "description": "The fields of the answer that are wanted, as a field mask; for requests without `fields`.",
        "schema": {"type": "string"},
    },
    "prettyPrint": {
        "name": "prettyPrint",
        "in": "query",
        "description": "Whether the answer is indented.",
        "schema": {"type": "boolean"},
    },
    "alt": {
        "name": "$alt",
        "in": "query",
        "description": "The form of the answer: enums as names or as numbers; `sse` sends a stream as events.",
        "schema": {"type": "string", "enum": ["json", "json;enum-encoding=int", "sse", "sse;enum-encoding=int"]},
    },
}

_TEXT = {"type": "string", "minLength": 1}
_ONE_SEGMENT = {"type": "string", "pattern": "^[^/]+$"}


def variable_fields(endpoint: Endpoint, variable: Variable) -> list[FieldDescriptor]:
    """Return the fields along a variable's path, outermost first."""
    inside: Descriptor | None = endpoint.method.input_type
    found: list[FieldDescriptor] = []
    for name in variable.field_path:
        if inside is not None:
            found.append(inside.fields_by_name[name])
            inside = found[-1].message_type
    return found


def path_parameter(schemas: Schemas, endpoint: Endpoint, hole: Hole, name: str, names: Sequence[str]) -> Json:
    """Return the path parameter of a hole; `name` is its own among the `names` in the path."""
    head: Json = {"name": name, "in": "path", "required": True}
    variable = hole.variable
    if variable is None:
        ignored = "Ignored; may be several segments." if hole.rest else "Ignored."
        return {**head, "description": ignored, "schema": _TEXT if hole.rest else _ONE_SEGMENT}
    field = variable_fields(endpoint, variable)[-1]
    spelled = dotted_name(schemas, endpoint, variable)
    said = about(field, schemas.comments)
    notes = [said.pop("description", "")]
    # The path may have got its names from another operation.
    if not hole.whole or name != spelled:
        notes.append(f"`{spelled}` is `{part_text(endpoint.template, variable, names)}`.")
    if hole.rest:
        notes.append("May hold slashes, which are sent as they are.")
    if description := "\n\n".join(note for note in notes if note):
        said["description"] = description
    return {**head, **said, "schema": _capture(schemas, field, hole)}


def _capture(schemas: Schemas, field: FieldDescriptor, hole: Hole) -> Json:
    if not hole.whole:  # what fills a variable of several segments is part of a text
        return _TEXT if hole.rest else _ONE_SEGMENT
    schema = schemas.value(field)
    return _TEXT if schema == {"type": "string"} else schema


def dotted_name(schemas: Schemas, endpoint: Endpoint, variable: Variable) -> str:
    """Return the name of a variable in the document."""
    return ".".join(schemas.name(field) for field in variable_fields(endpoint, variable))


def query_parameters(schemas: Schemas, endpoint: Endpoint) -> Iterator[Json]:
    """Yield a query parameter for each field that neither path nor body takes, in the order of the fields."""
    body = endpoint.rule.body
    if body == WHOLE:
        return
    path_bound = {variable.field_path for variable in endpoint.template.variables}
    # Types that hold each other make more paths than anybody could send.
    for fields in islice(_leaves(endpoint.method.input_type, ()), MAX_PARAMETERS):
        if fields[0].name != body and tuple(field.name for field in fields) not in path_bound:
            yield _query_parameter(schemas, fields)


_Chain = tuple[FieldDescriptor, ...]


def _leaves(descriptor: Descriptor, outer: _Chain) -> Iterator[_Chain]:
    """Yield the fields that a query can hold, each with those around it; a type inside itself is not entered again."""
    if is_http_body(descriptor):
        return
    entered = {descriptor.full_name} | {field.containing_type.full_name for field in outer if field.containing_type}
    for field in descriptor.fields:
        kind, chain = field.message_type, (*outer, field)
        if kind is None:
            if field.enum_type is None or field.enum_type.full_name != NULL_VALUE:
                yield chain
        elif kind.full_name in STRINGS | WRAPPERS:
            yield chain
        elif not field.is_repeated and kind.full_name not in WELL_KNOWN | entered:
            yield from _leaves(kind, chain)


def _query_parameter(schemas: Schemas, fields: _Chain) -> Json:
    last = fields[-1]
    parameter: Json = {"name": ".".join(schemas.name(field) for field in fields), "in": "query"}
    if all(field_behavior_pb2.REQUIRED in behaviour(field) for field in fields):
        parameter["required"] = True
    return {**parameter, **about(last, schemas.comments), "schema": schemas.field(last)}
