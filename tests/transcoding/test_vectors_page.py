"""docs/transcoding.md has every answer that the collected cases pin, and no other."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from . import test_vectors_paths, test_vectors_queries

PAGE = Path(__file__).parents[2] / "docs" / "transcoding.md"
PINNED = [
    *(case for case in test_vectors_paths.CASES if case["tag"] != "agrees" or "ours_query" in case),
    *(case for case in test_vectors_queries.CASES if case["tag"] != "required"),
]


def row(case: Any) -> str:
    """Write a case as a row of the page's tables: its id, the input, our answer."""
    answer = case["ours_query"] if "ours_query" in case else case["ours"]
    return f"| {case['id']} | {_request(case) or _query(case)} | {_code(answer)} |"


def _request(case: Any) -> str:
    if "kind" not in case:
        return ""
    if case["kind"] == "parse":
        return _code(case["template"])
    query = f"?{case['query']}" if "query" in case else ""
    request = _code(f"{case['method']} {case['path']}{query}")
    headers = ", ".join(f"{name}: {value}" for name, value in case.get("headers", {}).items())
    return f"{request}{f' ({headers})' if headers else ''} to {_routes(case)}"


def _routes(case: Any) -> str:
    routes = test_vectors_paths.routes(case)
    if len(routes) <= 4:
        return ", ".join(_code(route) for route in routes)
    if "template" not in case:
        return f"`{case['routes']}`"
    return f"{_code(case['template'])} of `{case['routes']}`"


def _query(case: Any) -> str:
    parts = [_code(case["query"])] if case["query"] else []
    if "bound" in case:
        parts.append("path: " + ", ".join(map(_code, case["bound"])))
    if "body_field" in case:
        parts.append(f"body {_code(case['body_field'])}: {_code(case['body'])}")
    return ", ".join(parts)


def _code(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "`{}`".format(text.replace("|", r"\|"))


@pytest.mark.parametrize("case", PINNED, ids=[case["id"] for case in PINNED])
def test_page_has_the_pinned_answer(case: Any) -> None:
    """Each open case stands in a table of the page, with the answer that the tests hold the library to."""
    assert row(case) in PAGE.read_text().splitlines()


def test_page_has_no_other_answers() -> None:
    """The page says nothing about cases that are not pinned, and nothing twice."""
    shown = re.findall(r"^\| (\w*\d) \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(shown) == sorted(case["id"] for case in PINNED)
