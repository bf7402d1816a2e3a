from __future__ import annotations

import pytest

from authsvc.cli.tables import moment, table


def test_columns_stand_under_each_other() -> None:
    """A column is as wide as its widest cell, and no line ends in blanks."""
    assert table([("A", "LONG", "C"), ("aaa", "b", ""), ("", "", "c")]) == "A    LONG  C\naaa  b\n           c"


@pytest.mark.parametrize(
    ("at", "cell"), [(None, "-"), (0, "1970-01-01T00:00:00Z"), (1_700_000_000_999_999, "2023-11-14T22:13:20Z")]
)
def test_moments(at: int | None, cell: str) -> None:
    """To the second, in UTC; a dash for what has not happened."""
    assert moment(at) == cell
