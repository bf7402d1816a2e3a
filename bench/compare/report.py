"""The results as Markdown, and where they go in the documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.compare import layers
from bench.compare.bars import Verdict, show
from bench.compare.measure import Cell, Results, Sample

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
TITLES = {
    "calls": "Beside ceilings and others",
    "engines": "PostgreSQL instead of SQLite",
    "size": "A large database",
    "depth": "Deep pages",
    "rows": "Long lists",
    "workers": "Two workers",
    "latency": "Latency at half of full load",
    "workos": "The face of WorkOS",
}
TEXTS = {
    "calls": """\
1,000 users with 100 grants each, on SQLite; half of the tokens belong to a browser in which three people are signed in.
The empty servers answer GetMyUser and have no database.""",
    "engines": "The same calls; PostgreSQL runs on the service's core, and its CPU has a column of its own.",
    "size": "Each user has 5 grants, and 3 people share a browser.",
    "depth": """\
One connection, one call at a time. An offset is counted off row by row, so what it costs grows with it.""",
    "rows": "The cost of a call is to grow no faster than its rows.",
    "workers": """\
ListMyUserGrants with 100 rows; service and load generator share both cores. The load generator's CPU is not counted:
what is compared is how many calls all workers together answer per second of CPU of the busiest one.""",
    "latency": "An open loop: calls are sent on time, whether others were answered or not.",
    "workos": """\
A user's three sessions with 1,000 API keys in turn, beside WorkOS's own emulator, with its data in memory. It
is made for tests, not for speed, and all that can be run of WorkOS.""",
}
LAYERS = """\
What each layer adds to the CPU of a call, from medians of the rounds: an empty ASGI application, empty handlers behind
authsvc's doors and pipeline, authsvc with rows that it has read before, and authsvc. Where an outer layer has no
measure, the next one has its share."""
_BY_CASE = ("calls", "engines", "size")
Column = tuple[str, Callable[[Sample], str]]
_COLUMNS: tuple[Column, ...] = (
    ("calls/s per core", lambda sample: f"{sample.per_core:,.0f}"),
    ("calls/s", lambda sample: f"{sample.rate:,.0f}"),
    ("CPU a call, µs", lambda sample: f"{sample.cost * 1e6:,.0f}"),
    ("p50, ms", lambda sample: f"{sample.p50 * 1e3:.2f}"),
    ("p99, ms", lambda sample: f"{sample.p99 * 1e3:.2f}"),
    ("memory, MB", lambda sample: f"{sample.memory:,.0f}"),
)
_BESIDE: Column = ("CPU of PostgreSQL, µs", lambda sample: f"{sample.cost_beside * 1e6:,.0f}" if sample.beside else "")
_BUSIEST: Column = ("calls by a second of the busiest's CPU", lambda sample: f"{sample.per_busiest:,.0f}")


def document(results: Results, verdicts: Sequence[Verdict], machine: Iterable[str], run: str, picture: str) -> str:
    """Everything that a run has found.

    `run` says how it was made, `picture` is where the plot is, seen from the page.
    """
    parts = ["\n".join([f"- {line}" for line in (*machine, run)])]
    if results.of("calls"):
        parts.append(f"![Calls per second and core of GetMyUser, as bars]({picture})")
    parts += [*_bars(verdicts), *_remarks(results)]
    for section, title in TITLES.items():
        if cells := list(results.of(section)):
            tables = _tables(results, cells, by_case=section in _BY_CASE)
            parts += [f"### {title}", TEXTS[section], *tables]
            parts += _layers(results) if section == "calls" else []
    return "\n\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A Markdown table; the first columns, as many as `words`, hold words, the others numbers."""
    align = ["---"] * words + ["--:"] * (len(head) - words)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, align, *rows))


def put(page: str, text: str) -> str:
    """A page with other text between its markers. Raises `ValueError` if it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def _bars(verdicts: Sequence[Verdict]) -> list[str]:
    rows = [
        (
            verdict.bar.name,
            verdict.bar.wanted(),
            "" if verdict.found is None else show(verdict.found, verdict.bar.unit),
            f"**{verdict.word()}**" if verdict.word() == "missed" else verdict.word(),
        )
        for verdict in verdicts
    ]
    return [table(("measure", "bar", "found", ""), rows, words=2)] if rows else []


def _remarks(results: Results) -> list[str]:
    """What a reader has to know about the run."""
    found = []
    if results.verified:
        names = ", ".join(results.verified)
        least = min(results.verified.values())
        found.append(f"Before the load, each of {least:,} tokens was answered with its own user: {names}.")
    if results.repeated:
        found.append(f"{results.repeated} rounds with failed calls were thrown away and measured again.")
    if results.missing:
        found.append("Left out: " + "; ".join(results.missing) + ".")
    return found


def _tables(results: Results, cells: Sequence[Cell], *, by_case: bool) -> list[str]:
    """One table for each case, or one for all."""
    columns = _columns(results, cells)

    def row(cell: Cell) -> list[str]:
        words = [cell.contender, cell.door.value] if by_case else [cell.case, cell.contender, cell.door.value]
        return words + [_middle(results.samples[cell], show_) for _, show_ in columns]

    names = [name for name, _ in columns]
    if not by_case:
        return [table(("", "", "door", *names), map(row, cells), words=3)]
    return [
        f"{case}:\n\n{table(('', 'door', *names), (row(cell) for cell in cells if cell.case == case), words=2)}"
        for case in dict.fromkeys(cell.case for cell in cells)
    ]


def _layers(results: Results) -> list[str]:
    """Where the time of a call goes."""
    head = ("CPU, µs", *(f"{case}, {door.value}" for case, door in layers.COLUMNS))
    return ["### Where the time goes", LAYERS, table(head, layers.rows(results))]


def _columns(results: Results, cells: Sequence[Cell]) -> list[Column]:
    """Those that all tables have, and what only some have something to say in."""
    columns = list(_COLUMNS)
    if any(sample.beside for cell in cells for sample in results.samples[cell]):
        columns.insert(3, _BESIDE)
    if cells[0].section == "workers":
        columns.insert(1, _BUSIEST)
    return columns


def _middle(samples: Sequence[Sample], show_: Callable[[Sample], str]) -> str:
    """A number of the round that is in the middle by calls per second per core."""
    return show_(sorted(samples, key=lambda sample: sample.per_core)[(len(samples) - 1) // 2])


def write(page: Path, text: str) -> None:
    """Put text between the markers of a file."""
    page.write_text(put(page.read_text(), text))
