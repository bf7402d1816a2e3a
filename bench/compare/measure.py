"""What is measured and how: cells, which take turns, and the results."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from bench.compare.doors import Door, press
from bench.compare.load import Load, LoadError
from bench.compare.questions import Question, Tokens
from bench.compare.services import Service

ATTEMPTS = 3


class Cell(NamedTuple):
    """What one row of a table is about: `case` is the RPC, with the size of what it lists."""

    section: str
    contender: str
    door: Door
    case: str


@dataclass(frozen=True)
class Sample:
    """One round of one cell. Seconds; `cpu` is of all that serves, `busiest` of the busiest process of it.

    `beside` is the CPU of a database server, `memory` that of all that serves, in megabytes.
    """

    calls: int
    seconds: float
    p50: float
    p99: float
    cpu: float
    busiest: float
    beside: float = 0.0
    memory: float = 0.0

    @property
    def rate(self) -> float:
        """Calls per second, as many as this load generator could have."""
        return self.calls / self.seconds

    @property
    def per_core(self) -> float:
        """Calls per second of the service's CPU: what one core serves, however busy the load generator kept it."""
        return self.calls / self.cpu

    @property
    def per_busiest(self) -> float:
        """Calls of all processes per second of CPU of the busiest, which is the one that limits them all."""
        return self.calls / self.busiest

    @property
    def cost(self) -> float:
        """Seconds of CPU per call."""
        return self.cpu / self.calls

    @property
    def cost_beside(self) -> float:
        """Seconds of CPU per call of what is beside."""
        return self.beside / self.calls


Measure = Callable[[Sample], float]


@dataclass
class Results:
    """All samples by cell, in the order of the rounds; what could not be measured and why; calls that were wrong."""

    samples: dict[Cell, list[Sample]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    verified: dict[str, int] = field(default_factory=dict)  # tokens by contender and door
    repeated: int = 0

    def of(self, section: str) -> dict[Cell, list[Sample]]:
        """The cells of a section, in their order."""
        return {cell: samples for cell, samples in self.samples.items() if cell.section == section}

    def median(self, cell: Cell, measure: Measure) -> float | None:
        """The median of the rounds; None if the cell was not measured."""
        samples = self.samples.get(cell)
        return statistics.median(map(measure, samples)) if samples else None

    def ratio(self, cell: Cell, other: Cell, measure: Measure) -> float | None:
        """The median of the ratios round by round, so that what slows a whole round down counts for both."""
        ours, theirs = self.samples.get(cell), self.samples.get(other)
        if not ours or not theirs:
            return None
        return statistics.median(measure(a) / measure(b) for a, b in zip(ours, theirs, strict=True))


@dataclass(frozen=True)
class Trial:
    """A cell with all that is needed to measure it."""

    cell: Cell
    service: Service
    question: Question
    tokens: Tokens
    load: Load


def play(results: Results, trials: Iterable[Trial], rounds: int, ghz: Path | None) -> None:
    """Measure all trials so many times, in turns. Without ghz, native gRPC is left out, and said to be."""
    able = [trial for trial in trials if ghz or not trial.cell.door.native]
    for number in range(1, rounds + 1):
        for trial in able:
            sample = _measure_again(results, trial, ghz)
            results.samples.setdefault(trial.cell, []).append(sample)
            _say(trial.cell, number, rounds, sample)


def _measure_again(results: Results, trial: Trial, ghz: Path | None) -> Sample:
    """A sample without a single failed call; a disturbed one is thrown away, which the report tells."""
    for _ in range(ATTEMPTS - 1):
        try:
            return measure(trial, ghz)
        except LoadError as error:
            print(f"{' '.join(map(str, trial.cell))}: {error}; once more", file=sys.stderr)
            results.repeated += 1
    return measure(trial, ghz)


def measure(trial: Trial, ghz: Path | None) -> Sample:
    """One round. Raises `LoadError` if a call fails."""
    service = trial.service
    before, beside = service.cpu(), service.cpu_beside()
    run = press(trial.cell.door, service, trial.question, trial.tokens, trial.load, ghz)
    used = [seconds - before.get(pid, 0.0) for pid, seconds in service.cpu().items()]
    sample = Sample(run.calls, run.seconds, run.p50, run.p99, sum(used), max(used), memory=service.memory())
    return replace(sample, beside=service.cpu_beside() - beside) if service.beside else sample


def _say(cell: Cell, number: int, rounds: int, sample: Sample) -> None:
    print(
        f"[{number}/{rounds}] {cell.section}: {cell.contender}, {cell.door.value}, {cell.case}:"
        f" {sample.rate:,.0f}/s, {sample.per_core:,.0f} per core, p50 {sample.p50 * 1e3:.2f} ms",
        file=sys.stderr,
        flush=True,
    )


def trial(
    section: str, contender: str, service: Service, ask: tuple[Door, str, Question], tokens: Tokens, load: Load
) -> Trial:
    """A trial by its parts; `ask` is the door, the name of the case, and what is asked."""
    door, case, question = ask
    return Trial(Cell(section, contender, door, case), service, question, tokens, load)
