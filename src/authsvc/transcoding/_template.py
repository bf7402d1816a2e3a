"""Path templates: the grammar of google.api.http, parsed once at start.

    Template  = "/" Segments [ ":" LITERAL ]
    Segments  = Segment { "/" Segment }
    Segment   = "*" | "**" | LITERAL | Variable
    Variable  = "{" IDENT { "." IDENT } [ "=" Segments ] "}"

`**` may only be the last segment, and a variable contains no variable. A LITERAL is written as it stands
in a URL: RFC 3986 path characters with the rest percent-encoded, without the `*` and `:` of the grammar.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from ._errors import RouteError

ANY = "*"
REST = "**"

_LITERAL = re.compile(r"(?:[A-Za-z0-9._~!$&'()+,;=@-]|%[0-9A-Fa-f]{2})+")
_IDENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
# The escapes of letters, digits and -._~ (RFC 3986, section 2.3).
_NEEDLESS_ESCAPE = re.compile(r"%(?:2[DEde]|3[0-9]|[46][1-9A-Fa-f]|5[0-9AFaf]|7[0-9AEae])")


@dataclass(frozen=True, slots=True)
class Variable:
    """A `{field.path=segments}` of a template.

    Attributes:
        field_path: proto field names, outermost first.
        start: index of the first captured segment.
        stop: index after the last one, or None when the capture runs to the end of the path.
        multi: whether the variable spans segments, so that `%2F` inside it must stay encoded.
        column: 1-based position of its opening brace.

    """

    field_path: tuple[str, ...]
    start: int
    stop: int | None
    multi: bool
    column: int

    @property
    def name(self) -> str:
        """The dotted field path, as written."""
        return ".".join(self.field_path)


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed path template (google.api.http).

    Attributes:
        text: the template as written.
        segments: literals, `*` and `**`, variables flattened; escapes in upper case.
        verb: the part after the final colon, or empty.
        variables: in the order of the text.

    """

    text: str
    segments: tuple[str, ...]
    verb: str
    variables: tuple[Variable, ...]

    @property
    def shape(self) -> tuple[tuple[str, ...], str]:
        """What decides which paths match; templates that differ only in variable names share it."""
        return self.segments, self.verb


def parse(text: str) -> Template:
    """Parse a path template.

    Raises:
        RouteError: the text is outside the grammar of google.api.http; names the column.

    """
    return _Parser(text).template()


def check_prefix(text: str) -> None:
    """Check that what is to stand before templates consists of literal segments.

    Raises:
        RouteError: it does not; names the column.

    """
    _Parser(text).prefix()


def normal_escapes(text: str) -> str:
    """Write percent-escapes in upper case, the equivalence RFC 3986, section 6.2.2.1, gives them."""
    if "%" not in text:
        return text
    return _ESCAPE.sub(lambda escape: escape[0].upper(), text)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._segments: list[str] = []
        self._rest_at: int | None = None
        self._variables: list[Variable] = []

    def template(self) -> Template:
        self._expect("/")
        self._path(self._segment)
        verb = self._literal("a verb") if self._take(":") else ""
        self._end()
        return Template(self._text, tuple(self._segments), verb, tuple(self._variables))

    def prefix(self) -> None:
        self._expect("/")
        self._path(lambda: self._append(self._literal("a literal segment")))
        self._end()

    def _path(self, segment: Callable[[], None]) -> None:
        segment()
        while self._take("/"):
            segment()

    def _segment(self) -> None:
        if self._text.startswith("{", self._at):
            self._variable()
        else:
            self._plain_segment()

    def _plain_segment(self) -> None:
        if self._text.startswith("{", self._at):
            self._fail("a variable cannot contain a variable")
        here = self._at
        if self._take(REST):
            self._append(REST)
            self._rest_at = here
        else:
            self._append(ANY if self._take(ANY) else self._literal("a segment"))

    def _append(self, segment: str) -> None:
        if self._rest_at is not None:
            self._fail("** must be the last segment", at=self._rest_at)
        self._segments.append(segment)

    def _variable(self) -> None:
        opening, start = self._at, len(self._segments)
        self._expect("{")
        field_path = self._field_path()
        if self._take("="):
            self._path(self._plain_segment)
        else:
            self._append(ANY)
        self._expect("}")
        if any(known.field_path == field_path for known in self._variables):
            self._fail("the variable is used twice", at=opening)
        captured = self._segments[start:]
        stop = None if REST in captured else len(self._segments)
        multi = len(captured) > 1 or REST in captured
        self._variables.append(Variable(field_path, start, stop, multi, opening + 1))

    def _field_path(self) -> tuple[str, ...]:
        names = [self._token(_IDENT, "a field name")]
        while self._take("."):
            names.append(self._token(_IDENT, "a field name"))
        return tuple(names)

    def _literal(self, what: str) -> str:
        here = self._at
        text = self._token(_LITERAL, what)
        # With and without such an escape a path is the same (RFC 3986, section 6.2.2.2), and could be claimed twice.
        needless = _NEEDLESS_ESCAPE.search(text)
        if needless is not None:
            self._fail(f"{needless[0]} needs no escape; write it unescaped", at=here + needless.start())
        return normal_escapes(text)

    def _token(self, pattern: re.Pattern[str], what: str) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            self._fail(f"expected {what}")
        self._at = found.end()
        return found[0]

    def _end(self) -> None:
        if self._at < len(self._text):
            self._fail("unexpected character")

    def _take(self, symbol: str) -> bool:
        if not self._text.startswith(symbol, self._at):
            return False
        self._at += len(symbol)
        return True

    def _expect(self, symbol: str) -> None:
        if not self._take(symbol):
            self._fail(f"expected '{symbol}'")

    def _fail(self, reason: str, *, at: int | None = None) -> NoReturn:
        column = (self._at if at is None else at) + 1
        raise RouteError(reason, template=self._text, column=column)
