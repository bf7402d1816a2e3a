"""How counts of calls are kept for many processes, and how they are told."""

from __future__ import annotations

from authsvc.telemetry.in_flight import Kind, Tally, exposition


def test_rows_are_added_up() -> None:
    """What each row counts is in the sums, by kind; a row that is cleared is in them no more, and others stay."""
    tally = Tally(300)
    for number, kind, count in [(0, Kind.USERS, 2), (299, Kind.USERS, 3), (7, Kind.STREAMS, 2**40)]:
        tally.row(number)[kind] += count
    assert tally.sums() == {"users": 5, "keys": 0, "public": 0, "streams": 2**40}
    tally.clear(299)
    assert tally.sums() == {"users": 2, "keys": 0, "public": 0, "streams": 2**40}
    assert tally.row(299).tolist() == [0, 0, 0, 0]


def test_the_text_is_that_of_prometheus() -> None:
    """Help and type come first, then a line for each kind; every line ends."""
    assert exposition({"users": 5, "streams": 0}) == (
        "# HELP authsvc_calls_in_flight Calls that have begun and wait for something.\n"
        "# TYPE authsvc_calls_in_flight gauge\n"
        'authsvc_calls_in_flight{kind="users"} 5\n'
        'authsvc_calls_in_flight{kind="streams"} 0\n'
    )
