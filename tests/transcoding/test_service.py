"""Descriptors to calls: reading rules, and the transcoder from end to end."""

from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass

from authsvc.transcoding import (
    BadRequest,
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


@pytest.mark.parametrize("kind", ["client_streaming", "server_streaming"])
def test_streaming_method_with_a_rule_stops_the_start(kind: str) -> None:
    """A streaming RPC cannot be served here, so its rule is refused; without a rule it is left out."""
    streaming: dict[str, Any] = {kind: True}
    with pytest.raises(RouteError, match="streaming methods cannot be served"):
        Transcoder([method(rule("GET", "/a"), **streaming)])
    Transcoder([method(None, **streaming)])


def test_http_body_reply_is_refused_at_start() -> None:
    """A raw reply cannot be written by this version."""
    with pytest.raises(RouteError, match="HttpBody is not supported"):
        Transcoder([method(rule("GET", "/a"), output_type=".google.api.HttpBody")])


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
    return Transcoder(methods(rules), prefix="/shop/v1")


@pytest.mark.parametrize("path", ["/shop/v1/items/a%2Fb", b"/shop/v1/items/a%2Fb"])
def test_call_is_matched_first_and_read_later(shop: Transcoder, path: str | bytes) -> None:
    """Matching needs no body; the call then builds the request and writes the reply."""
    call = shop.match("GET", path)
    assert (call.method.name, call.template, call.takes_body) == ("Get", "/items/{id}", False)
    message = call.message(b"name=n", b"ignored")
    assert call.reply(message) == b'{"id":"a/b","name":"n"}'


def test_post_reads_its_body(shop: Transcoder) -> None:
    """A rule with a body takes the fields from it; query and body default to nothing."""
    call = shop.match("POST", "/shop/v1/items/_search")
    assert call.takes_body
    assert call.reply(call.message(b"", b'{"int32_value":"5"}')) == b'{"int32Value":5}'
    assert call.reply(call.message()) == b"{}"
    with pytest.raises(BadRequest, match=r"^int32Value: must be an integer$"):
        call.message(b"", b'{"int32_value":true}')


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
    assert caught.value.allowed == ("GET", "POST")


def test_raw_bytes_that_are_not_utf8_are_a_bad_request(shop: Transcoder) -> None:
    """Bytes a server passed on unescaped are judged like escaped ones."""
    with pytest.raises(BadRequest, match=r"^id: is not UTF-8$"):
        shop.match("GET", b"/shop/v1/items/\xff").message()


def test_unknown_policy_reaches_the_bindings() -> None:
    """`unknown="reject"` holds for the whole transcoder."""
    strict = Transcoder([method(rule("GET", "/a"))], unknown="reject")
    with pytest.raises(BadRequest, match="unknown"):
        strict.match("GET", "/a").message(b"no=1")


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
    assert Transcoder([do]).match("GET", "/a").reply(response) == reply


def test_methods_of_several_pools_live_together() -> None:
    """Two services that know nothing of each other, even with equal names, keep their own types."""
    both = Transcoder([method(rule("GET", "/a/{id}")), method(rule("GET", "/b/{name}"))])
    first, second = both.match("GET", "/a/x").message(), both.match("GET", "/b/x").message()
    assert type(first) is not type(second)
    assert first.DESCRIPTOR.full_name == second.DESCRIPTOR.full_name
