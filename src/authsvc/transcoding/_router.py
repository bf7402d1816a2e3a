"""From an HTTP method and a raw path to a route: a trie over path segments, built once.

Segments are compared while still percent-encoded, so an encoded slash never splits one (google.api.http;
RFC 3986, section 2.2). Literal wins over `*`, `*` over `**`, and the search backtracks out of a branch
that leads nowhere or serves another HTTP method. The trie is a tree: a lookup visits each node at most
once for each reading of the path, whatever the path.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ._errors import MethodNotAllowed, NoRoute, RouteError
from ._template import ANY, REST, Template, Variable, normal_escapes

ANY_METHOD = "*"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Route(Generic[T]):
    """One way to reach an RPC.

    Attributes:
        http_method: such as `GET`, compared as it stands; `*` stands for every method.
        template: the parsed path.
        name: full name of the RPC, for start-up errors.
        target: whatever the caller wants back from a match.

    """

    http_method: str
    template: Template
    name: str
    target: T


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """A found route and what its variables captured: dotted name to text, still percent-encoded."""

    route: Route[T]
    captures: Mapping[str, str]


@dataclass(slots=True)
class _Node(Generic[T]):
    literals: "dict[str, _Node[T]]" = field(default_factory=dict)
    star: "_Node[T] | None" = None
    # Keyed by verb, then by HTTP method. `rest` holds the routes whose `**` starts at this node.
    ends: dict[str, dict[str, Route[T]]] = field(default_factory=dict)
    rest: dict[str, dict[str, Route[T]]] = field(default_factory=dict)


class Router(Generic[T]):
    """Finds the route of a request; immutable once built."""

    def __init__(self, routes: Iterable[Route[T]]) -> None:
        """Build the trie.

        Raises:
            RouteError: two routes claim the same HTTP method and the same paths.

        """
        self._root: _Node[T] = _Node()
        self._verbs: set[str] = set()
        for route in routes:
            self._add(route)

    def match(self, http_method: str, raw_path: str) -> Match[T]:
        """Find the route of a path that is still percent-encoded and has no query.

        A colon in the last segment is read as a verb where some route has that verb, else as data.
        An empty segment, and so a trailing slash, matches nothing.

        Raises:
            NoRoute: no template matches.
            MethodNotAllowed: templates match, but for other HTTP methods.

        """
        allowed: set[str] = set()
        for segments, verb in self._readings(raw_path):
            keys = [normal_escapes(segment) for segment in segments]
            for routes in _candidates(self._root, keys, 0, verb):
                route = routes.get(http_method) or routes.get(ANY_METHOD)
                if route is not None:
                    return Match(route, _captures(route.template.variables, segments))
                allowed.update(routes)
        if allowed:
            raise MethodNotAllowed(tuple(sorted(allowed)))
        raise NoRoute

    def _readings(self, raw_path: str) -> Iterator[tuple[list[str], str]]:
        segments = [] if raw_path == "/" else raw_path.split("/")[1:]
        if not raw_path.startswith("/") or "" in segments:
            return
        if segments:
            head, _, verb = segments[-1].rpartition(":")
            verb = normal_escapes(verb)
            if head and verb in self._verbs:
                yield [*segments[:-1], head], verb
        yield segments, ""

    def _add(self, route: Route[T]) -> None:
        segments, verb = route.template.shape
        node, leaves = self._root, None
        for segment in segments:
            if segment == REST:
                leaves = node.rest
            elif segment == ANY:
                node.star = node.star or _Node()
                node = node.star
            else:
                node = node.literals.setdefault(segment, _Node())
        routes = (node.ends if leaves is None else leaves).setdefault(verb, {})
        taken = routes.setdefault(route.http_method, route)
        if taken is not route:
            reason = f"{route.http_method} of this path already belongs to {taken.name}"
            raise RouteError(reason, method=route.name, template=route.template.text)
        if verb:
            self._verbs.add(verb)


def _candidates(node: _Node[T], keys: Sequence[str], depth: int, verb: str) -> Iterator[Mapping[str, Route[T]]]:
    if depth < len(keys):
        literal = node.literals.get(keys[depth])
        if literal is not None:
            yield from _candidates(literal, keys, depth + 1, verb)
        if node.star is not None:
            yield from _candidates(node.star, keys, depth + 1, verb)
    elif verb in node.ends:
        yield node.ends[verb]
    if verb in node.rest:
        yield node.rest[verb]


def _captures(variables: Iterable[Variable], segments: Sequence[str]) -> dict[str, str]:
    return {variable.name: "/".join(segments[variable.start : variable.stop]) for variable in variables}
