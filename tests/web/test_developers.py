"""What the account page gives to developers: answers as they are, and lines that really run."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from interop.driver import Driver
from interop.support import direct_environment, json_answer, system_tool, tool
from web.people import ADA
from web.site import Site

# By method: the request that the page makes.
METHODS: dict[str, dict[str, Any]] = {
    "GetMyUser": {},
    "ListMyUserSessions": {},
    "ListMyUserGrants": {"query": {"limit": 1000, "asc": True}},
}
TOOLS: dict[str, Callable[[str], Path]] = {"curl": system_tool, "grpcurl": tool, "buf": tool}
COPY_TOKEN = "Copy access token"


@pytest.fixture(scope="module")
def seen(site: Site, chromium: Driver) -> Any:
    """What somebody saw and copied."""
    return chromium("developers", site=site.url, person=ADA.typed())


def test_it_is_out_of_the_way(seen: Any) -> None:
    """The part is closed until somebody opens it."""
    assert seen["closed"] is False


def test_everything_can_be_copied(seen: Any) -> None:
    """Every method has a line for each tool, and the token has a button of its own."""
    assert set(seen["copied"]) == {
        COPY_TOKEN,
        *(f"Copy {name} line for {method}" for name in TOOLS for method in METHODS),
    }


@pytest.mark.parametrize("method", METHODS)
def test_answers_are_shown_as_they_are(seen: Any, site: Site, method: str) -> None:
    """The JSON on the page is what the JSON API answers."""
    (shown,) = [answer for answer in seen["answers"] if method in answer["name"]]
    assert (shown["role"], shown["isFocusable"]) == ("region", True)
    assert orjson.loads(shown["text"]) == answer(site, seen, method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", TOOLS)
def test_lines_run(seen: Any, site: Site, name: str, method: str) -> None:
    """A copied line works in a shell that has the copied token, and prints the same answer."""
    folder = TOOLS[name](name).parent
    line = seen["copied"][f"Copy {name} line for {method}"]
    variables = direct_environment()
    variables |= {"TOKEN": seen["copied"][COPY_TOKEN], "PATH": f"{folder}:{variables['PATH']}"}
    done = subprocess.run(["sh", "-c", line], check=False, capture_output=True, text=True, timeout=30, env=variables)
    assert done.returncode == 0, done.stderr
    assert orjson.loads(done.stdout) == answer(site, seen, method)


def answer(site: Site, seen: Any, method: str) -> Any:
    """What the JSON API answers to the call that the page has made."""
    return json_answer(site.server, seen["token"], method, METHODS[method])


def test_lines_hold_no_token(seen: Any) -> None:
    """The token is on the clipboard only if somebody asks for it: lines have a variable in its place."""
    token = seen["copied"].pop(COPY_TOKEN)
    assert token == seen["token"]
    assert all("$TOKEN" in line and token not in line for line in seen["copied"].values())
    assert [place for place in seen["places"] if token in str(place)] == []


def test_a_token_comes_with_a_warning(seen: Any) -> None:
    """The page says what somebody can do who has the token."""
    assert "act as you until it expires" in seen["said"]


def test_no_complaints(seen: Any) -> None:
    """The browser has nothing to complain about."""
    assert seen["complaints"] == []
