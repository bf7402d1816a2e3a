"""Throws made-up requests at transcoders, for as long as told, and says what it found.

    python -m transcoding.fuzz --seconds 300 [--seed N]        # from tests/, or `make fuzz SECONDS=300`

A request is taken from a corpus and mutated; one with a new outcome joins the corpus. One that makes the library break
a rule is cut down and printed with the seed, and ends the program with status 1.
"""

from __future__ import annotations

import argparse
import base64
import random
import sys
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Protocol

from transcoding.fuzz_asgi import SERVED
from transcoding.fuzz_bombs import BOMBS, LARGEST, SMALLER, Request
from transcoding.fuzz_faces import CORES, Verdict, Violation
from transcoding.fuzz_inputs import Inputs

__all__ = ["FACES", "Face", "Finding", "Report", "Request", "Verdict", "Violation", "attempt", "check", "run"]


class Face(Protocol):
    """Something that serves requests."""

    @property
    def name(self) -> str:
        """How it is told from the others."""

    def check(self, request: Request) -> Verdict:
        """Serve a request; raises `Violation`."""


Check = Callable[[Face, Request], Verdict]

FACES: dict[str, Face] = {**CORES, SERVED.name: SERVED}

# CPU time of a whole call; and so much more for each JSON value where a body has very many.
BUDGET = 0.050
VALUE_BUDGET = 4e-6
_KEPT = 4096
_ATTEMPTS = 3000
_PRINTED = 1000


def check(face: Face, request: Request) -> Verdict:
    """Have a face serve a request; raises `Violation`."""
    return face.check(request)


@dataclass
class Finding:
    """A violation, and the smallest request found for it."""

    seed: int
    face: Face
    request: Request
    violation: Violation

    def __str__(self) -> str:
        """Say what to run to see it again."""
        shown = ", ".join(_literal(part) for part in self.request)
        return (
            f"violation: {self.violation}\nseed {self.seed}, dialect {self.face.name}; in tests/:\n"
            "import base64, zlib; from transcoding.fuzz import *\n"
            f"attempt(check, FACES[{self.face.name!r}], Request({shown}))"
        )


@dataclass
class Report:
    """What a run has seen."""

    seconds: float = 0.0
    inputs: int = 0
    outcomes: set[tuple[str, ...]] = field(default_factory=set)
    slowest: float = 0.0
    slowest_request: Request = field(default_factory=lambda: Request("", b""))
    finding: Finding | None = None

    def __str__(self) -> str:
        """One line."""
        request = self.slowest_request
        path, body = request.path[:40].decode(errors="replace"), request.body[:30].decode(errors="replace")
        return (
            f"{self.seconds:.0f} s, {self.inputs} inputs ({self.inputs / max(self.seconds, 1e-9):.0f}/s), "
            f"{len(self.outcomes)} distinct outcomes, slowest call {self.slowest * 1e3:.1f} ms CPU "
            f"({request.method} {path} {body}…, {len(request.body)} bytes of body)"
        )


def run(
    seconds: float,
    seed: int,
    *,
    check: Check = check,
    largest: int = LARGEST,
    timed: bool = True,
    inputs: int | None = None,
) -> Report:
    """Fuzz until the time is over, a violation is found, or so many inputs have been tried."""
    rng = random.Random(seed)
    supplies = {face.name: Inputs(rng, largest) for face in FACES.values()}
    report = Report()
    start = time.monotonic()
    for face, request in _requests(rng, supplies):
        report.seconds = time.monotonic() - start
        if report.seconds >= seconds or report.inputs == inputs:
            return report
        report.inputs += 1
        try:
            verdict = attempt(check, face, request, timed=timed)
        except Violation as violation:
            report.finding = Finding(seed, face, *_shrunk(check, face, request, violation, timed=timed))
            return report
        if verdict.outcome not in report.outcomes:
            report.outcomes.add(verdict.outcome)
            if sum(map(len, request[1:])) < _KEPT:
                supplies[face.name].keep(request)
        if verdict.seconds > report.slowest:
            report.slowest, report.slowest_request = verdict.seconds, request
    return report


def attempt(check: Check, face: Face, request: Request, *, timed: bool = True) -> Verdict:
    """Check one request, and the time that it takes.

    Raises:
        Violation: it broke a rule, raised what it must not, or took too long, three times.

    """
    try:
        verdict = check(face, request)
    except Violation:
        raise
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} in {place.name}, line {place.lineno}"
        raise Violation(kind, str(error)[:200]) from error
    if timed and verdict.seconds > BUDGET:
        allowed = BUDGET + VALUE_BUDGET * (request.body.count(b",") + request.body.count(b":"))
        spent = min(verdict.seconds, *(check(face, request).seconds for _ in range(3)))
        if spent > allowed:
            raise Violation("too slow", f"{spent * 1e3:.0f} ms of {allowed * 1e3:.0f}")
    return verdict


def _requests(rng: random.Random, supplies: dict[str, Inputs]) -> Iterator[tuple[Face, Request]]:
    """Each bomb in each size, then whatever comes."""
    for make, smaller, face in product(BOMBS, SMALLER, FACES.values()):
        yield face, supplies[face.name].bomb(make, smaller=smaller)
    # Over ASGI a request takes some four times as long.
    faces: list[Face] = [*CORES.values()] * 2 + [SERVED]
    while True:
        face = rng.choice(faces)
        yield face, supplies[face.name].draw()


def _shrunk(
    check: Check, face: Face, request: Request, violation: Violation, *, timed: bool
) -> tuple[Request, Violation]:
    """Cut a request down while the violation stays of its kind."""
    attempts = _ATTEMPTS if violation.kind != "too slow" else 0
    smaller = True
    while smaller and attempts > 0:
        smaller = False
        for candidate in _smaller(request):
            attempts -= 1
            try:
                attempt(check, face, candidate, timed=timed)
            except Violation as found:
                if found.kind == violation.kind:
                    request, violation, smaller = candidate, found, True
                    break
            if attempts <= 0:
                break
    return request, violation


def _smaller(request: Request) -> Iterator[Request]:
    """The request without a header, then without a stretch of a part, the longest stretches first."""
    headers = request.headers
    for index in range(len(headers)):
        yield request._replace(headers=headers[:index] + headers[index + 1 :])
    yield from (request._replace(body=body) for body in _cuts(request.body))
    yield from (request._replace(query=query) for query in _cuts(request.query))
    yield from (request._replace(path=path) for path in _cuts(request.path))


def _cuts(part: bytes) -> Iterator[bytes]:
    size = len(part)
    while size:
        for at in range(0, len(part), size):
            yield part[:at] + part[at + size :]
        size //= 2


def _literal(part: object) -> str:
    if isinstance(part, tuple):
        return "(" + "".join([f"{_literal(each)}, " for each in part]).rstrip(" ") + ")"
    shown = repr(part)
    if isinstance(part, bytes) and len(shown) > _PRINTED:
        packed = base64.b64encode(zlib.compress(part, 9)).decode()
        return f'zlib.decompress(base64.b64decode("{packed}"))'
    return shown


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Fuzz the transcoding library.")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
    print(f"seed {seed}", flush=True)
    report = run(options.seconds, seed)
    if report.finding is not None:
        print(report.finding)
    print(report)
    return int(report.finding is not None)


if __name__ == "__main__":
    sys.exit(main())
