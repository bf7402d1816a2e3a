"""The schema of an error, in one of the forms that APIs use."""

from typing import Literal

from google.protobuf import any_pb2
from google.rpc import code_pb2, status_pb2

from ._kinds import Json
from ._schemas import Schemas

STATUS: Literal["status"] = "status"
AIP193: Literal["aip193"] = "aip193"
# What google/rpc/status.proto says about itself does not come with its descriptor.
STATUS_COMMENTS = {
    "google.rpc.Status": "Why a call failed.",
    "google.rpc.Status.code": "The status code of gRPC, a google.rpc.Code.",
    "google.rpc.Status.message": "What went wrong, for developers.",
    "google.rpc.Status.details": "What went wrong, for programs.",
}
# A form by its name, or the schema itself.
ErrorForm = Literal["status", "aip193"] | Json


def error_schema(form: ErrorForm, schemas: Schemas) -> Json:
    """Return the schema of the body of every error: `google.rpc.Status`, that of AIP-193, or the caller's own."""
    if not isinstance(form, str):
        return form
    return _aip193(schemas) if form == AIP193 else schemas.message(status_pb2.Status.DESCRIPTOR)


def _aip193(schemas: Schemas) -> Json:
    error = {
        "type": "object",
        "properties": {
            "code": {"type": "integer", "format": "int32", "description": "The HTTP status code."},
            "message": {"type": "string", "description": "What went wrong, for developers."},
            "status": {"type": "string", "enum": code_pb2.Code.keys(), "description": "The google.rpc.Code."},
            "details": {"type": "array", "items": schemas.message(any_pb2.Any.DESCRIPTOR)},
        },
    }
    return {"type": "object", "properties": {"error": error}}
