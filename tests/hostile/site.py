"""A server under attack: what it costs in memory and time, and what its other client sees of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
from harness import Server, children_of
from hostile.http1 import answered, head
from hostile.neighbour import Neighbour, p99

MIB = 1024 * 1024
_FLOOR = 10.0  # milliseconds; less than that is the noise of a machine with two cores
_TRIALS = 5
_SAMPLE = 0.01

Attack = Callable[[], object]


@dataclass
class Figures:
    """What an attack did: milliseconds, bytes of memory at the peak and after it, seconds of processor time."""

    quiet: float = 0.0
    p99: float = 0.0
    peak: int = 0
    left: int = 0
    cpu: float = 0.0
    took: float = 0.0
    outcome: object = None

    def __str__(self) -> str:
        """One line for the report."""
        return (
            f"p99 {self.p99:.1f} ms (quiet {self.quiet:.1f}), memory {self.peak / MIB:+.1f} MiB at the peak, "
            f"{self.left / MIB:+.1f} after, cpu {self.cpu:.2f} of {self.took:.1f} s"
        )

    @property
    def disturbed(self) -> bool:
        """Whether the other client's p99 rose beyond twice its quiet value, and beyond the noise."""
        return self.p99 > max(2 * self.quiet, _FLOOR)


def worker_of(server: Server) -> int:
    """The only worker of a server."""
    (worker,) = children_of(server.process.pid)
    return worker


@dataclass
class Site:
    """A running server with one worker, and its client that means well."""

    engine: str
    server: Server
    neighbour: Neighbour
    report: Callable[[str, object], None] = field(default=lambda name, value: None)

    @property
    def address(self) -> str:
        """`host:port` of the one address."""
        return self.server.address

    @property
    def worker(self) -> int:
        """The process that serves the one address."""
        return worker_of(self.server)

    def memory(self) -> int:
        """Resident bytes of the worker."""
        return psutil.Process(self.worker).memory_info().rss

    def cpu(self) -> float:
        """Seconds of processor time that the worker has used."""
        times = psutil.Process(self.worker).cpu_times()
        return times.user + times.system

    def endures(self, attack: Attack, *, memory: int = 8 * MIB, cpu: float = 2.0, seconds: float = 0.2) -> Figures:
        """Attack while the other client calls, again and again for some seconds; what it cost must be within bounds.

        On a shared machine the other client may be late for other reasons: a bad time counts when it is seen in each
        of five trials. Memory counts at once: what it grew to is there for the next trial to use.
        """
        worker = self.worker
        for trial in range(_TRIALS):
            figures = self._suffer(attack, seconds)
            assert self.worker == worker, "the worker died"
            assert figures.peak <= memory, figures
            if not (figures.disturbed or figures.cpu > cpu):
                break
            self.report(f"trial {trial + 1}", f"too slow: {figures}")
            self.neighbour.forget()
        self.report("figures", str(figures))
        assert not figures.disturbed, figures
        assert figures.cpu <= cpu, figures
        self.serves()
        return figures

    def _suffer(self, attack: Attack, seconds: float) -> Figures:
        figures = Figures(quiet=self.neighbour.quiet())
        before, cpu, began = self.memory(), self.cpu(), time.monotonic()
        attacker = _Attacker(attack, seconds)
        self.neighbour.begin()
        attacker.start()
        while attacker.is_alive():
            time.sleep(_SAMPLE)
            figures.peak = max(figures.peak, self.memory() - before)
        figures.p99 = p99(self.neighbour.end())
        figures.took, figures.cpu = time.monotonic() - began, self.cpu() - cpu
        figures.left = self.memory() - before
        figures.outcome = attacker.outcome()
        return figures

    def serves(self) -> None:
        """The server answers a new client."""
        (answer,), _ = answered(self.address, head("GET", "/debug/healthz"), enough=1)
        assert answer.status == 200


class _Attacker(threading.Thread):
    """Repeats an attack for some seconds, at least once."""

    def __init__(self, attack: Attack, seconds: float) -> None:
        super().__init__(daemon=True)
        self._attack = attack
        self._seconds = seconds
        self._outcome: object = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Attack."""
        until = time.monotonic() + self._seconds
        try:
            self._outcome = self._attack()
            while time.monotonic() < until:
                time.sleep(0.005)
                self._attack()
        except BaseException as error:  # noqa: BLE001 - raised where the test waits
            self._error = error

    def outcome(self) -> object:
        """What the first attack returned. Raises what an attack raised, as the failure of an assertion."""
        if self._error is not None:
            raise self._error
        return self._outcome
