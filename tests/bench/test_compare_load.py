"""What `make bench` reads from the tools that make load, and what it has them ask."""

from __future__ import annotations

import json
from typing import Any

import pytest
from zitadel.auth_pb2 import ListMyUserGrantsRequest

from bench.compare.load import LoadError, Run, read_ghz, read_wrk
from bench.compare.questions import GET_USER, SESSIONS, Tokens, crowd, grants
from bench.generate import Plan

WRK = """\
Running 1s test @ http://127.0.0.1:41037
  1 threads and 16 connections
  Latency    46.62ms   11.57ms  66.43ms   57.73%%
  3464 requests in 1.00s, 5.66MB read

{"calls": 3464, "microseconds": 1000217, "p50": 4414.0, "p99": 9941.0, "failed": %d}
"""
GHZ: dict[str, Any] = {
    "count": 2126,
    "total": 1004220171,
    "statusCodeDistribution": {"OK": 2126},
    "latencyDistribution": [{"percentage": 50, "latency": 4964731}, {"percentage": 99, "latency": 35941420}],
}


def test_wrk_tells_calls_and_percentiles() -> None:
    """The script's last line gives the run, in seconds."""
    assert read_wrk(WRK % 0) == Run(3464, 1.000217, 0.004414, 0.009941)


@pytest.mark.parametrize("output", [WRK % 1, "", WRK.replace("3464,", "0,") % 0])
def test_wrk_may_not_fail(output: str) -> None:
    """A single bad answer, no answer, or no result is an error."""
    with pytest.raises(LoadError):
        read_wrk(output)


def test_ghz_tells_calls_and_percentiles() -> None:
    """The report gives the run, in seconds."""
    assert read_ghz(json.dumps(GHZ)) == Run(2126, 1.004220171, 0.004964731, 0.03594142)


@pytest.mark.parametrize(
    "report", ["no JSON", json.dumps(GHZ | {"count": 2127}), json.dumps(GHZ | {"statusCodeDistribution": {}})]
)
def test_ghz_may_not_fail(report: str) -> None:
    """A call with another status than OK, or no report, is an error."""
    with pytest.raises(LoadError):
        read_ghz(report)


def test_a_page_is_the_same_through_all_doors() -> None:
    """The query of a list is in the JSON body, in the message and in the gRPC-Web frame."""
    question = grants(100, 1_000)
    request = ListMyUserGrantsRequest.FromString(question.message())
    assert (request.query.limit, request.query.offset) == (100, 1_000)
    assert json.loads(question.as_json().body) == {"query": {"limit": 100, "offset": 1_000}}
    web = question.as_web()
    assert web.body == bytes([0, 0, 0, 0, len(question.message())]) + question.message()
    assert web.path == "/zitadel.auth.v1.AuthService/ListMyUserGrants"
    assert question.as_connect()._replace(path=question.path) == question.as_json()


def test_what_has_no_page_has_no_query() -> None:
    """GET has no body, and a search without a query an empty document."""
    assert GET_USER.as_json()[2:] == ("", b"")
    assert SESSIONS.as_json().body == b"{}"
    assert SESSIONS.message() == b""


@pytest.mark.parametrize("users", [1_000, 5_000])
def test_tokens_are_those_that_are_generated(users: int) -> None:
    """A token's number tells its user, and crowds come behind all others."""
    plan = Plan(users, 1_000)
    holders = plan.holders()
    tokens = Tokens(1, 1_000, users // 1_000)
    assert [tokens.user_id(number) for number in tokens.numbers()] == [user for user, _ in holders[:1_000]]
    assert tokens.token(7) == plan.token(7)
    deepest = crowd("grants", 50_000, 1_000)
    assert holders[deepest.first - 1] == (users + 4, None)
    assert crowd("sessions", 500, 1_000).last == len(holders)
