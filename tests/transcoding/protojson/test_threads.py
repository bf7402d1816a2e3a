"""One codec in many threads, from its first use on."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from transcoding.foreign import item_class

from authsvc.transcoding.protojson import Codec

THREADS = 8
BODY = b'{"id":"1","int32Value":2,"child":{"id":"3","colour":"RED"},"items":{"a":{"tags":["b"]}},"left":"x"}'


@pytest.fixture(autouse=True)
def _busy() -> Iterator[None]:
    """Have threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_first_uses_at_once_are_whole() -> None:
    """Threads that use a new codec at the same moment all read and write the whole message."""
    kind = item_class()
    barrier = Barrier(THREADS)

    def use(codec: Codec) -> tuple[Any, bytes]:
        barrier.wait()
        message = codec.decode(kind, BODY)
        return message, codec.encode(message)

    wanted = Codec().decode(kind, BODY)
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(40):
            codec = Codec()
            results = [each.result() for each in [pool.submit(use, codec) for _ in range(THREADS)]]
            assert [message == wanted for message, _ in results] == [True] * THREADS
            assert {text for _, text in results} == {Codec().encode(wanted)}
