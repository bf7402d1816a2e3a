"""A worker as the supervisor sees it: a process that reports over a pipe, is started again, and is ended."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from authsvc.config import Address, Settings

STOPPING = (signal.SIGTERM, signal.SIGINT)
_HANDLED = (*STOPPING, signal.SIGHUP)
REPLACED = "replaced"
"""What a worker is told that drains because another serves in its place."""
LAST_REQUEST = 5.0
"""Seconds, at most, that connections at rest are left for their next request, when others serve in their place."""
KILL_AFTER = 2.0  # seconds that a worker gets beyond the time it may drain
_START_LIMIT = 60.0  # seconds that a worker gets to start, where others serve meanwhile
_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds between the end of a worker and its next start
_STEADY = 60.0  # seconds after which a worker that ends did not die early

_fork = multiprocessing.get_context("fork")


class Child:
    """One worker: how to run it, and its process while it runs.

    It reports over its link: the address where it serves, or a sentence that says why it cannot. It counts its calls in
    the `row` of the tally, which is no other's.
    """

    def __init__(self, name: str, settings: Settings, run: Callable[[Connection], None], row: int = 0) -> None:
        self.name = name
        self.row = row
        self.process: BaseProcess | None = None
        self.link: Connection | None = None
        self.address: Address | None = None
        self.reason = ""  # why it cannot serve
        self.due = math.inf  # when it is started again
        self.ends = math.inf  # when it is killed
        self.told = False  # that it is to end
        self._settings = settings
        self._run = run
        self._pause = 0.0
        self._began = 0.0

    def start(self, others: Iterable[Child], *, limited: bool) -> None:
        """Fork; with `limited` it has to serve before long."""
        self.link, theirs = _fork.Pipe()
        self.address, self.reason, self.due = None, "", math.inf
        self._began = time.monotonic()
        self.ends = self._began + _START_LIMIT if limited else math.inf
        target = (theirs, [*others, self])
        self.process = _fork.Process(target=self._in_child, args=target, name=f"authsvc-{self.name}")
        # A signal that came before the child has put its own handling in place would seem to be one for us.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        self.process.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        theirs.close()

    def _in_child(self, link: Connection, all_children: list[Child]) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until the worker serves there is nothing to drain
        # What reaches every process of the terminal, the supervisor decides about.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        for child in all_children:
            if child.link:
                child.link.close()
        self._run(link)

    def hear(self) -> None:
        """Take in a report, or that there will be none any more."""
        if self.link is None:  # its end was heard of first
            return
        try:
            report: Address | str = self.link.recv()
        except (EOFError, OSError):
            self.link = None
            return
        if isinstance(report, str):
            self.reason = report
        else:
            self.address = report
            if not self.told:
                self.ends = math.inf

    def ended(self) -> int:
        """Bury the process, after its last words; its exit status."""
        while self.link and self.link.poll():
            self.hear()
        process, self.process, self.link = self.process, None, None
        self.ends = math.inf
        if process is None:
            raise RuntimeError("there is no process")
        process.join()
        return process.exitcode or 0

    def start_later(self) -> float:
        """Let it be started again, the later the oftener it dies early; in how many seconds."""
        now = time.monotonic()
        early = now - self._began < _STEADY
        self._pause = min(_LONGEST_PAUSE, self._pause * 2) if early and self._pause else _PAUSE
        self.due = now + self._pause
        return self._pause

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Have it drain, and end before long; or end at once, by SIGKILL."""
        delay, timeout = self._settings.drain_delay, self._settings.drain_timeout
        self._tell(delay + timeout)
        if self.process and self.process.pid:
            os.kill(self.process.pid, number)

    def replace(self) -> None:
        """Have it drain, without delay, as another serves in its place."""
        self._tell(LAST_REQUEST + self._settings.drain_timeout)
        if self.link:
            with suppress(OSError):  # it has just ended
                self.link.send(REPLACED)

    def kill(self) -> None:
        """End it now, as it has had its time."""
        self.ends = math.inf
        if self.process:
            self.process.kill()

    def _tell(self, patience: float) -> None:
        self.due = math.inf
        if not self.told:
            self.told = True
            self.ends = time.monotonic() + patience + KILL_AFTER
