"""What a servicer of ours may ask of its call, beside `grpc.aio.ServicerContext`."""

from __future__ import annotations

from typing import Protocol

from authsvc.identity.caller import Caller


class CallerContext(Protocol):
    """The context of a call whose caller is known."""

    @property
    def caller(self) -> Caller:
        """Who calls."""
