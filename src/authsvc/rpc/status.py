"""How a call ended: a gRPC code, a message, and details."""

from __future__ import annotations

from dataclasses import dataclass

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc.status_pb2 import Status as StatusProto


@dataclass(frozen=True, slots=True)
class Status:
    """The outcome of a call; `details` travel as google.rpc.Status details."""

    code: grpc.StatusCode
    message: str = ""
    details: tuple[Any, ...] = ()

    def proto(self) -> StatusProto:
        """The same as a google.rpc.Status message."""
        return StatusProto(code=self.code.value[0], message=self.message, details=self.details)


OK = Status(grpc.StatusCode.OK)


class StatusError(Exception):
    """Ends a call with `status`: raised by doors for bad requests, and by `Call.abort`."""

    def __init__(self, code: grpc.StatusCode, message: str = "", details: tuple[Any, ...] = ()) -> None:
        super().__init__(code, message)
        self.status = Status(code, message, details)

    @classmethod
    def of(cls, status: Status) -> StatusError:
        """The error that ends a call with this status."""
        return cls(status.code, status.message, status.details)
