"""From path templates to OpenAPI paths, in which every parameter is one segment.

A variable that spans segments is taken apart: its literals stay, and each of its wildcards becomes a parameter that
is named after the collection before it. `{name=publishers/*/books/*}` gives `publishers/{publisher}/books/{book}`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .._template import ANY, REST, Template, Variable

_ENDINGS = (("ies", "y"), ("lves", "lf"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("ss", "ss"))
_NO_NAME = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Hole:
    """A wildcard of a template.

    Attributes:
        name: of the path parameter.
        variable: what it belongs to; None for a wildcard outside of variables.
        rest: whether it takes all segments that are left.

    """

    name: str
    variable: Variable | None
    rest: bool

    @property
    def whole(self) -> bool:
        """Whether the hole is all that its variable captures."""
        return self.variable is not None and not self.variable.multi


def holes(template: Template, spelled: Callable[[Variable], str]) -> list[Hole]:
    """Return the wildcards of a template, in order; `spelled` gives a variable's name in the document."""
    found: list[Hole] = []
    for index, segment in enumerate(template.segments):
        if segment in {ANY, REST}:
            variable = _around(template, index)
            name = _unique(_name(template, index, variable, spelled), [hole.name for hole in found])
            found.append(Hole(name, variable, rest=segment == REST))
    return found


def path_text(template: Template, names: Sequence[str]) -> str:
    """Return the path with its parameters, given their names; templates with the same holes differ in nothing else."""
    left = iter(names)
    shown = [f"{{{next(left)}}}" if segment in {ANY, REST} else segment for segment in template.segments]
    return f"/{'/'.join(shown)}{_verb(template)}"


def part_text(template: Template, variable: Variable, names: Sequence[str]) -> str:
    """Return what a variable consists of, with the parameters in it."""
    segments = path_text(template, names).removesuffix(_verb(template)).split("/")[1:]
    return "/".join(segments[variable.start : variable.stop])


def _verb(template: Template) -> str:
    return f":{template.verb}" if template.verb else ""


def _around(template: Template, index: int) -> Variable | None:
    for variable in template.variables:
        if variable.start <= index and (variable.stop is None or index < variable.stop):
            return variable
    return None


def _name(template: Template, index: int, variable: Variable | None, spelled: Callable[[Variable], str]) -> str:
    if variable is not None and not variable.multi:
        return spelled(variable)
    start = variable.start if variable else 0
    before = template.segments[index - 1] if index > start else ""
    if before not in {"", ANY, REST}:
        return _NO_NAME.sub("_", singular(before))
    return spelled(variable) if variable else "segment"


def singular(word: str) -> str:
    """Return the name of one of a collection, as far as spelling tells."""
    for ending, instead in _ENDINGS:
        if word.endswith(ending):
            return word.removesuffix(ending) + instead
    return word.removesuffix("s") or word


def _unique(name: str, taken: Sequence[str]) -> str:
    return next(each for each in _numbered(name) if each not in taken)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1
