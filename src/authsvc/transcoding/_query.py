"""Query parameters: every field that neither the path nor the body has taken (google.api.http).

A parameter is named by the dotted path of its field, each element in either spelling. Eligible are scalar
and enum fields, repeated or not, and the well-known types that ProtoJSON writes as one value.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from ._errors import BadRequest
from ._fields import STRINGS, WRAPPERS, owner, reachable, spellings
from ._url import decode_query_name, decode_query_value
from .protojson._decoder import well_known
from .protojson._scalars import read_at, text_reader

MAX_PARAMETERS = 1000
MAX_DEPTH = 64

# Google's clients add these to any call; they are instructions to the server, not fields.
_SYSTEM_PARAMETERS = frozenset({
    "access_token", "alt", "callback", "fields", "key", "prettyPrint", "quotaUser", "uploadType",
    "upload_protocol",
})  # fmt: skip


# Puts the decoded text of a parameter into a message; the last argument is the path, for errors.
_Put = Callable[[Message, str, str], None]


@dataclass(frozen=True, slots=True)
class _Names:
    """What a dotted name may go on with inside one message type: a step inwards, or its end."""

    steps: Mapping[str, tuple[FieldDescriptor, str]]
    leaves: Mapping[str, tuple[FieldDescriptor, _Put]]


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A resolved name: the fields along it, and what to do with its value."""

    fields: Sequence[FieldDescriptor]
    put: _Put

    @property
    def path(self) -> str:
        return ".".join(field.json_name for field in self.fields)

    @property
    def proto_path(self) -> str:
        return ".".join(field.name for field in self.fields)


class QueryReader:
    """Reads the query strings of one route into request messages."""

    def __init__(self, descriptor: Descriptor, *, path_bound: Collection[str], body: str, reject_unknown: bool) -> None:
        """Compile the names; `path_bound` are the dotted proto names of the path variables."""
        self._path_bound = frozenset(path_bound)
        self._body = body
        self._reject_unknown = reject_unknown
        self._root = descriptor.full_name
        self._names = {each.full_name: _names(each) for each in reachable(descriptor)}

    def read(self, query_string: bytes, message: Message) -> None:
        """Set the fields that the query string names.

        Raises:
            BadRequest: a value does not fit its field, a singular field is given twice, a field belongs
                to the path, there are more than 1000 parameters, or one is unknown and that is refused.

        """
        seen: set[str] = set()
        for name, raw in _pairs(query_string):
            parameter = self._resolve(name)
            if parameter is not None and not self._is_taken(parameter):
                _set(message, parameter, raw, seen)
            elif self._reject_unknown and not _is_system(name):
                raise BadRequest("", "the query has an unknown parameter")

    def _resolve(self, name: str) -> _Parameter | None:
        *outer, last = name.split(".", MAX_DEPTH - 1)
        fields: list[FieldDescriptor] = []
        names = self._names[self._root]
        for part in outer:
            if part not in names.steps:
                return None
            field, inner = names.steps[part]
            fields.append(field)
            names = self._names[inner]
        if last not in names.leaves:
            return None
        field, put = names.leaves[last]
        return _Parameter([*fields, field], put)

    def _is_taken(self, parameter: _Parameter) -> bool:
        # Never let a query replace what the path says: the path is what access rules look at.
        if parameter.proto_path in self._path_bound:
            raise BadRequest(parameter.path, "is already given by the path")
        return self._body in {"*", parameter.fields[0].name}


def _set(message: Message, parameter: _Parameter, raw: bytes, seen: set[str]) -> None:
    *outer, last = parameter.fields
    path = parameter.path
    if path in seen and not last.is_repeated:
        raise BadRequest(path, "is given twice")
    seen.add(path)
    text = read_at(decode_query_value, raw, path)
    parameter.put(owner(message, outer, last, path), text, path)


def _pairs(query_string: bytes) -> Iterator[tuple[str, bytes]]:
    if query_string.count(b"&") >= MAX_PARAMETERS:
        raise BadRequest("", f"the query has more than {MAX_PARAMETERS} parameters")
    for pair in query_string.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            yield decode_query_name(name), value


def _is_system(name: str) -> bool:
    return name.startswith("$") or name in _SYSTEM_PARAMETERS


def _names(descriptor: Descriptor) -> _Names:
    steps: dict[str, tuple[FieldDescriptor, str]] = {}
    leaves: dict[str, tuple[FieldDescriptor, _Put]] = {}
    for name, field in spellings(descriptor).items():
        put = _put(field)
        if put is not None:
            leaves[name] = field, put
        if field.message_type is not None and not field.is_repeated:
            steps[name] = field, field.message_type.full_name
    return _Names(steps, leaves)


def _put(field: FieldDescriptor) -> _Put | None:
    kind = field.message_type
    if kind is None:
        return _put_scalar(field)
    if not field.is_repeated and kind.full_name in WRAPPERS:
        return _put_inside(field.name, _put_scalar(kind.fields_by_name["value"]))
    if not field.is_repeated and kind.full_name in STRINGS:
        return _put_inside(field.name, well_known(kind, lenient=False))
    return None


def _put_scalar(field: FieldDescriptor) -> _Put:
    read, name = text_reader(field), field.name
    if field.is_repeated:
        return lambda message, text, path: getattr(message, name).append(read_at(read, text, path))
    return lambda message, text, path: setattr(message, name, read_at(read, text, path))


def _put_inside(name: str, put: _Put) -> _Put:
    return lambda message, text, path: put(getattr(message, name), text, path)
