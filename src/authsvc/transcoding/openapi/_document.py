"""The document: operations under their paths, and the components they share."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count

from google.protobuf.descriptor import ServiceDescriptor

from ..protojson import Style
from ._errors import STATUS, STATUS_COMMENTS, ErrorForm, error_schema
from ._kinds import Endpoint, Json, Security
from ._operations import JSON, Operations
from ._parameters import dotted_name
from ._paths import holes, path_text
from ._schemas import Schemas

VERSION = "3.1.1"
# HTTP methods that a path item has a place for; any other goes to `OTHERS`.
_PLACES = frozenset({"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"})
OTHERS = "x-other-operations"


def document(
    endpoints: Iterable[Endpoint],
    *,
    title: str,
    version: str,
    description: str = "",
    prefix: str = "",
    style: Style | None = None,
    comments: Mapping[str, str] | None = None,
    errors: ErrorForm = STATUS,
    security: Security | None = None,
    shared_parameters: Mapping[str, Json] | None = None,
) -> Json:
    """Describe endpoints as an OpenAPI 3.1 document.

    An operation for which a path item has no place stands in its `x-other-operations`, with its method and template:
    one of an HTTP method that OpenAPI does not know (`*` among them), and one whose template differs from another's
    only in what OpenAPI cannot tell apart.

    Args:
        endpoints: the routes, in the order in which they are to be shown.
        title: of the API.
        version: of the API.
        description: of the API, in CommonMark.
        prefix: what stands before every path template.
        style: how messages are written.
        comments: doc comments by full name, as `comments` reads them.
        errors: the form of error bodies: `google.rpc.Status`, that of AIP-193, or a schema.
        security: how callers prove who they are, and for which methods.
        shared_parameters: parameters of every operation, by the name of their component.

    """
    security, shared = security or Security(), shared_parameters or {}
    schemas = Schemas(style or Style(), {**STATUS_COMMENTS, **(comments or {})})
    error = {JSON: {"schema": error_schema(errors, schemas)}}
    paths = _Paths(schemas, Operations(schemas, security, shared), prefix)
    listed = list(endpoints)
    for endpoint, operation_id in zip(listed, _operation_ids(listed), strict=True):
        paths.add(endpoint, operation_id)
    components = {
        "schemas": schemas.components(),
        "responses": _responses(error, guarded=any(security.needed(endpoint.method) for endpoint in listed)),
        "parameters": dict(shared),
        "securitySchemes": dict(security.schemes),
    }
    info = {"title": title, "version": version, "description": description}
    return {
        "openapi": VERSION,
        "info": {key: text for key, text in info.items() if text or key != "description"},
        "tags": list(_tags(listed, schemas.comments)),
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


def _responses(error: Json, *, guarded: bool) -> Json:
    responses: Json = {"Error": {"description": "The call failed.", "content": error}}
    if guarded:
        challenge = {"description": "How to prove who calls (RFC 9110, section 11.6.1).", "schema": {"type": "string"}}
        responses["Unauthenticated"] = {
            "description": "Nobody is known to be calling: what proves it is missing, or not accepted.",
            "headers": {"WWW-Authenticate": challenge},
            "content": error,
        }
    return responses
