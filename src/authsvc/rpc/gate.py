"""How many calls run at once."""

from __future__ import annotations

from types import TracebackType

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from grpc import StatusCode

from authsvc.rpc.status import StatusError

RETRY_AFTER = 1  # seconds; calls are short, so there is room again soon
_DETAIL = Any()
_DETAIL.Pack(RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER)))


class Full(StatusError):
    """Every place is taken: RESOURCE_EXHAUSTED, with the time after which to try again as a RetryInfo."""

    def __init__(self) -> None:
        super().__init__(StatusCode.RESOURCE_EXHAUSTED, "too many calls at once", (_DETAIL,))


class Gate:
    """A block that at most `places` calls are in at once; entering raises `Full` instead of waiting."""

    def __init__(self, places: int) -> None:
        self._free = places

    def __enter__(self) -> None:
        if not self._free:
            raise Full
        self._free -= 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._free += 1
