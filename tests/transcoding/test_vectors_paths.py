"""Path templates and requests collected from other implementations, against parser, router and decoding."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from authsvc.transcoding._errors import MethodNotAllowed, NoRoute, RouteError, Unreadable
from authsvc.transcoding._query import QueryReader
from authsvc.transcoding._router import Match, Route, Router
from authsvc.transcoding._template import Template, parse
from authsvc.transcoding._url import decode_capture

from .vector_schema import vector_class

_DATA = json.loads(Path(__file__).with_name("vectors").joinpath("paths.json").read_text())
CASES = _DATA["cases"]
_AGREED = [case for case in CASES if case["tag"] == "agrees"]
_PINNED = [case for case in CASES if case["tag"] != "agrees"]
_REFUSALS: dict[type[Exception], str | int] = {
    RouteError: "refused",
    NoRoute: 404,
    MethodNotAllowed: 405,
    Unreadable: 400,
}


def _id(case: Any) -> str:
    return str(case["id"])


def _parsed(text: str) -> Template | None:
    try:
        return parse(text)
    except RouteError:
        return None


def routes(case: Any) -> list[str]:
    """Return the routes of a case, each as HTTP method and template."""
    if "routes" not in case:
        return [f"{case['method']} {case['template']}"]
    named: list[str] = case["routes"] if isinstance(case["routes"], list) else _DATA["routes"][case["routes"]]
    return named


def _match(case: Any) -> Match[str]:
    """Route a case; templates that are refused at start, and not what the case is about, are left out."""
    pairs = [(text, text.split(" ")) for text in routes(case)]
    known = [
        Route(http_method, template, text, text)
        for text, (http_method, path) in pairs
        if (template := _parsed(path)) is not None
    ]
    # A server splits the query off before it routes.
    return Router(known).match(case["method"], case["path"].partition("?")[0])


def _fields(case: Any, found: Match[str]) -> dict[str, str]:
    reserved = case.get("unescape") == "all_except_reserved"
    return {
        each.name: decode_capture(found.captures[each.name], multi=each.multi, reserved_expansion=reserved)
        for each in found.route.template.variables
    }


def outcome(case: Any) -> Any:
    """Return what the library makes of a case, in the form of the `ours` of the data."""
    template = case.get("template")
    if case["kind"] == "parse":
        return "valid" if _parsed(template) else "invalid"
    if template is not None and _parsed(template) is None:
        return "refused"
    try:
        found = _match(case)
        return {"route": found.route.target, "fields": _fields(case, found)}
    except (RouteError, NoRoute, MethodNotAllowed, Unreadable) as error:
        return _REFUSALS[type(error)]


def _accepted(case: Any) -> list[Any]:
    if case["kind"] == "parse":
        return [case["expect"]]
    if case["expect"] is not None:
        return [{"route": f"{case['method']} {case['template']}", "fields": case["expect"]}]
    return [case["status"]] if "status" in case else [404, 405]


@pytest.mark.parametrize("case", _AGREED, ids=_id)
def test_agreed_path_has_the_agreed_outcome(case: Any) -> None:
    """Where a strict reading of google.api.http decides a case, the library does as it says."""
    assert outcome(case) in _accepted(case)


@pytest.mark.parametrize("case", _PINNED, ids=_id)
def test_open_path_keeps_our_answer(case: Any) -> None:
    """Where google.api.http is silent, or others go beyond it, the answer is ours and does not change unnoticed."""
    assert outcome(case) == case["ours"]


@pytest.mark.parametrize("case", [each for each in _AGREED if "segments" in each], ids=_id)
def test_template_has_the_agreed_parts(case: Any) -> None:
    """Segments, verb and the spans of the variables come out of the parser as agreed."""
    template = parse(case["template"])
    spans = [[each.name, each.start, each.stop] for each in template.variables]
    assert [list(template.segments), template.verb, spans] == [case["segments"], case["verb"], case["variables"]]


@pytest.mark.parametrize("case", [each for each in _AGREED if "names" in each], ids=_id)
def test_template_has_the_agreed_names(case: Any) -> None:
    """The verb and the names of the variables come out of the parser as agreed."""
    template = parse(case["template"])
    assert [template.verb, [each.name for each in template.variables]] == [case["verb"], case["names"]]


@pytest.mark.parametrize("case", [each for each in CASES if "query" in each], ids=_id)
def test_query_of_a_path_is_read(case: Any) -> None:
    """The few path cases that have a query agree on it too, or our own answer is pinned."""
    message = vector_class("Text")()
    reader = QueryReader(message.DESCRIPTOR, path_bound=case["expect"].keys(), body="", reject_unknown=False)
    reader.read(case["query"].encode(), message)
    assert MessageToDict(message) == case.get("ours_query", case["expect_query"])


def test_every_collected_path_is_here() -> None:
    """No case gets lost: 666 were collected, and 552 of them are agreed upon."""
    assert (len({case["id"] for case in CASES}), len(_AGREED)) == (666, 552)
