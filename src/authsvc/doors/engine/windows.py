"""The windows of requests whose applications read slowly.

zttp opens a stream's window as soon as it has parsed what came through it, read or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from authsvc.doors.engine.frames import WINDOW_UPDATE, frames, increment_of, stream_of, window_update


class Windows:
    """The windows that stay closed, by stream: what each is to be opened by once its application has read."""

    def __init__(self) -> None:
        self._closed: dict[int, int] = {}

    def __iter__(self) -> Iterator[int]:
        return iter(tuple(self._closed))

    def close(self, stream_id: int) -> None:
        """Keep the window of a stream closed."""
        self._closed.setdefault(stream_id, 0)

    def without_updates(self, data: bytes) -> bytes:
        """The frames but for those that would open a closed window."""
        if not self._closed:
            return data
        return b"".join(frame for frame in frames(data) if not self._keeps(frame))

    def _keeps(self, frame: bytes) -> bool:
        stream_id = stream_of(frame)
        if frame[3] != WINDOW_UPDATE or stream_id not in self._closed:
            return False
        self._closed[stream_id] += increment_of(frame)
        return True

    def open(self, may_open: Callable[[int], bool]) -> bytes:
        """The frames that open the windows of the streams that may."""
        if not self._closed:
            return b""
        sizes = {stream_id: self._closed.pop(stream_id) for stream_id in self if may_open(stream_id)}
        return b"".join(window_update(stream_id, size) for stream_id, size in sizes.items() if size)
