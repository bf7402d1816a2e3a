"""Query parameters: every field that neither the path nor the body has taken (google.api.http).

A parameter is named by the dotted path of its field, each element in either spelling. Eligible are scalar
and enum fields, repeated or not, and the well-known types that ProtoJSON writes as one value; not those
of a google.api.HttpBody, which is the body of a request or nothing. Next to them stand the system
parameters of Google's APIs, where a dialect has them, which are for the server and not for the message.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from ._errors import BadRequest, Unreadable
from ._fields import (
    NULL_VALUE,
    STRINGS,
    WELL_KNOWN,
    WRAPPERS,
    claim_oneof,
    is_http_body,
    oneof_name,
    reachable,
    spellings,
)
from ._url import decode_query_name, decode_query_value, path_text
from .protojson import Style
from .protojson._encoder import Encode, Encoders
from .protojson._enums import EnumName
from .protojson._scalars import text_reader
from .protojson._wellknown_in import well_known_text

MAX_PARAMETERS = 1000
MAX_DEPTH = 64

# Google's clients add these to any call, with a dollar sign or without.
SYSTEM_PARAMETERS = frozenset({
    ".xgafv", "access_token", "alt", "apiVersion", "callback", "fields", "httpHeaders", "key", "prettyPrint",
    "quotaUser", "uploadType", "upload_protocol",
})  # fmt: skip

# Puts the decoded text of a parameter into the message that has its field; raises Unreadable.
_Put = Callable[[Any, str], None]
# A message of a well-known type into which a parameter has gone, and its encoder.
_Special = tuple[Message, Encode]


class _Step(NamedTuple):
    """A message field to go through, with its name in errors; the oneof it belongs to, or empty."""

    name: str
    shown: str
    oneof: str
    inside: Descriptor
    # Of a well-known type: tells whether what has been put inside has a JSON form.
    encode: Encode | None


class _Leaf(NamedTuple):
    """A field that a parameter can set, with its name in errors.

    `places` are the scalar fields it writes, relative to its message: two spellings of one value, such as
    `when` and `when.seconds`, have a place in common.
    """

    name: str
    shown: str
    oneof: str
    repeated: bool
    places: tuple[str, ...]
    put: _Put


class _Names(NamedTuple):
    """What a dotted name may go on with inside one message type."""

    steps: Mapping[str, _Step]
    leaves: Mapping[str, _Leaf]


class _Parameter(NamedTuple):
    """A resolved name: the way to the field, and what it is called in errors; `bound` to the path."""

    outer: tuple[_Step, ...]
    leaf: _Leaf
    path: str
    places: tuple[str, ...]
    bound: bool


class NameTables:
    """The names of all message types met so far, for the routes that share them."""

    def __init__(self, style: Style | None = None) -> None:
        """Take what fields and enum values are called."""
        self._style = style or Style()
        self._encoders = Encoders(self._style)
        self._tables: dict[Descriptor, _Names] = {}

    def of(self, descriptor: Descriptor) -> _Names:
        """Return the names inside a message type, having compiled those of all types that can be reached from it."""
        if descriptor not in self._tables:
            for each in reachable(descriptor):
                if each not in self._tables:
                    self._tables[each] = _names(each, self._style, self._encoders)
        return self._tables[descriptor]


class QueryReader:
    """Reads the query strings of one route into request messages."""

    def __init__(
        self,
        descriptor: Descriptor,
        *,
        path_bound: Collection[str],
        body: str,
        reject_unknown: bool,
        system_parameters: bool = True,
        tables: NameTables | None = None,
    ) -> None:
        """Compile the names; `path_bound` are the dotted proto names of the path variables."""
        self._path_bound = tuple(f"{name}." for name in path_bound)
        self._body = body
        self._reject_unknown = reject_unknown
        self._tables = tables or NameTables()
        self._root = self._tables.of(descriptor)
        flat = {name: self._parameter((), leaf) for name, leaf in self._root.leaves.items()}
        self._flat = {name: each for name, each in flat.items() if each is not None}
        # A field of the request has the name for itself; then only the dollar sign means the server.
        known = SYSTEM_PARAMETERS if system_parameters else frozenset()
        bare = {name: name for name in known - spellings(descriptor).keys()}
        self._system = bare | {f"${name}": name for name in known}

    def read(self, query_string: bytes, message: Message) -> Mapping[str, str]:
        """Set the fields that the query string names.

        Returns:
            The system parameters it has, by their names without a dollar sign.

        Raises:
            BadRequest: a value does not fit its field, a singular field or a system parameter is given
                twice, a field belongs to the path, there are more than 1000 parameters, or one is
                unknown and that is refused.

        """
        seen: dict[str, bool] = {}
        special: dict[str, _Special] = {}
        system: dict[str, str] = {}
        for name, raw in _pairs(query_string):
            parameter = self._flat.get(name) or self._resolve(name)
            if parameter is not None:
                _set(message, parameter, raw, seen, special)
            elif name in self._system:
                _keep(system, self._system[name], raw)
            elif self._reject_unknown:
                raise BadRequest("", "the query has an unknown parameter", unknown=name)
        for path, (content, encode) in special.items():
            _check(content, encode, path)
        return system

    def _resolve(self, dotted: str) -> _Parameter | None:
        # Beyond the limit the last part keeps its dots, and no field has such a name.
        *parts, last = dotted.split(".", MAX_DEPTH - 1)
        outer: list[_Step] = []
        names = self._root
        for part in parts:
            step = names.steps.get(part)
            if step is None:
                return None
            outer.append(step)
            names = self._tables.of(step.inside)
        leaf = names.leaves.get(last)
        return self._parameter(tuple(outer), leaf) if leaf is not None else None

    def _parameter(self, outer: tuple[_Step, ...], leaf: _Leaf) -> _Parameter | None:
        """Complete a parameter; None where the body has the field."""
        before = "".join(f"{step.name}." for step in outer)
        places = tuple(before + place for place in leaf.places)
        # Never let a query replace what the path says: the path is what access rules look at.
        bound = any(f"{place}.".startswith(self._path_bound) for place in places)
        first = outer[0].name if outer else leaf.name
        if not bound and self._body in {"*", first}:
            return None
        path = ".".join([*(step.shown for step in outer), leaf.shown])
        return _Parameter(outer, leaf, path, places, bound)


def _pairs(query_string: bytes) -> Iterator[tuple[str, str]]:
    pairs = path_text(query_string).split("&")
    if len(pairs) > MAX_PARAMETERS:
        raise BadRequest("", f"the query has more than {MAX_PARAMETERS} parameters")
    for pair in pairs:
        if pair:
            name, _, raw = pair.partition("=")
            yield decode_query_name(name), raw


def _set(
    message: Message, parameter: _Parameter, raw: str, seen: dict[str, bool], special: dict[str, _Special]
) -> None:
    outer, leaf, path, places, bound = parameter
    if bound:
        raise BadRequest(path, "is already given by the path")
    for place in places:
        if place in seen and not (leaf.repeated and seen[place]):
            raise BadRequest(path, "is given twice")
        seen[place] = leaf.repeated
    for step in outer:
        claim_oneof(message, step.oneof, step.name, path)
        message = getattr(message, step.name)
        if step.encode is not None:
            special[path] = message, step.encode
    claim_oneof(message, leaf.oneof, leaf.name, path)
    try:
        leaf.put(message, decode_query_value(raw))
    except Unreadable as error:
        raise BadRequest(path, error.reason) from None


def _check(content: Message, encode: Encode, path: str) -> None:
    """Refuse contents of a well-known type that it can have inside a message only, and no answer could tell."""
    try:
        encode(content)
    except ValueError:
        raise BadRequest(path, "makes a value that does not exist") from None


def _keep(system: dict[str, str], name: str, raw: str) -> None:
    if name in system:
        raise BadRequest(name, "is given twice")
    try:
        system[name] = decode_query_value(raw)
    except Unreadable as error:
        raise BadRequest(name, error.reason) from None


def _names(descriptor: Descriptor, style: Style, encoders: Encoders) -> _Names:
    steps: dict[str, _Step] = {}
    leaves: dict[str, _Leaf] = {}
    if is_http_body(descriptor):
        return _Names(steps, leaves)
    for name, field in spellings(descriptor).items():
        oneof, shown = oneof_name(field), style.field_name(field)
        put = _put(field, style.enum_name)
        if put is not None:
            leaves[name] = _Leaf(field.name, shown, oneof, field.is_repeated, _places(field), put)
        if field.message_type is not None and not field.is_repeated:
            inside = field.message_type
            encode = encoders.encode(inside) if inside.full_name in WELL_KNOWN else None
            steps[name] = _Step(field.name, shown, oneof, inside, encode)
    return _Names(steps, leaves)


def _places(field: FieldDescriptor) -> tuple[str, ...]:
    if field.message_type is None or field.is_repeated:
        return (field.name,)
    return tuple(f"{field.name}.{each.name}" for each in field.message_type.fields)


def _put(field: FieldDescriptor, enum_name: EnumName) -> _Put | None:
    """Return the function that puts a value into the field, or None if no parameter can."""
    kind = field.message_type
    if kind is None:
        return _put_scalar(field, enum_name)
    if kind.full_name in WRAPPERS:
        return _put_inside(field, _put_scalar(kind.fields_by_name["value"], enum_name))
    if kind.full_name in STRINGS:
        return _put_inside(field, well_known_text(kind))
    return None


def _put_scalar(field: FieldDescriptor, enum_name: EnumName) -> _Put:
    name, read = field.name, _text_reader(field, enum_name)
    if field.is_repeated:
        return lambda message, text: getattr(message, name).append(read(text))
    return lambda message, text: setattr(message, name, read(text))


def _put_inside(field: FieldDescriptor, put: _Put) -> _Put:
    name = field.name
    if field.is_repeated:
        return lambda message, text: put(getattr(message, name).add(), text)

    def put_singular(message: Any, text: str) -> None:
        content = getattr(message, name)
        content.SetInParent()
        put(content, text)

    return put_singular


def _text_reader(field: FieldDescriptor, enum_name: EnumName) -> Callable[[str], Any]:
    read = text_reader(field, enum_name)
    if field.enum_type is not None and field.enum_type.full_name == NULL_VALUE:
        # Its JSON form is no name but null.
        return lambda text: 0 if text == "null" else read(text)
    return read
