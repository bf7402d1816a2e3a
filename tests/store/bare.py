"""Databases with two tables of nothing, for tests of the executors themselves."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from postgresql import server
from sqlalchemy import BigInteger, Column, ForeignKey, MetaData, Table, bindparam, func, insert, select, update

from authsvc.domain.databases import Postgres
from authsvc.store.connections import Raw
from authsvc.store.sqlite import connect

_metadata = MetaData()
t = Table("t", _metadata, Column("v", BigInteger, primary_key=True, autoincrement=False))
u = Table("u", _metadata, Column("v", BigInteger, ForeignKey("t.v")))
COUNT = select(func.count()).select_from(t)
VALUES = select(t.c.v).order_by(t.c.v)
INSERT = insert(t).values(v=bindparam("new"))
REFER = insert(u).values(v=bindparam("new"))
REPLACE = update(t).values(v=bindparam("new"))
ADD = update(t).values(v=t.c.v + 10)
DELETE = t.delete().where(t.c.v > bindparam("above"))
_TABLES = "CREATE TABLE t (v BIGINT PRIMARY KEY); CREATE TABLE u (v BIGINT REFERENCES t (v));"


def sqlite_file(path: Path) -> Path:
    """Such a database in a file."""
    connection = connect(path)
    connection.executescript(_TABLES)
    connection.close()
    return path


@cache
def _at_server() -> Postgres:
    database = server().create("template0")
    server().run(lambda raw: raw.execute(_TABLES), database)
    return database


def at_server() -> Postgres:
    """Such a database at the server, the same one each time, emptied."""

    async def empty(raw: Raw) -> None:
        await raw.execute("DELETE FROM u; DELETE FROM t")

    server().run(empty, _at_server())
    return _at_server()
