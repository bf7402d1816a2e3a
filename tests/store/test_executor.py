from __future__ import annotations

import pytest
from sqlalchemy import Dialect, bindparam, literal, select
from sqlalchemy.dialects.sqlite import dialect

from authsvc.store.executor import Prepared, prepare
from authsvc.store.schema import users

SQLITE = dialect(paramstyle="qmark")


def test_a_statement_is_compiled_once_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is prepared and never run costs nothing; what is run again costs nothing again."""
    statement, made = select(users.c.id), []

    def compile_it(*, dialect: Dialect) -> object:
        made.append(dialect)
        return select(users.c.id).compile(dialect=dialect)

    monkeypatch.setattr(statement, "compile", compile_it)
    prepared = prepare(statement, SQLITE)
    assert made == []
    assert prepared.sql == "SELECT users.id \nFROM users"
    assert (prepared.names, prepared.constants, made) == ((), {}, [SQLITE])
    assert not hasattr(prepared, "nothing")


def test_arguments_stand_in_the_order_of_the_sql() -> None:
    """Parameters are given by name and handed over in the order of their marks, also when one comes twice."""
    statement = select(users.c.id).where(
        users.c.org_id == bindparam("b"), users.c.id == bindparam("a"), users.c.sequence > bindparam("b")
    )
    prepared = prepare(statement, SQLITE)
    assert prepared.sql.count("?") == 3
    assert prepared.arguments({"a": 1, "b": 2}) == [2, 1, 2]


def test_constants_need_not_be_given() -> None:
    """Values that stand in the statement itself come along, and a value given does not change them."""
    prepared = prepare(select(literal("x")).where(users.c.state != 3, users.c.id == bindparam("id")), SQLITE)
    assert prepared.arguments({"id": 9}) == ["x", 3, 9]
    assert prepared.arguments({"id": 10}) == ["x", 3, 10]


def test_a_parameter_may_be_none() -> None:
    """None is a value like any other."""
    prepared = prepare(select(users.c.id).where(users.c.id == bindparam("id")), SQLITE)
    assert prepared.arguments({"id": None}) == [None]


def test_a_missing_parameter_is_an_error() -> None:
    """A parameter that is not given is a mistake of ours, never a NULL."""
    prepared = prepare(select(users.c.id).where(users.c.id == bindparam("id")), SQLITE)
    with pytest.raises(KeyError, match="id"):
        prepared.arguments({})


def test_values_never_enter_the_sql() -> None:
    """Nothing given as a parameter or a literal becomes part of the SQL text."""
    prepared = prepare(select(literal("'; DROP TABLE users; --")), SQLITE)
    assert "DROP" not in prepared.sql
    assert Prepared("SELECT 1", (), {}).arguments({"ignored": 1}) == []
