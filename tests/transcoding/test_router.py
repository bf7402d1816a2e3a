"""The segment trie: precedence, backtracking, verbs, 404 and 405."""

import pytest

from authsvc.transcoding._errors import MethodNotAllowed, NoRoute, RouteError
from authsvc.transcoding._router import Route, Router
from authsvc.transcoding._template import parse


def _router(*rules: str) -> Router[str]:
    pairs = [rule.split(" ") for rule in rules]
    return Router(Route(http_method, parse(path), f"shop.{path}", path) for http_method, path in pairs)


@pytest.mark.parametrize(
    ("rules", "path", "winner"),
    [
        (["GET /**", "GET /{a}", "GET /x"], "/x", "/x"),
        (["GET /**", "GET /{a}", "GET /x"], "/y", "/{a}"),
        (["GET /**", "GET /{a}", "GET /x"], "/y/z", "/**"),
        (["GET /a/b/c", "GET /{x}/b/d"], "/a/b/d", "/{x}/b/d"),
        (["GET /a/{x}/c", "GET /a/b/**"], "/a/b/c", "/a/b/**"),
        (["GET /a/{x}/c", "GET /**"], "/a/b/d", "/**"),
        (["GET /v1/foo", "POST /v1/{id}", "GET /v1/**"], "/v1/foo", "/v1/foo"),
        (["POST /v1/foo", "GET /v1/{id}"], "/v1/foo", "/v1/{id}"),
        (["GET /v1", "GET /v1/**"], "/v1", "/v1"),
        (["GET /v1/**"], "/v1", "/v1/**"),
        (["GET /**"], "/", "/**"),
        (["* /a", "GET /a"], "/a", "/a"),
        (["GET /a%2fb"], "/a%2Fb", "/a%2fb"),
        (["GET /a%2Fb"], "/a%2fb", "/a%2Fb"),
    ],
)
def test_most_specific_route_wins(rules: list[str], path: str, winner: str) -> None:
    """Literal wins over `*`, `*` over `**`, and dead ends, also of the wrong method, are left again."""
    for order in (rules, rules[::-1]):
        assert _router(*order).match("GET", path).route.target == winner


@pytest.mark.parametrize(
    ("rules", "path", "winner", "captures"),
    [
        (["GET /{id}", "GET /{id}:go"], "/a:go", "/{id}:go", {"id": "a"}),
        (["GET /{id}", "GET /{id}:go"], "/a:stop", "/{id}", {"id": "a:stop"}),
        (["GET /{id}"], "/a:b:c", "/{id}", {"id": "a:b:c"}),
        (["GET /{id}:go"], "/a:b:go", "/{id}:go", {"id": "a:b"}),
        (["GET /x/{id}", "GET /{id=**}:go"], "/x/a:go", "/{id=**}:go", {"id": "x/a"}),
        (["GET /x/{id}", "GET /y:go"], "/x/a:go", "/x/{id}", {"id": "a:go"}),
        (["GET /{a}/{b}:go"], "/a:go/b:go", "/{a}/{b}:go", {"a": "a:go", "b": "b"}),
        (["GET /x/{id}", "POST /x/{id}:go"], "/x/a:go", "/x/{id}", {"id": "a:go"}),
        (["GET /{id}:%2f"], "/a:%2F", "/{id}:%2f", {"id": "a"}),
    ],
)
def test_colon_is_a_verb_only_where_a_route_has_it(
    rules: list[str], path: str, winner: str, captures: dict[str, str]
) -> None:
    """The last colon of the last segment starts a verb if some route has that verb, else it is data."""
    found = _router(*rules).match("GET", path)
    assert (found.route.target, found.captures) == (winner, captures)


@pytest.mark.parametrize(
    ("rule", "path", "captures"),
    [
        ("/a/{x=b/*}/{y=**}", "/a/b/c/d/e", {"x": "b/c", "y": "d/e"}),
        ("/a/{x=**}", "/a", {"x": ""}),
        ("/{x}", "/p%2Fq%20+", {"x": "p%2Fq%20+"}),
        ("/{a.b}/z", "/1/z", {"a.b": "1"}),
    ],
)
def test_captures_stay_encoded(rule: str, path: str, captures: dict[str, str]) -> None:
    """The router neither decodes nor splits on an encoded slash; that is the binding's part."""
    assert _router(f"GET {rule}").match("GET", path).captures == captures


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "/",
        "/b",
        "/a/",
        "//a",
        "/a//b",
        "/a/b/",
        "/a:",
        "/:go",
        "/b/:go",
        "/A",
        "/%61",
        "/a?x=1",
        "/a:go",
    ],
)
def test_unknown_path_has_no_route(path: str) -> None:
    """A path no template derives is a 404; an empty segment and a trailing slash derive from none."""
    with pytest.raises(NoRoute):
        _router("GET /a", "GET /a/**", "GET /b/*:go", "GET /c:go").match("GET", path)


@pytest.mark.parametrize(
    ("http_method", "path", "allowed"),
    [
        ("HEAD", "/a", ("GET",)),
        ("get", "/a", ("GET",)),
        ("PUT", "/b", ("DELETE", "GET", "POST")),
        ("PUT", "/b:go", ("GET", "PATCH")),
    ],
)
def test_wrong_method_lists_the_right_ones(http_method: str, path: str, allowed: tuple[str, ...]) -> None:
    """A path that exists for other methods is a 405 with the sorted Allow list; HEAD is no GET."""
    router = _router("GET /a", "POST /b", "DELETE /b", "GET /{id}", "PATCH /{id}:go")
    with pytest.raises(MethodNotAllowed) as caught:
        router.match(http_method, path)
    assert caught.value.allowed == allowed


def test_star_method_accepts_any_method() -> None:
    """A custom rule of kind `*` leaves the HTTP method open, behind routes that name it."""
    router = Router([Route("*", parse("/a"), "shop.Any", "any"), Route("GET", parse("/a"), "shop.Get", "get")])
    assert router.match("PURGE", "/a").route.target == "any"
    assert router.match("GET", "/a").route.target == "get"


def test_clash_names_both_methods_and_the_template() -> None:
    """Two RPCs that claim the same method and paths stop the start-up, however variables are called."""
    first = Route("GET", parse("/v1/{name=shelves/*}"), "shop.Shop.Get", 1)
    second = Route("GET", parse("/v1/shelves/{id}"), "shop.Shop.Find", 2)
    with pytest.raises(RouteError) as caught:
        Router([first, second])
    for part in ("shop.Shop.Get", "shop.Shop.Find", "/v1/shelves/{id}"):
        assert part in str(caught.value)
    Router([first, Route("POST", second.template, second.name, 2)])


def test_lookup_stays_cheap_on_adversarial_paths() -> None:
    """A trie full of wildcards is searched once, not once for every way of choosing branches."""
    router = _router(*(f"GET /{'/'.join('a*'[int(bit)] for bit in f'{n:08b}')}/end" for n in range(256)))
    with pytest.raises(NoRoute):
        router.match("GET", "/a" * 8 + "/x")
    with pytest.raises(NoRoute):
        router.match("GET", "/a" * 100_000)
