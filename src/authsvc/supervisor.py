"""Starts the workers, keeps them running, replaces them by others with new settings, and ends them together.

What the workers need is imported here once and shared by all of them. The supervisor itself uses none of it: it has no
event loop, one thread, no database and no grpcio that has begun to work, so that it can fork workers at any time.
"""

from __future__ import annotations

import gc
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import count
from multiprocessing.connection import Connection, wait
from typing import Any

from authsvc.children import STOPPING, Child
from authsvc.config import ADDRESSES, MOST_WORKERS, Address, Settings
from authsvc.domain.ids import NODES
from authsvc.errors import StartupError
from authsvc.ports import SPREADS, Ports, claim
from authsvc.telemetry.gauges import Tally

_MOST = 4 * MOST_WORKERS  # workers there are at once: two kinds, and as many that replace them


class Supervisor:
    """Runs the workers of `settings`; `reload` reads them again on SIGHUP.

    `announce` is called once all workers of the first start serve, with their addresses by name.
    """

    def __init__(
        self, settings: Settings, announce: Callable[[dict[str, Address]], None], reload: Callable[[], Settings]
    ) -> None:
        self._settings = settings
        self._announce = announce
        self._read_again = reload
        self._announced = self._stopping = self._failed = False
        self._reload_wanted = self._replacing = False
        self._workers: list[Child] = []  # those that serve, or are to
        self._coming: list[Child] = []  # those that are to replace them
        self._leaving: list[Child] = []  # those that were replaced, and drain one after another
        self._new_settings = settings  # of those that come
        # No two processes make the same ids.
        self._nodes = (node % NODES for node in count(secrets.randbelow(NODES)))
        self._tally = Tally(_MOST)  # of all workers, those that leave too: they all still have calls
        self._hangup = _Hangup()
        self._ports: Ports

    def run(self, ports: Ports | None = None) -> int:
        """Serve until SIGTERM or SIGINT; the exit status: 0 if every worker ended well.

        `ports` is what `claim` has given, if something had to be done between.

        Raises:
            StartupError: the one address, or grpcio's, cannot be had.
        """
        signals = _signals()
        with ports or claim(self._settings) as self._ports:
            _import_what_workers_need()
            self._workers = self._generation(self._settings)
            for child in self._workers:
                self._start(child)
            while any(child.process or child.due < float("inf") for child in self._all()):
                self._wait(signals)
        return int(self._failed)

    def _all(self) -> list[Child]:
        return [*self._workers, *self._coming, *self._leaving]

    def _generation(self, settings: Settings) -> list[Child]:
        """The workers of these settings, not yet started."""
        settings = settings.at(self._ports.address)
        workers = settings.worker_count()
        self._ports.widen(workers)
        taken = {child.row for child in self._all()}
        free = (row for row in range(_MOST) if row not in taken)
        web = [Child("web", settings, partial(self._web, settings, number), next(free)) for number in range(workers)]
        if settings.grpc_listen is None:
            return web
        # Elsewhere a second one would take all connections, and the first none.
        most = workers if SPREADS else 1
        return web + [Child("grpcio", settings, partial(self._grpcio, settings), next(free)) for _ in range(most)]

    def _start(self, child: Child, *, limited: bool = False) -> None:
        self._node, self._row = next(self._nodes), self._tally.row(child.row)
        child.start([other for other in self._all() if other is not child], limited=limited)

    # What runs in the workers.

    def _web(self, settings: Settings, number: int, link: Connection) -> None:
        from authsvc import workers  # noqa: PLC0415 - heavy, and not for every command

        scrapes = workers.Scrapes(self._ports.metrics, self._tally) if self._ports.metrics else None
        workers.run_web(
            settings,
            link,
            self._ports.web,
            number=number,
            node=self._node,
            counts=self._row,
            scrapes=scrapes,
        )

    def _grpcio(self, settings: Settings, link: Connection) -> None:
        address = self._ports.grpcio_address
        self._ports.close()  # the web workers'; grpcio opens its own
        from authsvc import workers  # noqa: PLC0415

        if address is None:
            raise RuntimeError("there is no port for grpcio")
        workers.run_grpcio(settings, link, address, node=self._node, counts=self._row)

    # What happens.

    def _wait(self, signals: socket.socket) -> None:
        sentinels: dict[Any, Child] = {child.process.sentinel: child for child in self._all() if child.process}
        links: dict[Any, Child] = {child.link: child for child in self._all() if child.link}
        for ready in wait([*sentinels, *links, signals], timeout=self._patience()):
            if ready is signals:
                self._signalled(set(signals.recv(64)))
            elif ready in links:
                self._hear(links[ready])
            else:
                self._ended(sentinels[ready])
        now = time.monotonic()
        for child in self._all():
            if child.due <= now:
                self._start(child, limited=True)
            elif child.ends <= now and child.process:
                child.kill()
        if self._reload_wanted and self._announced and not (self._coming or self._leaving or self._stopping):
            self._reload()

    def _patience(self) -> float | None:
        next_look = min((min(child.due, child.ends) for child in self._all()), default=float("inf"))
        return max(0.0, next_look - time.monotonic()) if next_look < float("inf") else None

    def _signalled(self, numbers: set[int]) -> None:
        if numbers.intersection(STOPPING) or (signal.SIGHUP in numbers and self._hangup.has_happened()):
            self._stop()
        elif signal.SIGHUP in numbers:
            self._reload_wanted = True

    def _hear(self, child: Child) -> None:
        child.hear()
        if child in self._coming:
            self._look_at_coming()
        elif child.reason and not self._announced:
            self._fail(child.reason)
        elif not self._announced and all(each.address for each in self._workers):
            self._announced = True
            self._announce(self._addresses())

    def _addresses(self) -> dict[str, Address]:
        metrics = self._ports.metrics_address
        served = {each.name: each.address for each in self._workers if each.address}
        return served | ({"metrics": metrics} if metrics else {})

    def _ended(self, child: Child) -> None:
        status = child.ended()
        self._tally.clear(child.row)
        if self._stopping:
            self._failed |= status not in {0, -signal.SIGTERM}
        elif child in self._coming:
            child.reason = child.reason or f"the {child.name} worker ended before it could serve"
            self._look_at_coming()
        elif child in self._leaving:
            self._leaving.remove(child)
            self._drain_next()
        elif not self._announced:
            self._fail(child.reason or f"the {child.name} worker ended before it could serve")
        else:
            pause = child.start_later()
            what = child.reason or f"the {child.name} worker ended ({status})"
            _say(f"{what}; starting another in {pause:.0f} s")

    def _fail(self, reason: str) -> None:
        if not self._failed:
            _say(reason)
        self._failed = True
        if not self._stopping:
            self._stop()

    def _stop(self) -> None:
        """Drain the workers; told twice, end them at once."""
        number = signal.SIGKILL if self._stopping else signal.SIGTERM
        self._stopping = True
        self._ports.close()  # what no worker accepts any more is refused only when no copy is left
        for child in self._all():
            child.stop(number)

    # New settings.

    def _reload(self) -> None:
        """Start workers with the settings as they are now; those there are go on until the new ones serve."""
        self._reload_wanted = False
        try:
            new = self._read_again()
            for name in ADDRESSES:
                if getattr(new, name) != getattr(self._settings, name):
                    raise StartupError(f"{name} cannot change while the service runs")  # noqa: TRY301
            self._coming = self._generation(new)
        except StartupError as error:
            self._keep(str(error))
            return
        self._new_settings = new
        for child in self._coming:
            self._start(child, limited=True)

    def _look_at_coming(self) -> None:
        """Go over to the new workers when all serve, or do without them if one cannot."""
        if reason := next((child.reason for child in self._coming if child.reason), ""):
            failed, self._coming = self._coming, []
            self._leaving += [child for child in failed if child.process]
            for child in self._leaving:
                child.stop()
            self._keep(reason)
        elif all(child.address for child in self._coming):
            self._leaving = [child for child in self._workers if child.process]
            self._workers, self._coming = self._coming, []
            self._settings, self._replacing = self._new_settings, True
            self._drain_next()

    def _keep(self, reason: str) -> None:
        _say(f"not reloaded: {reason}; the workers go on as they are")
        self._ports.narrow(self._settings.worker_count())

    def _drain_next(self) -> None:
        if self._leaving and not any(child.told for child in self._leaving):
            self._leaving[0].replace()
        elif not self._leaving and self._replacing:
            self._replacing = False
            _say("reloaded")


class _Hangup:
    """Tells whether SIGHUP means that the terminal is gone, for which the kernel sends it, too."""

    def __init__(self) -> None:
        # Under nohup, to outlive the terminal is what was asked for.
        self._matters = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _has_terminal()

    def has_happened(self) -> bool:
        """Whether there was a terminal at the start, and is none any more."""
        return self._matters and not _has_terminal()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _import_what_workers_need() -> None:
    """Import the workers' code, and have its objects looked at by no garbage collection.

    It would find hardly anything, take some 60 ms of the start, and write into memory that the workers share.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # C-core writes past our logs, and shows what clients sent
    gc.disable()
    import_module("authsvc.workers")
    import_module("uvicorn.lifespan.off")  # uvicorn itself imports what its configuration names, once in each worker
    gc.freeze()
    gc.enable()


def _signals() -> socket.socket:
    """A socket that becomes readable, with their numbers, when signals arrive."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.detach())
    for number in (*STOPPING, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return ours


def _say(sentence: str) -> None:
    print(f"authsvc: {sentence}", file=sys.stderr, flush=True)
