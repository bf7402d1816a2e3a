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
    _query,
    http_rules,
)
from authsvc.transcoding.protojson import Limits

from .foreign import method, methods, rule


@pytest.mark.parametrize(
    ("made", "rules"),
    [
        (None, []),
        (rule("GET", "/a"), [HttpRule("GET", "/a")]),
        (rule("PATCH", "/a", body="*", response_body="id"), [HttpRule("PATCH", "/a", "*", "id")]),
        (rule("HEAD", "/a"), [HttpRule("HEAD", "/a")]),
        (rule("*", "/a"), [HttpRule("*", "/a")]),
        (rule("M-SEARCH", "/a"), [HttpRule("M-SEARCH", "/a")]),
        (rule("!#$%&'*+-.^_`|~09AZ", "/a"), [HttpRule("!#$%&'*+-.^_`|~09AZ", "/a")]),
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


@pytest.mark.parametrize(
    ("made", "template", "reason"),
    [
        (rule("", "/a"), "/a", "the HTTP rule lacks its method or path"),
        (rule("GET", ""), "", "the HTTP rule lacks its method or path"),
        (rule("get", "/a"), "/a", "the HTTP method must be a token in upper case, such as PURGE"),
        (rule("Purge", "/a"), "/a", "the HTTP method must be a token in upper case, such as PURGE"),
        (rule("A B", "/a"), "/a", "the HTTP method must be a token in upper case, such as PURGE"),
        (rule("A\n", "/a"), "/a", "the HTTP method must be a token in upper case, such as PURGE"),
        (rule("GET,HEAD", "/a"), "/a", "the HTTP method must be a token in upper case, such as PURGE"),
        (rule("\u00c4", "/a"), "/a", "the HTTP method must be a token in upper case, such as PURGE"),
        (rule("GET", "/a", additional_bindings=[rule("get", "/b")]), "/b", "the HTTP method must be a token"),
        (rule("GET", "/a", additional_bindings=[rule("GET", "/b", additional_bindings=[{}])]), "/b",
         "additional_bindings cannot be nested"),
        (rule("GET", "/a", response_body="no"), "/a", "the response has no top-level field no"),
        (rule("GET", "/a", body="no"), "/a", "the body field no is not a top-level field of the request"),
    ],
)  # fmt: skip
def test_a_fault_beside_the_template_has_no_column(made: Any, template: str, reason: str) -> None:
    """The error names the RPC and the template, if there is one."""
    with pytest.raises(RouteError) as caught:
        Transcoder([method(made)])
    assert caught.value.reason.startswith(reason)
    assert (caught.value.method, caught.value.template, caught.value.column) == ("shop.Shop.Do", template, 0)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("GET", "*", "GET of this path already belongs to shop.Shop.Do, and * stands for every HTTP method"),
        ("*", "GET", "GET of this path already belongs to shop.Shop.Do, and * stands for every HTTP method"),
        ("*", "HEAD", "HEAD of this path already belongs to shop.Shop.Do, and * stands for every HTTP method"),
        ("*", "*", "* of this path already belongs to shop.Shop.Do"),
        ("GET", "GET", "GET of this path already belongs to shop.Shop.Do"),
    ],
)
def test_every_method_leaves_none_to_another_rule(first: str, second: str, reason: str) -> None:
    """Two rules of one template may not both claim an HTTP method, and `*` claims all, also within one RPC."""
    more = rule(second, "/a/{name}")
    for several in (
        [method(rule(first, "/a/{id}", additional_bindings=[more]))],
        methods({"Do": rule(first, "/a/{id}"), "Other": more}),
    ):
        with pytest.raises(RouteError) as caught:
            Transcoder(several)
        assert (caught.value.reason, caught.value.template, caught.value.column) == (reason, "/a/{name}", 1)
        assert caught.value.method == several[-1].full_name


@pytest.mark.parametrize(
    ("prefix", "column", "reason"),
    [
        ("auth", 1, "expected '/'"),
        ("/auth/", 7, "expected a literal segment"),
        ("/", 2, "expected a literal segment"),
        ("/a//b", 4, "expected a literal segment"),
        ("/a?b c", 3, "unexpected character"),
        ("/a b", 3, "unexpected character"),
        ("/a#b", 3, "unexpected character"),
        ("/a%2", 3, "unexpected character"),
        ("/a:b", 3, "unexpected character"),
        ("/{id}", 2, "expected a literal segment"),
        ("/a/*", 4, "expected a literal segment"),
        ("/a/**", 4, "expected a literal segment"),
        ("/\u00fc", 2, "expected a literal segment"),
        ("/a/%61", 4, "%61 needs no escape; write it unescaped"),
    ],
)
def test_prefix_must_be_literal_segments(prefix: str, column: int, reason: str) -> None:
    """A prefix is written like the literal segments of a template, and what is not stops the start at its column."""
    with pytest.raises(RouteError) as caught:
        Transcoder([], prefix=prefix)
    assert caught.value.reason == f"the prefix must be literal segments: {reason}"
    assert (caught.value.template, caught.value.column) == (prefix, column)


def test_prefix_is_compared_like_a_literal() -> None:
    """Escapes of a prefix are the same in either case, in it and in the path."""
    do = method(rule("GET", "/a/{id}"))
    for prefix in ("/caf%c3%a9", "/caf%C3%A9"):
        transcoder = Transcoder([do], prefix=prefix)
        assert transcoder.prefix == prefix
        for sent in ("/caf%c3%a9", "/caf%C3%A9", "/caf%c3%A9"):
            assert _ask(transcoder, "GET", f"{sent}/a/%c3%bc") == b'{"id":"\xc3\xbc"}'
        with pytest.raises(NoRoute):
            transcoder.match("GET", "/CAF%c3%a9/a/x")


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
    do = method(rule("POST", "/a", body="*", additional_bindings=[rule("POST", "/b", body="child")]))
    lenient = Transcoder([do], dialect=Dialect(unknown="ignore"))
    for path in ("/a", "/b"):
        assert b"no" not in _ask(lenient, "POST", path, b"no=1", b'{"id":"x","no":1,"colour":"MAUVE"}')
        for body in (b'{"no":1}', b'{"colour":"MAUVE"}'):
            with pytest.raises(BadRequest):
                _ask(Transcoder([do]), "POST", path, body=body)


@pytest.mark.parametrize(
    ("reserved", "expected"), [(False, b'{"id":"a/:? %2F\xc3\xbc"}'), (True, b'{"id":"a/%3a%3F %2F\xc3\xbc"}')]
)
def test_the_dialect_says_what_long_variables_keep_encoded(*, reserved: bool, expected: bytes) -> None:
    """`reserved_expansion` reaches the variables of several segments; one segment is always decoded in full."""
    both = rule("GET", "/long/{id=**}", additional_bindings=[rule("GET", "/one/{id}")])
    transcoder = Transcoder([method(both)], dialect=Dialect(reserved_expansion=reserved))
    assert _ask(transcoder, "GET", "/long/a/%3a%3F%20%2F%C3%BC") == expected
    assert _ask(transcoder, "GET", "/one/%3a%3F%2F") == b'{"id":":?/"}'


def test_the_dialect_says_what_may_follow_a_body() -> None:
    """`lenient_bodies` stops after the first value, whether the body is the message or a field; else that is 400."""
    both = rule("POST", "/a", body="*", additional_bindings=[rule("POST", "/b", body="child")])
    lenient, strict = (Transcoder([method(both)], dialect=Dialect(lenient_bodies=each)) for each in (True, False))
    for path, reply in (("/a", b'{"id":"x"}'), ("/b", b'{"child":{"id":"x"}}')):
        assert _ask(lenient, "POST", path, body=b'{"id":"x"} {"id":5') == reply
        with pytest.raises(BadRequest):
            _ask(strict, "POST", path, body=b'{"id":"x"} {"id":5')
    with pytest.raises(BadRequest, match="unknown"):
        _ask(lenient, "POST", "/a", body=b'{"no":1} rest')


def test_the_dialect_says_how_much_a_body_may_hold() -> None:
    """`limits` hold for every body of the transcoder."""
    transcoder = Transcoder([method(rule("POST", "/a", body="*"))], dialect=Dialect(limits=Limits(elements=2)))
    assert _ask(transcoder, "POST", "/a", body=b'{"tags":["a","b"]}') == b'{"tags":["a","b"]}'
    with pytest.raises(BadRequest, match="2 elements"):
        _ask(transcoder, "POST", "/a", body=b'{"tags":["a","b","c"]}')


@pytest.mark.parametrize("unknown", ["Ignore", "", None, "skip"])
def test_a_dialect_knows_its_policies(unknown: Any) -> None:
    """A policy for unknown names that there is not would be taken for one of the two, and is refused."""
    with pytest.raises(ValueError, match=r"^unknown: must be one of ignore, reject$"):
        Dialect(unknown=unknown)


def test_a_default_in_the_body_does_not_contradict_the_path() -> None:
    """Without presence it cannot be told from a field that is not given; any other value is 400."""
    transcoder = Transcoder([method(rule("PUT", "/v1/echo/{id}", body="*"))])
    assert _ask(transcoder, "PUT", "/v1/echo/7", body=b'{"id":""}') == b'{"id":"7"}'
    with pytest.raises(BadRequest, match=r"^id: differs from the path$"):
        _ask(transcoder, "PUT", "/v1/echo/7", body=b'{"id":"8"}')


def test_queries_have_limits() -> None:
    """The limits of parameters and of the parts of a name hold for every transcoder, whatever is unknown."""
    transcoder = Transcoder([method(rule("GET", "/a"))], dialect=Dialect(unknown="ignore"))
    assert _ask(transcoder, "GET", "/a", b"&".join([b"tags=a"] * 1000)).count(b'"a"') == 1000
    for query in (b"&".join([b"tags=a"] * 1001), b"&" * 1000, b"&".join([b"no"] * 1001)):
        with pytest.raises(BadRequest, match=r"^the query has more than 1000 parameters$"):
            _ask(transcoder, "GET", "/a", query)
    assert _ask(transcoder, "GET", "/a", b"child." * 63 + b"id=x").count(b"child") == 63
    assert _ask(transcoder, "GET", "/a", b"child." * 64 + b"id=x") == b"{}"


def test_routes_share_what_is_known_of_a_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of a message type are compiled once for all routes of a transcoder."""
    compiled: list[Any] = []
    names = _query._names

    def counted(descriptor: Any, *more: Any) -> Any:
        compiled.append(descriptor)
        return names(descriptor, *more)

    monkeypatch.setattr(_query, "_names", counted)
    transcoder = Transcoder(methods({f"M{number}": rule("GET", f"/{number}/{{id}}") for number in range(20)}))
    assert len(compiled) == len(set(compiled)) > 1
    assert _ask(transcoder, "GET", "/7/a", b"child.when.seconds=1") == (
        b'{"id":"a","child":{"when":"1970-01-01T00:00:01Z"}}'
    )
    assert len(compiled) == len(set(compiled))


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
