from __future__ import annotations

import re
from typing import Any, NamedTuple

import orjson
import pytest
from harness import Server
from interop.support import (
    HERE,
    INVALID_TOKEN,
    INVALID_TOKEN_DETAIL,
    error_details,
    from_base64,
    json_outcome,
    node,
)

WEB = ["zitadel-client-web", "connect-web", "grpc-web-text", "grpc-web-binary"]
NATIVE = ["zitadel-node", "zitadel-client-node"]
# What keeps times as JavaScript dates.
MILLISECONDS = {"zitadel-node"}
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z")


class Run(NamedTuple):
    """One run of a client."""

    client: str
    document: Any


@pytest.fixture(
    scope="module",
    params=[(client, "one address") for client in NATIVE + WEB] + [(client, "grpcio") for client in NATIVE],
    ids="-".join,
)
def outcome(request: pytest.FixtureRequest, server: Server, gigi: str) -> Run:
    """What a client saw on one of the addresses."""
    client, door = request.param
    url = server.url if door == "one address" else f"http://{server.grpcio_address}"
    return Run(client, orjson.loads(node(HERE / "clients" / f"{client}.mjs", url, gigi)))


def test_the_answers_are_those_of_plain_json(outcome: Run, server: Server, gigi: str) -> None:
    """Every field of user, sessions and grants that a client decodes equals the one in the JSON answers."""
    seen = {part: value for part, value in outcome.document.items() if part != "badToken"}
    expected = json_outcome(server, gigi)
    if outcome.client in MILLISECONDS:
        seen, expected = in_milliseconds(seen), in_milliseconds(expected)
    assert seen == expected


def test_a_page_of_two_grants_comes_in_order(outcome: Run) -> None:
    """`limit` and `asc` reach the server: two of three grants, the older one first."""
    grants = outcome.document["grants"]
    created = [grant["details"]["creationDate"] for grant in grants["items"]]
    assert (grants["total"], len(created)) == ("3", 2)
    assert created == sorted(created)


def test_a_bad_token_is_refused(outcome: Run) -> None:
    """The client sees UNAUTHENTICATED, the message, and the ErrorDetail in the status details."""
    failure = outcome.document["badToken"]
    assert (failure["code"], failure["message"]) == (16, INVALID_TOKEN)
    assert details_of(failure) == [INVALID_TOKEN_DETAIL]


def details_of(failure: Any) -> Any:
    """The ErrorDetails; some clients decode them, others hand over the bytes of the status."""
    if "details" in failure:
        return failure["details"]
    return error_details(from_base64(failure["statusDetails"]))


def in_milliseconds(value: Any) -> Any:
    """A JSON document with its times cut after the millisecond."""
    if isinstance(value, dict):
        return {key: in_milliseconds(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [in_milliseconds(inner) for inner in value]
    time = _TIME.fullmatch(value) if isinstance(value, str) else None
    return f"{time[1]}.{(time[2] or '')[:3]:0<3}Z" if time else value
