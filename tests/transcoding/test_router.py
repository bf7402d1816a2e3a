"""The segment trie: precedence, backtracking, verbs, 404 and 405."""

import sys
from types import FrameType

import pytest

from authsvc.transcoding import _router as router_module
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
        (["* /a", "GET /{x}"], "/a", "/a"),
        (["* /{x}", "GET /a"], "/a", "/a"),
        (["* /a", "GET /a:go"], "/a", "/a"),
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
        (["GET /v1/{name=users/me}", "POST /v1/users/me"], "/v1/users/me", "/v1/{name=users/me}", {"name": "users/me"}),
        (["POST /v1/{name=me}", "GET /v1/me"], "/v1/me", "/v1/me", {}),
        (["GET /{a=x}/{b=y}:go"], "/x/y:go", "/{a=x}/{b=y}:go", {"a": "x", "b": "y"}),
        (["GET /v1/{id}", "GET /v1/{id}:cancel"], "/v1/a:b", "/v1/{id}", {"id": "a:b"}),
        (["GET /v1/{id}", "GET /v1/{id}:cancel"], "/v1/a:b:cancel", "/v1/{id}:cancel", {"id": "a:b"}),
        (["GET /v1/{id}", "GET /v1/{id}:cancel"], "/v1/:cancel", "/v1/{id}", {"id": ":cancel"}),
        (["GET /v1/{id}", "GET /v1/{id}:cancel"], "/v1/a%3Acancel", "/v1/{id}", {"id": "a%3Acancel"}),
        (["GET /{id}", "GET /{id}:go"], "/a:", "/{id}", {"id": "a:"}),
        (["GET /x/{id}", "GET /x/{id=**}:go"], "/x/a/b:go", "/x/{id=**}:go", {"id": "a/b"}),
        (["GET /x/{id}", "GET /x/{id}/y:go"], "/x/y:go", "/x/{id}", {"id": "y:go"}),
        (["GET /x/{id=**}:go"], "/x/:go", "/x/{id=**}:go", {"id": ""}),
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
        ("/a/{x=**}", "/a/", {"x": ""}),
        ("/a/{x=**}", "/a/b/", {"x": "b/"}),
        ("/a/{x=**}", "/a/b//c", {"x": "b//c"}),
        ("/{x=a/**}", "/a", {"x": "a"}),
        ("/{x=**}", "/", {"x": ""}),
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
        "/d/",
        "//a",
        "/d//b",
        "/d/b/",
        "/a/",
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
    """A path no template derives is a 404; only `**` takes an empty segment, and so a trailing slash."""
    with pytest.raises(NoRoute):
        _router("GET /a", "GET /b/*:go", "GET /c:go", "GET /d/*", "GET /d/*/{x}/**").match("GET", path)


@pytest.mark.parametrize(
    ("http_method", "path", "allowed"),
    [
        ("POST", "/a", ("GET", "HEAD", "OPTIONS")),
        ("get", "/a", ("GET", "HEAD", "OPTIONS")),
        ("OPTIONS", "/a", ("GET", "HEAD", "OPTIONS")),
        ("HEAD", "/c", ("OPTIONS", "POST")),
        ("PUT", "/d/b", ("DELETE", "GET", "HEAD", "OPTIONS", "POST")),
        ("PUT", "/d/b:go", ("GET", "HEAD", "OPTIONS", "PATCH")),
    ],
)
def test_wrong_method_lists_the_right_ones(http_method: str, path: str, allowed: tuple[str, ...]) -> None:
    """A path that exists for other methods is a 405 with the sorted Allow list, HEAD and OPTIONS included."""
    router = _router("GET /a", "POST /d/b", "DELETE /d/b", "POST /c", "GET /d/{id}", "PATCH /d/{id}:go")
    with pytest.raises(MethodNotAllowed) as caught:
        router.match(http_method, path)
    assert caught.value.allowed == allowed


@pytest.mark.parametrize(
    ("rules", "http_method", "winner"),
    [
        (["GET /a"], "HEAD", "GET"),
        (["GET /a", "HEAD /a"], "HEAD", "HEAD"),
        (["GET /a", "* /{x}"], "HEAD", "GET"),
        (["* /a"], "HEAD", "*"),
        (["GET /a", "HEAD /{x}"], "HEAD", "GET"),
        (["GET /a", "OPTIONS /a"], "OPTIONS", "OPTIONS"),
        (["GET /a", "* /{x}"], "OPTIONS", "*"),
    ],
)
def test_head_goes_where_get_goes(rules: list[str], http_method: str, winner: str) -> None:
    """HEAD is served by the GET of the same paths unless declared there; OPTIONS only where declared."""
    for order in (rules, rules[::-1]):
        assert _router(*order).match(http_method, "/a").route.http_method == winner


def test_star_method_accepts_any_method() -> None:
    """A custom rule of kind `*` leaves the HTTP method open; a more specific path comes first for its methods."""
    router = Router([Route("*", parse("/{x}"), "shop.Any", "any"), Route("GET", parse("/a"), "shop.Get", "get")])
    assert router.match("PURGE", "/a").route.target == "any"
    assert router.match("GET", "/a").route.target == "get"


@pytest.mark.parametrize("named", ["GET", "HEAD", "OPTIONS", "PURGE"])
@pytest.mark.parametrize("paths", [("/a", "/a"), ("/{x}/b:go", "/{y}/b:go"), ("/**", "/{z=**}")])
def test_star_method_shares_its_paths_with_none(named: str, paths: tuple[str, str]) -> None:
    """Whatever HTTP method another route of the same paths names, both claim it, whichever comes second."""
    star, other = Route("*", parse(paths[0]), "shop.Any", 1), Route(named, parse(paths[1]), "shop.Named", 2)
    for first, second in ((star, other), (other, star)):
        with pytest.raises(RouteError) as caught:
            Router([first, second])
        assert caught.value.reason.startswith(f"{named} of this path already belongs to {first.name}, and *")
        assert (caught.value.method, caught.value.template) == (second.name, second.template.text)


def test_needless_escapes_match_nothing() -> None:
    """A path with `%61` for a literal `a` has no route, also where other literals have escapes."""
    router = _router("GET /a", "GET /b%2Fc", "GET /x/{id}")
    for path in ("/%61", "/%62%2Fc", "/%78/y"):
        with pytest.raises(NoRoute):
            router.match("GET", path)
    assert router.match("GET", "/x/%61").captures == {"id": "%61"}


def test_clash_names_both_methods_and_the_template() -> None:
    """Two RPCs that claim the same method and paths stop the start-up, however variables are called."""
    first = Route("GET", parse("/v1/{name=shelves/*}"), "shop.Shop.Get", 1)
    second = Route("GET", parse("/v1/shelves/{id}"), "shop.Shop.Find", 2)
    with pytest.raises(RouteError) as caught:
        Router([first, second])
    for part in ("shop.Shop.Get", "shop.Shop.Find", "/v1/shelves/{id}"):
        assert part in str(caught.value)
    Router([first, Route("POST", second.template, second.name, 2)])


def _steps(router: Router[str], path: str) -> int:
    """Count the executed lines of the search, which unlike time is the same on every machine."""
    lines = 0

    def trace(frame: FrameType, event: str, arg: object) -> object:
        nonlocal lines
        if frame.f_code.co_filename != router_module.__file__:
            return None
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        with pytest.raises(NoRoute):
            router.match("GET", path)
    finally:
        sys.settrace(before)
    return lines


def _maze(depth: int) -> list[str]:
    """Templates whose literals and wildcards cross at each level: 2 + 2 * depth of them, all this deep."""
    bent = [["a"] * depth for _ in range(depth + 1)]
    for level in range(depth):
        bent[level][level] = "*"
    straight = ["*"] * depth
    half = [["*"] * level + ["a"] * (depth - level) for level in range(1, depth + 1)]
    return sorted({f"GET /{'/'.join(each)}/end" for each in [straight, *bent, *half]})


def test_hostile_path_costs_no_more_than_the_trie_is_large() -> None:
    """A maze of wildcards is searched once: twice the depth, four times the nodes, four times the steps."""
    costs = [_steps(_router(*_maze(depth)), "/a" * depth + "/x") for depth in (25, 50, 100)]
    assert costs[0] < 25 * 50 * 20
    assert costs[1] < costs[0] * 4.5
    assert costs[2] < costs[1] * 4.5


def test_full_binary_trie_is_searched_once() -> None:
    """With a literal and a wildcard at each of 8 levels the search visits each of the 511 nodes once."""
    router = _router(*(f"GET /{'/'.join('a*'[int(bit)] for bit in f'{n:08b}')}/end" for n in range(256)))
    assert _steps(router, "/a" * 8 + "/x") < 511 * 20


def test_length_of_a_path_costs_no_search() -> None:
    """Beyond the depth of the templates a long path is only split."""
    router = _router("GET /*/*/a", "GET /a/**", "GET /*/b/c:go")
    assert _steps(router, "/b" * 100_000) == _steps(router, "/b" * 4)
    assert _steps(router, "/b" * 100_000 + ":go") == _steps(router, "/b" * 4 + ":go")
