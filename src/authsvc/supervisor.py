"""Starts the workers, keeps them running, and ends them together.

The supervisor stays small: it imports neither grpcio nor uvicorn, so that it can fork workers at any time.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from authsvc.config import Address, Settings
from authsvc.errors import StartupError

_BACKLOG = 2048
_KILL_AFTER = 2.0  # seconds that a worker gets beyond the time it may drain
_RESTART_PAUSE = 1.0  # seconds between the end of a worker and its next start
_fork = multiprocessing.get_context("fork")

_STOPPING = (signal.SIGTERM, signal.SIGINT)


@dataclass(eq=False)
class Child:
    """One worker: how to run it, and its process once it runs.

    It reports over its link: the address where it serves, or a sentence that says why it cannot.
    """

    name: str
    run: Callable[[Connection], None]
    process: BaseProcess | None = None
    link: Connection | None = None
    address: Address | None = None


class Supervisor:
    """Runs the workers of `settings`. `announce` is called once all of them serve, with their addresses by name."""

    def __init__(self, settings: Settings, announce: Callable[[dict[str, Address]], None]) -> None:
        self._settings = settings
        self._announce = announce
        self._announced = False
        self._stopping_since: float | None = None
        self._failed = False
        self._children: list[Child] = []
        self._listener: socket.socket

    def run(self, listener: socket.socket | None = None) -> int:
        """Serve until SIGTERM or SIGINT; the exit status: 0 if every worker ended well.

        `listener` is what `claim` has given, if something had to be done between.

        Raises:
            StartupError: the one address, or grpcio's, cannot be had.
        """
        listener = listener or claim(self._settings)
        self._listener = listener
        self._settings = self._settings.at(Address(*listener.getsockname()[:2]))
        self._children = [Child("web", lambda link: _web(self._settings, link, listener))]
        if address := self._settings.grpc_listen:
            # A restarted worker takes the port that the first one was given.
            grpcio = Child("grpcio", lambda link: _grpcio(self._settings, link, grpcio.address or address, listener))
            self._children.append(grpcio)
        signals = _signals()
        for child in self._children:
            self._start(child)
        while running := [child for child in self._children if child.process]:
            self._wait(running, signals)
        return int(self._failed)

    def _start(self, child: Child) -> None:
        child.link, theirs = _fork.Pipe()
        child.process = _fork.Process(target=self._in_child, args=(child, theirs), name=f"authsvc-{child.name}")
        # A signal that came before the child has put its own handling in place would seem to be one for us.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        child.process.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
        theirs.close()

    def _in_child(self, child: Child, link: Connection) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until the worker serves there is nothing to drain
        # Ctrl+C reaches every process of the terminal; the supervisor decides what it means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
        for other in self._children:
            if other.link:
                other.link.close()
        child.run(link)

    def _wait(self, running: list[Child], signals: socket.socket) -> None:
        sentinels: dict[Any, Child] = {child.process.sentinel: child for child in running if child.process}
        links: dict[Any, Child] = {child.link: child for child in running if child.link}
        for ready in wait([*sentinels, *links, signals], timeout=self._patience()):
            if ready is signals:
                signals.recv(64)
                self._stop()
            elif ready in links:
                self._hear(links[ready])
            else:
                self._ended(sentinels[ready])
        if self._patience() == 0:
            self._signal(signal.SIGKILL)

    def _patience(self) -> float | None:
        if self._stopping_since is None:
            return None
        allowed = self._settings.drain_delay + self._settings.drain_timeout + _KILL_AFTER
        return max(0.0, self._stopping_since + allowed - time.monotonic())

    def _hear(self, child: Child) -> None:
        if child.link is None:  # its end was heard of first
            return
        try:
            report: Address | str = child.link.recv()
        except EOFError:
            child.link = None
            return
        if isinstance(report, str):
            self._fail(report)
        else:
            child.address = report
        addresses = {child.name: child.address for child in self._children if child.address}
        if len(addresses) == len(self._children) and not self._announced:
            self._announced = True
            self._announce(addresses)

    def _ended(self, child: Child) -> None:
        while child.link and child.link.poll():  # its last words
            self._hear(child)
        process, child.process, child.link = child.process, None, None
        if process is None:
            return
        process.join()
        if self._stopping_since is not None:
            self._failed |= process.exitcode not in {0, -signal.SIGTERM}
        elif child.address is None:
            self._fail(f"the {child.name} worker ended before it could serve")
        else:
            print(f"authsvc: the {child.name} worker ended ({process.exitcode}); starting another", file=sys.stderr)
            time.sleep(_RESTART_PAUSE)
            self._start(child)

    def _fail(self, reason: str) -> None:
        if not self._failed:
            print(f"authsvc: {reason}", file=sys.stderr)
        self._failed = True
        if self._stopping_since is None:
            self._stop()

    def _stop(self) -> None:
        """Drain the workers; told twice, end them at once."""
        again = self._stopping_since is not None
        self._stopping_since = self._stopping_since or time.monotonic()
        self._listener.close()  # what the web worker accepts no longer is refused only when no copy is left
        self._signal(signal.SIGKILL if again else signal.SIGTERM)

    def _signal(self, number: int) -> None:
        for child in self._children:
            if child.process and child.process.pid:
                os.kill(child.process.pid, number)


def claim(settings: Settings) -> socket.socket:
    """The listening socket of the one address; that of grpcio is free, too.

    Raises:
        StartupError: one of them cannot be had.
    """
    if settings.grpc_listen:
        _listen("grpc_listen", settings.grpc_listen).close()  # grpcio opens its own
    return _listen("listen", settings.listen)


def _listen(setting: str, address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server(address, family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # what follows repeats the address
        raise StartupError(f"{setting}: cannot listen on {address}: {reason}") from None


def _signals() -> socket.socket:
    """A socket that becomes readable when SIGTERM or SIGINT arrives."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.detach())
    for number in _STOPPING:
        signal.signal(number, lambda *_: None)
    return ours


def _web(settings: Settings, link: Connection, listener: socket.socket) -> None:
    from authsvc import workers  # noqa: PLC0415 - heavy, and only for the child

    workers.run_web(settings, link, listener)


def _grpcio(settings: Settings, link: Connection, address: Address, listener: socket.socket) -> None:
    listener.close()  # the web worker's
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # C-core writes past our logs, and shows what clients sent
    from authsvc import workers  # noqa: PLC0415

    workers.run_grpcio(settings, link, address)
