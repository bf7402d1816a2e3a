"""Descriptors to calls: reading rules, and the transcoder from end to end."""

from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass

from authsvc.transcoding import (
    BadRequest,
    Dialect,
    HttpRule,
    MethodNotAllowed,
    NoRoute,
    RouteError,
    Transcoder,
    http_rules,
)

from .foreign import method, methods, rule


@pytest.mark.parametrize(
    ("made", "rules"),
    [
        (None, []),
        (rule("GET", "/a"), [HttpRule("GET", "/a")]),
        (rule("PATCH", "/a", body="*", response_body="id"), [HttpRule("PATCH", "/a", "*", "id")]),
        (rule("HEAD", "/a"), [HttpRule("HEAD", "/a")]),
        (rule("*", "/a"), [HttpRule("*", "/a")]),
        (
            rule("PUT", "/a", additional_bindings=[rule("POST", "/b", body="*"), rule("DELETE", "/c")]),
            [HttpRule("PUT", "/a"), HttpRule("POST", "/b", "*"), HttpRule("DELETE", "/c")],
        ),
    ],
)
def test_rules_are_read_from_the_option(made: Any, rules: list[HttpRule]) -> None:
    """Every binding of the option is one rule, with its own method, path and bodies."""
    assert http_rules(method(made)) == rules


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (rule("GET", ""), "lacks its method or path"),
        (rule("", "/a"), "lacks its method or path"),
        (rule("GET", "/a", additional_bindings=[{"body": "*"}]), "lacks its method or path"),
        (rule("GET", "/a", additional_bindings=[rule("GET", "/b", additional_bindings=[{}])]), "nested"),
        (rule("GET", "/a/"), "column 4: expected a segment"),
        (rule("GET", "/{no}"), "column 2: the request has no field no"),
        (rule("GET", "/a", response_body="no"), "the response has no top-level field no"),
        (rule("GET", "/a", additional_bindings=[rule("GET", "/a")]), "already belongs to shop.Shop.Do"),
    ],
)
def test_bad_rule_stops_the_start(made: Any, reason: str) -> None:
    """A transcoder that would misbehave is never built, and the error names the RPC."""
    with pytest.raises(RouteError) as caught:
        Transcoder([method(made)])
    assert reason in str(caught.value)
    assert caught.value.method == "shop.Shop.Do"


def test_stream_of_requests_with_a_rule_stops_the_start() -> None:
    """A stream of requests cannot be sent as JSON, so its rule is refused; without a rule it is left out."""
    with pytest.raises(RouteError, match="a stream of requests cannot be sent"):
        Transcoder([method(rule("GET", "/a"), client_streaming=True)])
    Transcoder([method(None, client_streaming=True)])


@pytest.mark.parametrize("prefix", ["auth", "/auth/", "/"])
def test_prefix_must_be_a_path(prefix: str) -> None:
    """A prefix starts with a slash and ends without one."""
    with pytest.raises(RouteError, match="prefix"):
        Transcoder([], prefix=prefix)


@pytest.fixture(name="shop")
def _shop() -> Transcoder:
    rules = {
        "Get": rule("GET", "/items/{id}", additional_bindings=[rule("GET", "/boxes/{name=boxes/*}")]),
        "Search": rule("POST", "/items/_search", body="*"),
        "Silent": None,
    }
    return Transcoder(methods(rules), prefix="/shop/v1", dialect=Dialect(unknown="ignore", lenient_bodies=True))


def _ask(transcoder: Transcoder, http_method: str, path: str | bytes, query: bytes = b"", body: bytes = b"") -> bytes:
    call = transcoder.match(http_method, path, query)
    return call.answer(call.encode(call.message(body))).body


@pytest.mark.parametrize("path", ["/shop/v1/items/a%2Fb", b"/shop/v1/items/a%2Fb"])
def test_call_is_matched_first_and_read_later(shop: Transcoder, path: str | bytes) -> None:
    """Matching needs no body; the call then builds the request and writes the reply."""
    call = shop.match("GET", path, b"name=n")
    assert (call.method.name, call.template, call.takes_body) == ("Get", "/items/{id}", False)
    assert call.encode(call.message(b"ignored")) == b'{"id":"a/b","name":"n"}'


def test_post_reads_its_body(shop: Transcoder) -> None:
    """A rule with a body takes the fields from it; query and body default to nothing."""
    path = "/shop/v1/items/_search"
    assert shop.match("POST", path).takes_body
    assert _ask(shop, "POST", path, body=b'{"int32_value":"5"}') == b'{"int32Value":5}'
    assert _ask(shop, "POST", path) == b"{}"
    with pytest.raises(BadRequest, match=r"^int32Value: must be an integer$"):
        _ask(shop, "POST", path, body=b'{"int32_value":true}')


@pytest.mark.parametrize(
    "path",
    [
        "/items/a",
        "/shop/v1",
        "/shop/v1/",
        "/shop/v1items/a",
        "/shop/v1/items/a/",
        "/shop/v2/items/a",
        b"\xff",
    ],
)
def test_path_outside_the_rules_has_no_route(shop: Transcoder, path: str | bytes) -> None:
    """The prefix is part of the path; there is nothing beside the rules."""
    with pytest.raises(NoRoute):
        shop.match("GET", path)


def test_wrong_method_is_told_the_right_ones(shop: Transcoder) -> None:
    """A path of the wrong method answers with the methods of every rule that matches it."""
    with pytest.raises(MethodNotAllowed) as caught:
        shop.match("DELETE", "/shop/v1/items/_search")
    assert caught.value.allowed == ("GET", "HEAD", "OPTIONS", "POST")


def test_raw_bytes_that_are_not_utf8_are_a_bad_request(shop: Transcoder) -> None:
    """Bytes a server passed on unescaped are judged like escaped ones."""
    with pytest.raises(BadRequest, match=r"^id: is not UTF-8$"):
        shop.match("GET", b"/shop/v1/items/\xff").message()


def test_unknown_policy_reaches_the_bindings() -> None:
    """The policy for unknown names holds for the whole transcoder."""
    with pytest.raises(BadRequest, match="unknown"):
        _ask(Transcoder([method(rule("GET", "/a"))]), "GET", "/a", b"no=1")


@pytest.mark.parametrize(
    ("field", "fields", "reply"),
    [
        ("id", {"id": "a"}, b'"a"'),
        ("id", {}, b'""'),
        ("int64_value", {}, b'"0"'),
        ("colour", {}, b'"COLOUR_UNSPECIFIED"'),
        ("tags", {"tags": ["a"]}, b'["a"]'),
        ("tags", {}, b"[]"),
        ("labels", {}, b"{}"),
        ("child", {"child": {"id": "a"}}, b'{"id":"a"}'),
        ("child", {}, b"{}"),
        ("when", {}, b"null"),
        ("wrapped_int", {"wrapped_int": {"value": 5}}, b'"5"'),
        ("maybe_count", {}, b"null"),
        ("renamed", {"renamed": "x"}, b'"x"'),
    ],
)
def test_response_body_is_one_field(field: str, fields: dict[str, Any], reply: bytes) -> None:
    """`response_body` makes one field the reply; unset it is its default, `{}` for a message, or null."""
    do = method(rule("GET", "/a", response_body=field))
    response = GetMessageClass(do.output_type)(**fields)
    assert Transcoder([do]).match("GET", "/a").encode(response) == reply


def test_methods_of_several_pools_live_together() -> None:
    """Two services that know nothing of each other, even with equal names, keep their own types."""
    both = Transcoder([method(rule("GET", "/a/{id}")), method(rule("GET", "/b/{name}"))])
    first, second = both.match("GET", "/a/x").message(), both.match("GET", "/b/x").message()
    assert type(first) is not type(second)
    assert first.DESCRIPTOR.full_name == second.DESCRIPTOR.full_name
