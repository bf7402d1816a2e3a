"""The windows that stay closed while an application lags behind."""

from __future__ import annotations

from authsvc.doors.engine.frames import frames, increment_of, ping, stream_of, window_update
from authsvc.doors.engine.windows import Windows


def test_nothing_is_kept_back_without_a_closed_window() -> None:
    """What zttp says goes out as it is."""
    data = window_update(1, 10) + ping()
    assert Windows().without_updates(data) == data


def test_updates_of_closed_windows_are_kept_back() -> None:
    """Those of other streams, of the connection, and other frames go out in their order."""
    windows = Windows()
    windows.close(3)
    others = [window_update(1, 10), window_update(0, 20), ping()]
    data = others[0] + window_update(3, 30) + others[1] + window_update(3, 40) + others[2]
    assert windows.without_updates(data) == b"".join(others)


def test_a_window_opens_by_what_was_kept_back() -> None:
    """In one frame for each stream that may, once."""
    windows = Windows()
    for stream_id in (1, 3, 5):
        windows.close(stream_id)
    windows.without_updates(window_update(3, 30) + window_update(3, 40) + window_update(5, 50))
    opened = windows.open(lambda stream_id: stream_id != 5)
    assert [(stream_of(frame), increment_of(frame)) for frame in frames(opened)] == [(3, 70)]
    assert list(windows) == [5]
    assert windows.open(lambda stream_id: stream_id != 5) == b""


def test_closing_twice_forgets_nothing() -> None:
    """What was kept back stays counted."""
    windows = Windows()
    windows.close(1)
    windows.without_updates(window_update(1, 10))
    windows.close(1)
    (opened,) = frames(windows.open(lambda _: True))
    assert increment_of(opened) == 10
