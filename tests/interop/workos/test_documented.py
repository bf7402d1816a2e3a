"""WorkOS's own documentation, tried on the demo data: https://workos.com/docs/reference/authkit/session/list."""

from __future__ import annotations

import re
import shlex
from typing import Any

import orjson
import pytest
from harness import Server, command
from interop.support import run, system_tool

# As it is written there.
CURL = """\
curl "https://api.workos.com/user_management/users/user_01EHZNVPK3SFK441A1RGBFSHRT/sessions" \\
  --header "Authorization: Bearer sk_example_123456789"
"""
ANSWER: dict[str, Any] = {
    "object": "list",
    "data": [
        {
            "object": "session",
            "id": "session_01H93ZY4F80QPBEZ1R5B2SHQG8",
            "impersonator": {
                "email": "admin@foocorp.com",
                "reason": "Investigating an issue with the customer's account.",
            },
            "ip_address": "198.51.100.42",
            "organization_id": "org_01H945H0YD4F97JN9MATX7BYAG",
            "user_agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36",
            "user_id": "user_01E4ZCR3C56J083X43JQXF3JK5",
            "auth_method": "sso",
            "status": "active",
            "expires_at": "2026-01-15T12:00:00.000Z",
            "ended_at": None,
            "created_at": "2026-01-15T12:00:00.000Z",
            "updated_at": "2026-01-15T12:00:00.000Z",
        }
    ],
    "list_metadata": {
        "before": "session_01HXYZ123456789ABCDEFGHIJ",
        "after": "session_01HXYZ987654321KJIHGFEDCBA",
    },
}
# Where the example cannot be followed: its user is not the one asked for, and its session is over when it begins.
OURS = {"user_id": "user_01EHZNVPK3SFK441A1RGBFSHRT"}
TIMES = {"expires_at", "updated_at"}


@pytest.fixture(scope="module")
def answer(server: Server) -> Any:
    """What the documented line prints, but for the address and the key."""
    key = command("apikey", "create", "--name", "documented", database_url=server.database_url).stdout.strip()
    line = CURL.replace("https://api.workos.com", server.url).replace("sk_example_123456789", key)
    program, *arguments = shlex.split(line.replace("\\\n", ""))
    return orjson.loads(run(system_tool(program), "--silent", "--show-error", "--fail", *arguments).stdout)


@pytest.fixture(scope="module")
def session(answer: Any) -> Any:
    """The documented session in it."""
    (found,) = [row for row in answer["data"] if row["id"] == ANSWER["data"][0]["id"]]
    return found


def test_the_line_gives_a_list(answer: Any) -> None:
    """The answer has the documented keys, in the documented order."""
    assert list(answer) == list(ANSWER)
    assert list(answer["list_metadata"]) == list(ANSWER["list_metadata"])
    assert answer["object"] == "list"


def test_the_documented_session_is_as_documented(session: Any) -> None:
    """Its keys stand in their order, and its values are those of the documentation."""
    expected = {**ANSWER["data"][0], **OURS}
    assert list(session) == list(expected)
    assert {name: session[name] for name in expected if name not in TIMES} == {
        name: value for name, value in expected.items() if name not in TIMES
    }


def test_its_other_times_are_times(session: Any) -> None:
    """They are written as the documented ones are, and the session ends after it begins."""
    for name in TIMES:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", session[name])
    assert session["expires_at"] > session["created_at"]
