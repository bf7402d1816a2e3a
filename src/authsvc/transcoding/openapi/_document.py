"""The document: operations under their paths, and the components they share."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count

from google.protobuf.descriptor import ServiceDescriptor

from .. import Endpoint, ErrorFormat, Transcoder
from ._kinds import Json, Security
from ._operations import Operations, json_type
from ._parameters import dotted_name
from ._paths import holes, path_text
from ._schemas import Schemas

VERSION = "3.1.1"
# HTTP methods that a path item has a place for; any other goes to `OTHERS`.
_PLACES = frozenset({"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"})
OTHERS = "x-other-operations"
# What google/rpc/status.proto says about itself does not come with its descriptor.
_STATUS_COMMENTS = {
    "google.rpc.Status": "Why a call failed.",
    "google.rpc.Status.code": "The status code of gRPC, a google.rpc.Code.",
    "google.rpc.Status.message": "What went wrong, for developers.",
    "google.rpc.Status.details": "What went wrong, for programs.",
}


def document(
    transcoder: Transcoder,
    *,
    title: str,
    version: str,
    description: str = "",
    comments: Mapping[str, str] | None = None,
    security: Security | None = None,
    shared_parameters: Mapping[str, Json] | None = None,
) -> Json:
    """Describe what a transcoder serves as an OpenAPI 3.1 document.

    An operation for which a path item has no place stands in its `x-other-operations`, with its method and template:
    one of an HTTP method that OpenAPI does not know (`*` among them), and one whose template differs from another's
    only in what OpenAPI cannot tell apart.

    Args:
        transcoder: has the routes, in the order in which they are shown, and the dialect, which tells how messages
            and errors are written.
        title: of the API.
        version: of the API.
        description: of the API, in CommonMark.
        comments: doc comments by full name, as `comments` reads them.
        security: how callers prove who they are, and for which methods.
        shared_parameters: parameters of every operation, by the name of their component.

    """
    security, shared = security or Security(), shared_parameters or {}
    dialect, endpoints = transcoder.dialect, transcoder.endpoints
    schemas = Schemas(dialect, {**_STATUS_COMMENTS, **(comments or {})})
    # A plain function does not tell what it writes.
    error = dialect.errors.schema(schemas.message_in_part) if isinstance(dialect.errors, ErrorFormat) else {}
    paths = _Paths(schemas, Operations(schemas, security, shared, dialect), transcoder.prefix)
    for endpoint, operation_id in zip(endpoints, _operation_ids(endpoints), strict=True):
        paths.add(endpoint, operation_id)
    components = {
        "schemas": schemas.components(),
        "responses": _responses(
            {json_type(dialect): {"schema": error}},
            guarded=any(security.required(endpoint.method) for endpoint in endpoints),
        ),
        "parameters": dict(shared),
        "securitySchemes": dict(security.schemes),
    }
    info = {"title": title, "version": version, "description": description}
    return {
        "openapi": VERSION,
        "info": {key: text for key, text in info.items() if text or key != "description"},
        "tags": list(_tags(endpoints, schemas.comments)),
        "paths": paths.items,
        "components": {kind: found for kind, found in components.items() if found},
    }


class _Paths:
    """Path items, each under the names that its first operation gave to its parameters."""

    def __init__(self, schemas: Schemas, operations: Operations, prefix: str) -> None:
        self.items: dict[str, Json] = {}
        self._names: dict[str, list[str]] = {}
        self._schemas = schemas
        self._operations = operations
        self._prefix = prefix

    def add(self, endpoint: Endpoint, operation_id: str) -> None:
        template, http_method = endpoint.template, endpoint.rule.http_method
        found = holes(template, lambda variable: dotted_name(self._schemas, endpoint, variable))
        # OpenAPI forbids two paths that differ only in the names of their parameters: the first names serve for both.
        shape = path_text(template, [""] * len(found))
        names = self._names.setdefault(shape, [hole.name for hole in found])
        item = self.items.setdefault(self._prefix + path_text(template, names), {})
        operation = self._operations.operation(endpoint, operation_id, found, names)
        place = http_method.lower()
        if http_method in _PLACES and place not in item:
            item[place] = operation
        else:
            item.setdefault(OTHERS, []).append({"method": http_method, "operation": operation})


def _operation_ids(endpoints: Sequence[Endpoint]) -> Iterator[str]:
    """Yield `Service_Method`, numbered where that is taken; a service whose name is another's too, by its full name."""
    services = {endpoint.method.containing_service.full_name for endpoint in endpoints}
    short = [name.rpartition(".")[2] for name in services]
    taken: set[str] = set()
    for endpoint in endpoints:
        service = endpoint.method.containing_service
        shown = service.name if short.count(service.name) == 1 else service.full_name.replace(".", "_")
        name = _free(f"{shown}_{endpoint.method.name}", taken)
        taken.add(name)
        yield name


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    return next(each for number in count(2) if (each := f"{name}_{number}") not in taken)


def _tags(endpoints: Iterable[Endpoint], comments: Mapping[str, str]) -> Iterator[Json]:
    services: dict[str, ServiceDescriptor] = {}
    for endpoint in endpoints:
        service = endpoint.method.containing_service
        services.setdefault(service.full_name, service)
    for name in services:
        text = comments.get(name)
        yield {"name": name, "description": text} if text else {"name": name}


def _responses(content: Json, *, guarded: bool) -> Json:
    responses: Json = {"Error": {"description": "The call failed.", "content": content}}
    if guarded:
        challenge = {"description": "How to prove who calls (RFC 9110, section 11.6.1).", "schema": {"type": "string"}}
        responses["Unauthenticated"] = {
            "description": "Nobody is known to be calling: what proves it is missing, or not accepted.",
            "headers": {"WWW-Authenticate": challenge},
            "content": content,
        }
    return responses
