"""How statements reach a database: compiled when they are first used, run by one of the executors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol, cast

from sqlalchemy import ClauseElement, Dialect
from sqlalchemy.sql.compiler import SQLCompiler

Row = tuple[Any, ...]
Rewrite = Callable[[ClauseElement], ClauseElement]


class Prepared:
    """A statement in a database's own SQL, its parameters in their order, and the values of the constant ones."""

    __slots__ = ("constants", "names", "sql")

    def __init__(self, sql: str, names: tuple[str, ...], constants: dict[str, Any]) -> None:
        self.sql = sql
        self.names = names
        self.constants = constants

    def arguments(self, parameters: dict[str, Any]) -> list[Any]:
        """The values in the order in which the SQL takes them."""
        values = {**self.constants, **parameters} if self.constants else parameters
        return [values[name] for name in self.names]


class _Compiled(Prepared):
    """Compiled at the first use: for all that a service may ever run, that would take a twentieth of its start."""

    __slots__ = ("_dialect", "_rewrite", "_statement")

    def __init__(self, statement: ClauseElement, dialect: Dialect, rewrite: Rewrite) -> None:
        self._statement = statement
        self._dialect = dialect
        self._rewrite = rewrite

    def __getattr__(self, name: str) -> Any:
        """Called for what is not there yet only, so later uses pay nothing."""
        if name not in Prepared.__slots__:
            raise AttributeError(name)
        compiled = cast("SQLCompiler", self._rewrite(self._statement).compile(dialect=self._dialect))
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        super().__init__(str(compiled), tuple(compiled.positiontup or ()), constants)
        return getattr(self, name)


def _unchanged(statement: ClauseElement) -> ClauseElement:
    return statement


def prepare(statement: ClauseElement, dialect: Dialect, rewrite: Rewrite = _unchanged) -> Prepared:
    """`statement` for `dialect`, as `rewrite` has it; its `bindparam`s become parameters, given at each run by name."""
    return _Compiled(statement, dialect, rewrite)


class Stats(NamedTuple):
    """How many connections are open, those being opened included, how many of them rest, and how many calls wait."""

    open: int
    idle: int
    waiting: int


class Reader(Protocol):
    """Runs statements; parameters are given by name."""

    async def fetch_all(self, prepared: Prepared, /, **parameters: Any) -> Sequence[Row]:
        """All rows. Raises `Unavailable` when the database does not answer."""

    async def fetch_one(self, prepared: Prepared, /, **parameters: Any) -> Row | None:
        """The first row, or None. Raises `Unavailable` when the database does not answer."""


class Transaction(Reader, Protocol):
    """A write transaction: committed at the end of its block, rolled back by any exception."""

    async def execute(self, prepared: Prepared, /, **parameters: Any) -> int:
        """Run a statement that returns no rows; the number of rows it changed."""

    async def execute_many(self, prepared: Prepared, rows: Iterable[dict[str, Any]], /) -> None:
        """Run such a statement once with each of these parameters, all in one go."""


class Executor(Reader, Protocol):
    """A database."""

    @property
    def stats(self) -> Stats | None:
        """How busy its connections are; None where nobody ever waits for one."""

    def prepare(self, statement: ClauseElement) -> Prepared:
        """`statement` for this database, which compiles it once."""

    async def has_table(self, name: str) -> bool:
        """Whether there is a table with this name."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a write transaction; writers wait for each other."""

    async def close(self) -> None:
        """Let go of all connections."""
