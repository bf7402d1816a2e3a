"""One binding of an RPC as an OpenAPI operation."""

import re
from collections.abc import Mapping, Sequence

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

from .. import Dialect, Endpoint
from .._accept import media_type
from .._answer import JSON
from .._binding import WHOLE
from .._fields import is_empty, is_http_body, spellings
from .._framing import ARRAY, STREAM_TYPES
from ._kinds import Json, Security
from ._parameters import path_parameter, query_parameters
from ._paths import Hole
from ._schemas import Schemas

_STREAM = "Sent as it comes. The status is that of the first message; an error after it is the last thing sent."
_SENTENCE = re.compile(r"(.*?)\.(?=\s+[A-Z]|\s*$)", re.DOTALL)


class Operations:
    """Writes operations; the schemas they refer to are gathered on the way."""

    def __init__(self, schemas: Schemas, security: Security, shared: Mapping[str, Json], dialect: Dialect) -> None:
        """Take where schemas are gathered, who must prove who they are, and the shared parameters by component."""
        self._json = json_type(dialect)
        self._empty_bodies = dialect.empty_bodies
        self._schemas = schemas
        self._security = security
        self._shared = shared

    def operation(self, endpoint: Endpoint, operation_id: str, holes: Sequence[Hole], names: Sequence[str]) -> Json:
        """Return the operation; `names` are those of the holes in the path."""
        method = endpoint.method
        made: Json = {"operationId": operation_id, "tags": [method.containing_service.full_name]}
        made |= self._said(method)
        if parameters := self._parameters(endpoint, holes, names):
            made["parameters"] = parameters
        if body := self._body(endpoint):
            made["requestBody"] = {"content": body}
        made["responses"] = self._responses(endpoint)
        if requirements := self._security.required(method):
            made["security"] = [dict(requirement) for requirement in requirements]
        made["x-rpc"] = f"{method.containing_service.full_name}/{method.name}"
        made["x-path-template"] = endpoint.template.text
        return made

    def _said(self, method: MethodDescriptor) -> Json:
        said: Json = {}
        if text := self._schemas.comments.get(method.full_name, ""):
            said = {"summary": summary(text), "description": text}
        if method.GetOptions().deprecated or method.containing_service.GetOptions().deprecated:
            said["deprecated"] = True
        return said

    def _parameters(self, endpoint: Endpoint, holes: Sequence[Hole], names: Sequence[str]) -> list[Json]:
        own = [
            path_parameter(self._schemas, endpoint, hole, name, names) for hole, name in zip(holes, names, strict=True)
        ]
        own += query_parameters(self._schemas, endpoint)
        # A field of the request has its name for itself.
        taken = spellings(endpoint.method.input_type)
        shared = [key for key, parameter in self._shared.items() if parameter["name"] not in taken]
        return own + [{"$ref": f"#/components/parameters/{key}"} for key in shared]

    def _body(self, endpoint: Endpoint) -> Json | None:
        request, body = endpoint.method.input_type, endpoint.rule.body
        if not body:
            return None
        self._schemas.read_in_part(request)
        if body != WHOLE:
            return self._content(request.fields_by_name[body])
        in_path = {variable.field_path[0] for variable in endpoint.template.variables if len(variable.field_path) == 1}
        if in_path:
            return {JSON: {"schema": self._schemas.properties(request, without=in_path)}}
        return self._content(request)

    def _content(self, holder: Descriptor | FieldDescriptor, kind: str = JSON) -> Json:
        if is_http_body(holder):
            return {"*/*": {"schema": {"type": "string", "format": "binary"}}}
        return {kind: {"schema": self._schema(holder)}}

    def _schema(self, holder: Descriptor | FieldDescriptor) -> Json:
        return self._schemas.message(holder) if isinstance(holder, Descriptor) else self._schemas.field(holder)

    def _responses(self, endpoint: Endpoint) -> Json:
        method = endpoint.method
        text = self._schemas.comments.get(method.output_type.full_name) or "The answer."
        answer: Json = {"description": f"{text}\n\n{_STREAM}" if method.server_streaming else text}
        # RFC 9110, section 9.3.2: the answer to HEAD has no content.
        if endpoint.rule.http_method != "HEAD" and not (self._empty_bodies and _is_empty(endpoint)):
            answer["content"] = self._answer(endpoint)
        responses = {"200": answer}
        if self._security.required(method):
            responses["401"] = {"$ref": "#/components/responses/Unauthenticated"}
        responses["default"] = {"$ref": "#/components/responses/Error"}
        return responses

    def _answer(self, endpoint: Endpoint) -> Json:
        response, part = endpoint.method.output_type, endpoint.rule.response_body
        content = self._content(response.fields_by_name[part] if part else response, self._json)
        if not endpoint.method.server_streaming or self._json not in content:
            return content
        item = content[self._json]["schema"]
        others = {kind: {"schema": item} for kind in STREAM_TYPES if kind != ARRAY}
        return {self._json: {"schema": {"type": "array", "items": item}}, **others}


def json_type(dialect: Dialect) -> str:
    """Return the type of JSON answers without its parameters, under which clients look for it."""
    return media_type(dialect.content_type)[0]


def _is_empty(endpoint: Endpoint) -> bool:
    response, part = endpoint.method.output_type, endpoint.rule.response_body
    return is_empty(endpoint.method, response.fields_by_name[part] if part else None)


def summary(text: str) -> str:
    """Return the first sentence of a comment, on one line and without its full stop."""
    paragraph = text.split("\n\n", 1)[0]
    sentence = _SENTENCE.match(paragraph)
    return " ".join((sentence[1] if sentence else paragraph).split())
