"""Query strings collected from other implementations, read into a message with every kind of field."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from authsvc.transcoding import BadRequest, Dialect, RouteError, Transcoder
from authsvc.transcoding._query import QueryReader

from .vector_schema import vector_class, vector_method

Policy = Literal["ignore", "reject"]

CASES = json.loads(Path(__file__).with_name("vectors").joinpath("queries.json").read_text())["cases"]
_REQUIRED = [case for case in CASES if case["tag"] == "required"]
_PINNED = [case for case in CASES if case["tag"] != "required"]

Query = vector_class("Query")


def _id(case: Any) -> str:
    return str(case["id"])


def _message(case: Any, unknown: Policy) -> Any:
    if "body_field" in case:
        transcoder = Transcoder([vector_method(case["body_field"])], dialect=Dialect(unknown=unknown))
        call = transcoder.match("POST", "/x", case["query"].encode(), [(b"content-type", b"application/json")])
        return call.message(json.dumps(case["body"]).encode())
    message = Query()
    bound = case.get("bound", [])
    reader = QueryReader(Query.DESCRIPTOR, path_bound=bound, body="", reject_unknown=unknown == "reject")
    reader.read(case["query"].encode(), message)
    return message


def _outcome(case: Any, unknown: Policy) -> Any:
    try:
        return MessageToDict(_message(case, unknown))
    except BadRequest:
        return 400
    except RouteError:
        return "refused"


def outcome(case: Any) -> Any:
    """Return what the library makes of a case, in the form of the `ours` of the data."""
    lenient, strict = _outcome(case, "ignore"), _outcome(case, "reject")
    return lenient if lenient == strict else {"ignore": lenient, "reject": strict}


@pytest.mark.parametrize("case", _REQUIRED, ids=_id)
def test_required_query_has_the_required_outcome(case: Any) -> None:
    """What google.api.http and ProtoJSON ask of a query string is what happens, names strictly checked."""
    expected = 400 if case["expect"] is None else MessageToDict(ParseDict(case["expect"], Query()))
    assert _outcome(case, "reject") == expected


@pytest.mark.parametrize("case", _PINNED, ids=_id)
def test_open_query_keeps_our_answer(case: Any) -> None:
    """Where the rules are silent, or others go beyond them, the answer is ours and does not change unnoticed."""
    assert outcome(case) == case["ours"]


def test_every_collected_query_is_here() -> None:
    """No case gets lost: 193 were collected, and 73 of them are required."""
    assert (len({case["id"] for case in CASES}), len(_REQUIRED)) == (193, 73)
