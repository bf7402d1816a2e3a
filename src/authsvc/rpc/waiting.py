"""Work that mostly does not wait: reads of SQLite are over at once, and so is a call that needs no more than these.

What only matters while something is waited for, such as a timer for its deadline, is not set up for it.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Begun(Generic[T]):
    """A coroutine whose first step has been taken: it has ended, with a `result`, or waits and is to be awaited.

    Raises what the coroutine raises in that step.
    """

    result: T

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._work = work
        self.waits = True
        try:
            self._awaited = work.send(None)
        except StopIteration as end:
            self.waits, self.result = False, end.value

    def __await__(self) -> Generator[Any, Any, T]:
        """Go on, as `await` does: the task gets what is waited for, and the coroutine what comes of it."""
        awaited = self._awaited
        while True:
            try:
                try:
                    came = yield awaited
                except BaseException as error:  # noqa: BLE001 - whatever it is, it is the coroutine's
                    awaited = self._work.throw(error)
                else:
                    awaited = self._work.send(came)
            except StopIteration as end:
                result: T = end.value
                return result
