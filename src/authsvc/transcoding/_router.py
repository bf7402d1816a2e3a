"""From an HTTP method and a raw path to a route: a trie over path segments, built once.

Segments are compared while still percent-encoded, so an encoded slash never splits one (google.api.http;
RFC 3986, section 2.2). Literal wins over `*`, `*` over `**`, and the search backtracks out of a branch
that leads nowhere or serves another HTTP method. The trie is a tree: a lookup visits each node at most
once for each reading of the path, whatever the path.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Generic, NamedTuple, TypeVar

from ._errors import MethodNotAllowed, NoRoute, RouteError
from ._template import ANY, REST, Template, Variable, normal_escapes

ANY_METHOD = "*"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Route(Generic[T]):
    """One way to reach an RPC.

    Attributes:
        http_method: such as `GET`, compared as it stands; `*` stands for every method, none of which may be another's.
        template: the parsed path.
        name: full name of the RPC, for start-up errors.
        target: whatever the caller wants back from a match.

    """

    http_method: str
    template: Template
    name: str
    target: T


class Match(NamedTuple, Generic[T]):
    """A found route and what its variables captured: dotted name to text, still percent-encoded."""

    route: Route[T]
    captures: Mapping[str, str]


class _Leaf(NamedTuple, Generic[T]):
    """A route, with the places of its variables in a path split at its slashes."""

    route: Route[T]
    segments: Sequence[tuple[str, int]]
    spans: Sequence[tuple[str, slice]]


@dataclass(slots=True)
class _End(Generic[T]):
    """What one template serves, by HTTP method, and the value of `Allow` that comes of it."""

    methods: dict[str, _Leaf[T]] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()

    def claimed(self, http_method: str) -> _Leaf[T] | None:
        """Whose the HTTP method is already."""
        if http_method == ANY_METHOD:
            return next(iter(self.methods.values()), None)
        return self.methods.get(http_method) or self.methods.get(ANY_METHOD)

    def complete(self) -> None:
        # HEAD is GET without the content of the answer (RFC 9110, section 9.3.2).
        if "GET" in self.methods:
            self.methods.setdefault("HEAD", self.methods["GET"])
        # Whoever serves the paths answers OPTIONS with this very list.
        self.allowed = tuple(sorted({"OPTIONS", *self.methods}))


@dataclass(slots=True)
class _Node(Generic[T]):
    literals: "dict[str, _Node[T]]" = field(default_factory=dict)
    star: "_Node[T] | None" = None
    # Where a `**` that starts here leads: a node that only has ends, whatever remains of the path.
    rest: "_Node[T] | None" = None
    # By verb; the empty one for templates without.
    ends: dict[str, _End[T]] = field(default_factory=dict)


class Router(Generic[T]):
    """Finds the route of a request; immutable once built."""

    def __init__(self, routes: Iterable[Route[T]]) -> None:
        """Build the trie.

        Raises:
            RouteError: two routes claim the same HTTP method and the same paths.

        """
        self._root: _Node[T] = _Node()
        self._verbs: set[str] = set()
        # Deeper than any template a path need not be split: what is left there can only belong to a `**`.
        self._splits = 1
        self._escapes = False  # whether a literal has any, so that those of a path have to be compared
        # What needs no search: by path and HTTP method, what the only path of a template leads to. Literal wins.
        self._literal: dict[str, dict[str, Match[T]]] = {}
        for (segments, verb), end in [(route.template.shape, self._add(route)) for route in routes]:
            end.complete()
            if ANY not in segments and REST not in segments:
                path = "/".join(["", *segments]) + (f":{verb}" if verb else "")
                self._literal[path] = {method: _match(leaf, ["", *segments]) for method, leaf in end.methods.items()}

    def match(self, http_method: str, raw_path: str) -> Match[T]:
        """Find the route of a path that is still percent-encoded and has no query.

        A colon in the last segment is read as a verb where some route has that verb, else as data. An
        empty segment, and so a trailing slash, matches `**` only. HEAD is served by the route of GET
        unless it has one of its own.

        Raises:
            NoRoute: no template matches.
            MethodNotAllowed: templates match, but for other HTTP methods.

        """
        known = self._literal.get(raw_path)
        if known is not None and http_method in known:
            return known[http_method]
        if not raw_path.startswith("/"):
            raise NoRoute
        segments = raw_path.split("/", self._splits)
        keys = segments
        if self._escapes and "%" in raw_path:
            keys = normal_escapes(raw_path).split("/", self._splits)
        missed: list[_End[T]] = []
        if ":" in segments[-1]:
            head, _, verb = keys[-1].rpartition(":")
            if verb in self._verbs:
                leaf = self._find([*keys[:-1], head], verb, http_method, missed)
                if leaf is not None:
                    segments[-1] = segments[-1].rpartition(":")[0]
                    return _match(leaf, segments)
        leaf = self._find(keys, "", http_method, missed)
        if leaf is not None:
            return _match(leaf, segments)
        if missed:
            allowed = (
                missed[0].allowed if len(missed) == 1 else tuple(sorted({*chain(*(end.allowed for end in missed))}))
            )
            raise MethodNotAllowed(allowed)
        raise NoRoute

    def _find(self, keys: Sequence[str], verb: str, http_method: str, missed: list[_End[T]]) -> _Leaf[T] | None:
        """Search one reading of the path, collecting in `missed` what other HTTP methods are served by."""
        size = len(keys)
        # The first key is what precedes the leading slash.
        node, depth = self._root, 1
        # Branches passed by, the best last.
        left: list[tuple[_Node[T], int]] = []
        while True:
            following = None
            if node.rest is not None:
                left.append((node.rest, size))
            if depth < size:
                key = keys[depth]
                depth += 1
                following = node.literals.get(key)
                if node.star is not None and key:
                    if following is None:
                        following = node.star
                    else:
                        left.append((node.star, depth))
            elif verb in node.ends:
                end = node.ends[verb]
                leaf = end.methods.get(http_method) or end.methods.get(ANY_METHOD)
                if leaf is not None:
                    return leaf
                missed.append(end)
            if following is not None:
                node = following
            elif left:
                node, depth = left.pop()
            else:
                return None

    def _add(self, route: Route[T]) -> _End[T]:
        segments, verb = route.template.shape
        node = self._root
        for segment in segments:
            if segment == REST:
                node.rest = node.rest or _Node()
                node = node.rest
            elif segment == ANY:
                node.star = node.star or _Node()
                node = node.star
            else:
                node = node.literals.setdefault(segment, _Node())
        if verb:
            self._verbs.add(verb)
        self._escapes |= "%" in verb or any("%" in segment for segment in segments)
        self._splits = max(self._splits, len(segments) + 1)
        end = node.ends.setdefault(verb, _End())
        taken = end.claimed(route.http_method)
        if taken is not None:
            raise _clash(route, taken.route)
        end.methods[route.http_method] = _leaf(route)
        return end


def _clash(route: Route[Any], taken: Route[Any]) -> RouteError:
    reason = f"{route.http_method} of this path already belongs to {taken.name}"
    if route.http_method != taken.http_method:
        named = taken.http_method if route.http_method == ANY_METHOD else route.http_method
        reason = f"{named} of this path already belongs to {taken.name}, and * stands for every HTTP method"
    return RouteError(reason, method=route.name, template=route.template.text, column=1)


def _leaf(route: Route[T]) -> _Leaf[T]:
    variables = route.template.variables
    single = [each for each in variables if each.stop == each.start + 1]
    spans = [(each.name, _span(each)) for each in variables if each not in single]
    return _Leaf(route, [(each.name, each.start + 1) for each in single], spans)


def _span(variable: Variable) -> slice:
    # One further than in the template: a path split at its slashes begins with an empty piece.
    return slice(variable.start + 1, None if variable.stop is None else variable.stop + 1)


def _match(leaf: _Leaf[T], segments: Sequence[str]) -> Match[T]:
    captures: dict[str, str] = {}
    for name, index in leaf.segments:
        captures[name] = segments[index]
    for name, span in leaf.spans:
        captures[name] = "/".join(segments[span])
    return Match(leaf.route, captures)
