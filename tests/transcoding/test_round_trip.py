"""Template to path to match: what a client puts into a path comes out of it."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from authsvc.transcoding import Transcoder

from .foreign import method, rule

_FIELDS = ("id", "name", "renamed", "left", "child.id", "child.name")
_literals = st.sampled_from(["a", "b-c", "v1", "x%20y", "~", "a.b"])
# Any text, and much that could be taken for the separators of a path.
_texts = st.text(alphabet=st.sampled_from("ab/:?#%+. *{}ü\U0001f98a"), min_size=1, max_size=6) | st.text(min_size=1)
_segments = _texts.filter(lambda text: "/" not in text)


@dataclass
class _Made:
    """A template, a path that it derives, and the values that the path holds."""

    template: list[str] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)


@st.composite
def _made(draw: st.DrawFn) -> _Made:
    made = _Made()
    names = draw(st.permutations(_FIELDS))[: draw(st.integers(0, 3))]
    for name in names:
        if draw(st.booleans()):
            _literal(draw, made)
        kind = draw(st.sampled_from(["one", "one", "several", "rest"]))
        if kind == "one":
            value = draw(_texts)
            made.template.append(draw(st.sampled_from([f"{{{name}}}", f"{{{name}=*}}"])))
            made.path.append(_encode(draw, value))
        elif kind == "several" or name != names[-1]:
            literal, inner = draw(st.sampled_from(["books", "authors"])), draw(_segments)
            value = f"{literal}/{inner}"
            made.template.append(f"{{{name}={literal}/*}}")
            made.path += [literal, _encode(draw, inner)]
        else:
            parts = draw(st.lists(_segments, min_size=1, max_size=3))
            value = "/".join(parts)
            made.template.append(f"{{{name}=**}}")
            made.path += [_encode(draw, part) for part in parts]
        made.values[name] = value
    if not made.template:
        _literal(draw, made)
    return made


def _literal(draw: st.DrawFn, made: _Made) -> None:
    literal = draw(_literals)
    made.template.append(literal)
    made.path.append(literal)


def _encode(draw: st.DrawFn, text: str) -> str:
    # Clients need not encode what a segment may hold as it is (RFC 3986, section 3.3).
    return quote(text, safe=draw(st.sampled_from(["", "!$&'()*+,;=@", ":@"])))


def _value(message: Any, name: str) -> Any:
    for part in name.split("."):
        message = getattr(message, part)
    return message


@given(made=_made(), verb=st.sampled_from(["", ":go"]))
def test_a_path_brings_its_values(made: _Made, verb: str) -> None:
    """A path made from any template and any values matches it, and binds exactly those values."""
    transcoder = Transcoder([method(rule("GET", "/" + "/".join(made.template) + verb))])
    call = transcoder.match("GET", "/" + "/".join(made.path) + verb)
    message = call.message()
    assert {name: _value(message, name) for name in made.values} == made.values
    assert len(message.SerializeToString()) > 0 or not made.values
