"""The router against a slow and simple one, over small made-up sets of routes."""

from collections.abc import Iterator
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from authsvc.transcoding._errors import MethodNotAllowed, NoRoute
from authsvc.transcoding._router import Route, Router
from authsvc.transcoding._template import Template, parse

_RANK = {"*": 1, "**": 2}

_templates = st.builds(
    lambda segments, rest, verb: "/" + "/".join([*segments, *rest]) + verb,
    st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=4),
    st.sampled_from([[], [], ["**"]]),
    st.sampled_from(["", "", ":go", ":b"]),
)
# The star claims every method of its paths, and so has them for itself.
_rules = st.sets(st.tuples(st.sampled_from(["GET", "POST", "HEAD", "*"]), _templates), max_size=8).map(
    lambda rules: {(method, path) for method, path in rules if method == "*" or ("*", path) not in rules}
)
_paths = st.builds(
    lambda segments, verb: "/" + "/".join(segments) + verb,
    st.lists(st.sampled_from(["a", "a", "b", "c", "", "a:go"]), max_size=6),
    st.sampled_from(["", "", ":go", ":b", ":x", ":"]),
)


def _derives(template: Template, segments: list[str]) -> bool:
    """Tell whether a template without its verb derives these segments."""
    fixed = template.segments[:-1] if template.segments[-1] == "**" else template.segments
    same_length = len(fixed) == len(segments) or (len(fixed) < len(segments) and fixed != template.segments)
    pairs = zip(fixed, segments, strict=False)
    return same_length and all(segment == wanted or (wanted == "*" and segment) for wanted, segment in pairs)


def _ordered(templates: list[Template], path: str) -> Iterator[Template]:
    """Yield what matches a path, the most specific first; readings with a verb before those without."""
    *first, last = path.split("/")[1:]
    head, colon, verb = last.rpartition(":")
    readings = [([*first, last], "")]
    if colon and verb:
        readings.insert(0, ([*first, head], verb))
    for segments, wanted in readings:
        found = [each for each in templates if each.verb == wanted and _derives(each, segments)]
        yield from sorted(found, key=lambda each: [_RANK.get(segment, 0) for segment in each.segments])


def _slow(rules: set[tuple[str, str]], http_method: str, path: str) -> Any:
    allowed = {"OPTIONS"}
    for template in _ordered([parse(text) for text in sorted({text for _, text in rules})], path):
        methods = {method: method for method, text in rules if text == template.text}
        methods |= {"HEAD": methods.get("HEAD", "GET")} if "GET" in methods else {}
        if http_method in methods or "*" in methods:
            return methods.get(http_method, "*"), template.text
        allowed |= methods.keys()
    return tuple(sorted(allowed)) if len(allowed) > 1 else None


def _fast(rules: set[tuple[str, str]], http_method: str, path: str) -> Any:
    router = Router(Route(method, parse(text), text, (method, text)) for method, text in rules)
    try:
        return router.match(http_method, path).route.target
    except MethodNotAllowed as error:
        return error.allowed
    except NoRoute:
        return None


@given(_rules, st.sampled_from(["GET", "HEAD", "POST", "DELETE"]), _paths)
@example({("GET", "/a/*/b"), ("GET", "/a/a/**")}, "GET", "/a/a/b")
@example({("GET", "/a"), ("GET", "/a/**")}, "GET", "/a")
@example({("GET", "/*/**:go"), ("GET", "/a/*")}, "GET", "/a/:go")
@example({("GET", "/a/**:b")}, "GET", "/a/b")
@example({("GET", "/**")}, "GET", "/a/b/a/b/a/b/a/b/")
def test_router_agrees_with_a_plain_reading(rules: set[tuple[str, str]], http_method: str, path: str) -> None:
    """The trie finds what comes first when every template is tried on its own and the matches are sorted."""
    assert _fast(rules, http_method, path) == _slow(rules, http_method, path)
