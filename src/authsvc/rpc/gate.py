"""How many calls run at once."""

from __future__ import annotations

from types import TracebackType

from authsvc.errors import TooMany


class Gate:
    """A block that at most `places` calls are in at once; entering raises `TooMany` instead of waiting."""

    def __init__(self, places: int) -> None:
        self._free = places

    def __enter__(self) -> None:
        if not self._free:
            raise TooMany("too many calls at once")  # calls are short, so there is room again soon
        self._free -= 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._free += 1
