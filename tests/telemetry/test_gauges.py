"""How counts of calls are kept for many processes, and how they are told."""

from __future__ import annotations

from authsvc.telemetry.gauges import Kind, Pool, Tally, exposition

NOTHING = {"users": 0, "keys": 0, "public": 0, "streams": 0, "busy": 0, "idle": 0, "waiting": 0}


def test_rows_are_added_up() -> None:
    """What each row counts is in the sums, by kind; a row that is cleared is in them no more, and others stay."""
    tally = Tally(300)
    for number, kind, count in [(0, Kind.USERS, 2), (299, Kind.USERS, 3), (7, Kind.STREAMS, 2**40), (7, Pool.IDLE, 8)]:
        tally.row(number)[kind] += count
    assert tally.sums() == NOTHING | {"users": 5, "streams": 2**40, "idle": 8}
    tally.clear(299)
    assert tally.sums() == NOTHING | {"users": 2, "streams": 2**40, "idle": 8}
    assert tally.row(299).tolist() == [0] * len(NOTHING)


def test_the_text_is_that_of_prometheus() -> None:
    """Help and type come first, then a line for each number; every line ends."""
    assert exposition({"users": 5, "streams": 0, "idle": 1, "waiting": 7}) == (
        "# HELP authsvc_calls_in_flight Calls that have begun and wait for something.\n"
        "# TYPE authsvc_calls_in_flight gauge\n"
        'authsvc_calls_in_flight{kind="users"} 5\n'
        'authsvc_calls_in_flight{kind="streams"} 0\n'
        "# HELP authsvc_database_connections Connections to PostgreSQL.\n"
        "# TYPE authsvc_database_connections gauge\n"
        'authsvc_database_connections{state="idle"} 1\n'
        "# HELP authsvc_database_waiting Reads and writes that wait for a connection.\n"
        "# TYPE authsvc_database_waiting gauge\n"
        "authsvc_database_waiting 7\n"
    )
