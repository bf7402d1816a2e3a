"""What is measured, section by section."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.compare import contenders, workos
from bench.compare.databases import POSTGRES, SQLITE, Databases, Filled
from bench.compare.doors import OURS, Door
from bench.compare.load import CONNECTIONS, Load
from bench.compare.measure import Cell, Results, Trial, play, trial
from bench.compare.questions import GET_USER, SESSIONS, Question, Tokens, grants
from bench.compare.services import Service, authsvc
from bench.compare.verify import verify_same, verify_users

SMALL = 1_000
USER, GRANTS, BROWSER = "GetMyUser", "ListMyUserGrants, 100", "ListMyUserSessions"
CASES: dict[str, Question] = {USER: GET_USER, GRANTS: grants(100), BROWSER: SESSIONS}
OFFSETS = (0, 1_000, 10_000, 49_000)
CROWDS = {"grants": (10, 100, 1_000), "sessions": (10, 100, 500)}
ROUTE = "user_management/users/{id}/sessions"
PEAK, HALF = "at full load", "at half of it"


@dataclass
class Bench:
    """A run: how long and how often each cell is measured, and the databases that sections share."""

    results: Results
    ghz: Path | None
    rounds: int
    seconds: float
    users: int
    databases: Databases

    def load(
        self, connections: int = CONNECTIONS, *, pinned: bool = True, rate: int | None = None, times: int = 1
    ) -> Load:
        """The load for one round of one cell, so many times as long as others."""
        return Load(self.seconds * times, connections, pinned, rate)

    def play(self, trials: Sequence[Trial]) -> None:
        """Measure cells in turns."""
        play(self.results, trials, self.rounds, self.ghz)

    def able(self, doors: Sequence[Door]) -> list[Door]:
        """Those doors through which calls can be made here."""
        return [door for door in doors if self.ghz or not door.native]

    def serve(self, stack: ExitStack, filled: Filled) -> Service:
        """A running authsvc on a database, one worker of each kind on one core; its answers are looked at."""
        service = stack.enter_context(authsvc(filled.url, beside=filled.beside))
        verify_users(Door.JSON, service, filled.tokens)
        return service


def calls(bench: Bench) -> None:
    """Each RPC through each door, beside the ceilings and beside others."""
    filled = bench.databases.filled(SQLITE, SMALL, 100)
    with ExitStack() as stack:
        ours = stack.enter_context(authsvc(filled.url))
        for door in bench.able(OURS):
            bench.results.verified[f"{contenders.AUTHSVC} ({door.value})"] = verify_users(door, ours, filled.tokens)
            verify_same(ours, door, ours, CASES.values(), filled.tokens)
        trials = _trials("calls", bench, contenders.AUTHSVC, ours, OURS, CASES, filled.tokens)
        for other in contenders.OTHERS:
            if reason := other.missing():
                bench.results.missing.append(reason)
                continue
            service = stack.enter_context(other.start(filled, ours))
            for door in bench.able(other.doors) if other.real else ():
                bench.results.verified[f"{other.name} ({door.value})"] = verify_users(door, service, filled.tokens)
                verify_same(service, door, ours, CASES.values(), filled.tokens)
            cases = CASES if other.real else {USER: GET_USER}
            trials += _trials("calls", bench, other.name, service, other.doors, cases, filled.tokens)
        # Those that are compared with each other have their turns one after another.
        bench.play(sorted(trials, key=lambda each: list(CASES).index(each.cell.case)))


def engines(bench: Bench) -> None:
    """PostgreSQL instead of SQLite; it serves on the same core, and its CPU is told apart."""
    with ExitStack() as stack:
        trials = []
        for engine in (SQLITE, POSTGRES):
            filled = bench.databases.filled(engine, SMALL, 100)
            service = bench.serve(stack, filled)
            trials += _trials("engines", bench, engine, service, (Door.GRPC, Door.JSON), CASES, filled.tokens)
        bench.play(trials)


def sized(engine: str, users: int) -> str:
    """The name of an engine with so many users."""
    return f"{engine}, {users:,} users"


def size(bench: Bench) -> None:
    """Many users against few."""
    cases = {USER: GET_USER, "ListMyUserGrants, 5": grants(5)}
    for engine in (SQLITE, POSTGRES):
        with ExitStack() as stack:
            trials = []
            for users in (SMALL, bench.users):
                filled = bench.databases.filled(engine, users)
                service = bench.serve(stack, filled)
                name = sized(engine, users)
                trials += _trials("size", bench, name, service, (Door.JSON,), cases, filled.tokens)
            bench.play(trials)


def at_offset(offset: int) -> str:
    """The name of the case of one page of many."""
    return f"100 of 50,000 grants from {offset:,} on"


def depth(bench: Bench) -> None:
    """Pages of the grants of somebody who has 50,000, one call at a time."""
    cases = {at_offset(offset): grants(100, offset) for offset in OFFSETS}
    with ExitStack() as stack:
        trials = []
        for engine in (SQLITE, POSTGRES):
            filled = bench.databases.filled(engine, SMALL)
            tokens = filled.crowd("grants", 50_000)
            service = bench.serve(stack, filled)
            load = bench.load(connections=1)
            trials += [
                trial("depth", engine, service, (Door.JSON, case, question), tokens, load)
                for case, question in cases.items()
            ]
        bench.play(trials)


def of_many(kind: str, count: int) -> str:
    """The name of the case of a list that is answered whole."""
    return f"{count:,} {kind}"


def rows(bench: Bench) -> None:
    """Lists of many rows against lists of few."""
    filled = bench.databases.filled(SQLITE, SMALL)
    with ExitStack() as stack:
        service = bench.serve(stack, filled)
        bench.play(
            [
                trial(
                    "rows",
                    contenders.AUTHSVC,
                    service,
                    (door, of_many(kind, count), grants(count) if kind == "grants" else SESSIONS),
                    filled.crowd(kind, count),
                    bench.load(),
                )
                for kind, counts in CROWDS.items()
                for door in (Door.GRPC, Door.JSON)
                for count in counts
            ]
        )


def crew(workers: int) -> str:
    """The name of a service with so many workers."""
    return f"{workers} worker{'s' if workers > 1 else ''}"


def workers(bench: Bench) -> None:
    """Two workers against one, on both cores with the load generator, for calls that keep them busy."""
    filled = bench.databases.filled(SQLITE, SMALL, 100)
    with ExitStack() as stack:
        trials = []
        for count in (1, 2):
            service = stack.enter_context(authsvc(filled.url, workers=count, pinned=False))
            load = bench.load(connections=16 * CONNECTIONS, pinned=False)
            ask = (Door.JSON, GRANTS, CASES[GRANTS])
            trials.append(trial("workers", crew(count), service, ask, filled.tokens, load))
        bench.play(trials)


def latency(bench: Bench) -> None:
    """GetMyUser over native gRPC at half of what the service can do, in an open loop."""
    filled = bench.databases.filled(SQLITE, SMALL)
    with ExitStack() as stack:
        service = bench.serve(stack, filled)
        ask = (Door.GRPC, USER, GET_USER)
        bench.play([trial("latency", PEAK, service, ask, filled.tokens, bench.load())])
        peak = bench.results.median(Cell("latency", PEAK, Door.GRPC, USER), lambda sample: sample.rate)
        if peak:
            # Of a short round, how the load generator begins would be the slowest hundredth.
            load = bench.load(rate=round(peak / 2), times=5)
            bench.play([trial("latency", HALF, service, ask, filled.tokens, load)])


def workos_route(bench: Bench) -> None:
    """A user's sessions, as WorkOS's SDKs ask for them."""
    filled = bench.databases.filled(SQLITE, SMALL)
    with ExitStack() as stack:
        question = workos.ours(filled)
        contended = [(contenders.AUTHSVC, stack.enter_context(authsvc(filled.url)), question)]
        if reason := workos.missing():
            bench.results.missing.append(reason)
        else:
            contended.append((workos.EMULATOR, *stack.enter_context(workos.emulator())))
        trials = []
        for name, service, asked in contended:
            bench.results.verified[f"{name} (route of WorkOS)"] = workos.verify(service, asked)
            ask = (Door.JSON, ROUTE, asked)
            trials.append(trial("workos", name, service, ask, workos.KEYS, bench.load()))
        bench.play(trials)


def _trials(
    section: str,
    bench: Bench,
    name: str,
    service: Service,
    doors: Sequence[Door],
    cases: Mapping[str, Question],
    tokens: Tokens,
) -> list[Trial]:
    """All cases through all doors."""
    return [
        trial(section, name, service, (door, case, question), tokens, bench.load())
        for case, question in cases.items()
        for door in doors
    ]


SECTIONS: dict[str, Callable[[Bench], None]] = {
    "calls": calls,
    "engines": engines,
    "size": size,
    "depth": depth,
    "rows": rows,
    "workers": workers,
    "latency": latency,
    "workos": workos_route,
}
