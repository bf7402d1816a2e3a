"""Frames of HTTP/2, cut and made."""

from __future__ import annotations

import time

from hostile import frames as others

from authsvc.doors.engine import frames


def test_frames_are_cut_apart() -> None:
    """Bytes of several frames are cut into these, empty ones too."""
    parts = [
        others.settings((3, 7)),
        others.window_update(5, 1),
        others.frame(0, 0, 3, b"x" * 70_000),
        others.settings(),
    ]
    assert list(frames.frames(b"".join(parts))) == parts
    assert list(frames.frames(b"")) == []


def test_many_frames_are_cut_apart() -> None:
    """The time to cut grows with the bytes, not with their square."""
    data = frames.ping() * 100_000
    began = time.process_time()
    assert sum(1 for _ in frames.frames(data)) == 100_000
    assert time.process_time() - began < 1


def test_frames_are_made() -> None:
    """Our frames are those of RFC 9113, section 6."""
    assert frames.settings({3: 100, 6: 2**20}) == others.settings((3, 100), (6, 2**20))
    assert frames.window_update(7, 2**31 - 1) == others.window_update(2**31 - 1, 7)
    assert frames.ping()[:9] == others.frame(others.PING, payload=bytes(8))[:9]
    assert len(frames.ping()) == 17


def test_frames_are_read() -> None:
    """A window update tells its stream and by how much it opens."""
    update = frames.window_update(2**31 - 1, 40_000)
    assert frames.stream_of(update) == 2**31 - 1
    assert frames.increment_of(update) == 40_000
    assert update[3] == frames.WINDOW_UPDATE
